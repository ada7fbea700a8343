#!/bin/sh
# Makes the jar, holds it and the samples to API level 23, and runs cases, samples and README.
# Whatever is missing fails.
set -eu
cd "$(dirname "$0")"

JAVA=../java
JAR=build/countersign-verify.jar
STDLIB=/usr/share/java/kotlin-stdlib.jar

main() {
    [ -f $STDLIB ] || { echo "there is no $STDLIB: install kotlin" >&2; exit 1; }
    rm -rf build && mkdir -p build/core build/tests build/sample build/readme build/control
    compile -d build/core $JAVA/src/main/java/countersign/verify/*.java
    jar --create --file $JAR -C build/core .
    compile -d build/tests -cp $JAR $JAVA/src/test/java/countersign/verify/*.java
    javac -encoding UTF-8 -d build/tests test/ApiTest.java

    compile -d build/sample -cp $JAR $JAVA/sample/PlainHttp.java $JAVA/sample/Exchange.java
    kotlin_compile build/sample build/sample sample/SampleServer.kt
    awk '/^```/ { inside = /kotlin/ && !done; done = done || inside; next } inside' README.md >build/readme/Backend.kt
    kotlin_compile build/sample build/readme build/readme/Backend.kt

    own=countersign.,PlainHttp,Exchange,SampleServer,Backend,kotlin.
    java -cp build/tests ApiTest api-23.txt countersign. build/core
    java -cp build/tests ApiTest api-23.txt $own build/sample build/readme
    compile -d build/control test/Control.java
    for missing in java.util.Base64 java.time.Instant java.util.List.sort/1; do
        java -cp build/tests ApiTest api-23.txt Control build/control | grep -qF "$missing" ||
            { echo "the test of the API does not notice $missing" >&2; exit 1; }
    done

    java -cp $JAR:build/tests countersign.verify.CasesTest ../cases/cases.json
    java -cp $JAR:build/tests countersign.verify.VerifierTest
    printf 'signature_secret1\n' >build/secret
    port=$(free_port)
    against "$port" SampleServerTest build/sample SampleServerKt --port "$port" --key signature_key1 --secret-file build/secret
    port=$(free_port)
    against "$port" ReadmeTest build/sample:build/readme -Dport="$port" BackendKt
}

compile() {
    javac -Xlint:all,-options,-try -Werror -encoding UTF-8 --release 8 "$@"
}

kotlin_compile() {
    kotlinc -no-stdlib -no-reflect -jvm-target 1.8 -cp "$JAR:$STDLIB:$1" -d "$2" "$3"
}

free_port() {
    java -cp build/tests countersign.verify.FreePort
}

# Runs a test against a program that listens on the port, sooner or later.
against() {
    port=$1 test=$2 classes=$3 && shift 3
    java -cp "$JAR:$classes:$STDLIB" "$@" >build/told &
    server=$!
    trap 'kill $server 2>/dev/null || true' EXIT
    java -cp $JAR:build/tests countersign.verify.FreePort "$port"
    java -cp $JAR:build/tests "countersign.verify.$test" "$port"
    kill $server
}

main

#!/bin/sh
# Compiles for Java 8 and runs all tests: the cases, the sample server, the README's program, the
# filters in their servers. Whatever is missing fails.
set -eu
cd "$(dirname "$0")"

MAIN=src/main/java/countersign/verify
TESTS=src/test/java/countersign/verify
JARS=/usr/share/java
JETTY=$JARS/jetty9-server.jar:$JARS/jetty9-servlet.jar:$JARS/jetty9-http.jar:$JARS/jetty9-io.jar:$JARS/jetty9-util.jar:$JARS/jetty9-security.jar
TOMCAT=$JARS/tomcat10-embed-core.jar:$JARS/jakarta-annotation-api.jar

main() {
    for jar in servlet-api jetty9-servlet jakarta-servlet-api jakarta-annotation-api tomcat10-embed-core; do
        [ -f "$JARS/$jar.jar" ] || fail "there is no $jar.jar; the README names the packages"
    done
    rm -rf build && mkdir -p build/classes build/filters build/jakarta build/readme

    # The core, without anything else.
    compile -d build/classes $MAIN/*.java
    compile -d build/classes -cp build/classes $TESTS/*.java sample/*.java
    java -cp build/classes countersign.verify.CasesTest ../cases/cases.json
    java -cp build/classes countersign.verify.VerifierTest
    printf 'signature_secret1\n' >build/secret
    against SampleServerTest -cp build/classes SampleServer --port 0 --key signature_key1 --secret-file build/secret

    # The README's program, as it stands there.
    awk '/^```/ { inside = /java/ && !done; done = done || inside; next } inside' README.md >build/readme/Backend.java
    compile -d build/readme -cp build/classes build/readme/Backend.java
    port=$(java -cp build/classes countersign.verify.FreePort)
    against_port "$port" ReadmeTest -Dport="$port" -cp build/classes:build/readme Backend

    filters
}

# The two filters are one text but for the namespace, and so is the servlet that they are tested with.
filters() {
    for name in VerifierFilter VerifiedRequest; do
        jakarta <$MAIN/servlet/$name.java | diff - $MAIN/jakarta/$name.java || fail "the twins of $name differ"
    done
    jakarta <$TESTS/servlet/EchoServlet.java >build/jakarta/EchoServlet.java
    compile -d build/filters -cp build/classes:$JARS/servlet-api.jar $MAIN/servlet/*.java
    compile -d build/filters -cp build/classes:$JARS/jakarta-servlet-api.jar $MAIN/jakarta/*.java
    javac -encoding UTF-8 -d build/filters -cp build/classes:build/filters:$JARS/servlet-api.jar:$JETTY $TESTS/servlet/*.java
    javac -encoding UTF-8 -d build/filters -cp build/classes:build/filters:$TOMCAT build/jakarta/*.java $TESTS/jakarta/*.java
    java -cp build/classes:build/filters:$JARS/servlet-api.jar:$JETTY countersign.verify.servlet.JettyTest
    java -cp build/classes:build/filters:$TOMCAT countersign.verify.jakarta.TomcatTest
}

compile() {
    javac -Xlint:all,-options,-try -Werror -encoding UTF-8 --release 8 "$@"
}

jakarta() {
    sed 's/javax\.servlet/jakarta.servlet/; s/countersign\.verify\.servlet/countersign.verify.jakarta/'
}

# Runs a test against a server that says where it listens.
against() {
    test=$1 && shift
    mkfifo build/told
    java "$@" >build/told &
    server=$!
    trap 'kill $server 2>/dev/null || true' EXIT
    read -r line <build/told
    java -cp build/classes "countersign.verify.$test" "${line##*:}"
    kill $server
    rm build/told
}

# Runs a test against a program that listens on the port, sooner or later.
against_port() {
    port=$1 test=$2 && shift 2
    java "$@" &
    server=$!
    trap 'kill $server 2>/dev/null || true' EXIT
    java -cp build/classes countersign.verify.FreePort "$port"
    java -cp build/classes "countersign.verify.$test" "$port"
    kill $server
}

fail() {
    echo "$1" >&2
    exit 1
}

main

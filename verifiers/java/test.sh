#!/bin/sh
# Compiles for Java 8 and goes through the cases.
set -eu
cd "$(dirname "$0")"
mkdir -p build/classes
javac -Xlint:-options -encoding UTF-8 --release 8 -d build/classes \
    src/main/java/countersign/verify/*.java src/test/java/countersign/verify/*.java sample/*.java
java -cp build/classes countersign.verify.CasesTest ../cases/cases.json

#!/bin/sh
# Compiles with Mono, goes through the cases and the tests, runs the program of the README and the
# sample server, and changes accepted cases at random for some seconds.
set -eu
cd "$(dirname "$0")"
rm -rf build
mkdir build

compile() {
    mcs -langversion:7 -warn:4 -warnaserror "$@"
}

compile -target:library -out:build/Countersign.dll src/*.cs
compile -r:build/Countersign.dll -out:build/sample-server.exe sample/*.cs
awk '/^```$/ && inside { exit } inside; /^```csharp$/ { inside = 1 }' README.md >build/Hello.cs
compile -r:build/Countersign.dll -out:build/Hello.exe build/Hello.cs
# With the sources, so that the steps in between can be tested too.
compile -debug -out:build/tests.exe src/*.cs tests/*.cs
mono --debug build/tests.exe "$PWD" "${CHANGES_SECONDS:-10}"

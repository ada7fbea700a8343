#!/usr/bin/env bash
# Goes through the cases, the tests and the examples, runs the program of the README and the sample
# server, which stays in build/, and changes accepted cases at random for some seconds.
set -euo pipefail
cd "$(dirname "$0")"
# Nothing is downloaded: there is nothing but the standard library.
export GOPROXY=off GOTOOLCHAIN=local

unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "gofmt: $unformatted" >&2; exit 1; }
go vet ./...
go build -o build/sample-server ./cmd/sample-server
go test -count=1 -run '^$' -fuzz FuzzVerify -fuzztime "${FUZZ_TIME:-10s}" -parallel 2 .
go test -count=1 -v ./... | grep -v -e '^=== ' -e '^    --- PASS'

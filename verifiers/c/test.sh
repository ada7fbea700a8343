#!/bin/sh
# Builds everything under the sanitizers and goes through the cases, with OpenSSL and without.
# FUZZ_SECONDS=60 mutates for longer than the usual two seconds.
set -eu
cd "$(dirname "$0")"
CC=${CC:-gcc}
B=build/test
WARNINGS="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror"
SANITIZE="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
# The tests fail allocations on purpose, one after another.
WRAP="-Wl,--wrap=malloc,--wrap=calloc,--wrap=free"

main() {
    mkdir -p "$B"
    python3 -B tests/case_file.py ../cases/cases.json "$B/cases.bin"
    build_and_run mbedtls -DCOUNTERSIGN_NO_OPENSSL -lmbedcrypto
    build_and_run openssl -UCOUNTERSIGN_NO_OPENSSL -lcrypto
    run "$B/openssl-fuzz" "$B/cases.bin" "${FUZZ_SECONDS:-2}"
    make -s sample B="$B/make"
    make -s install MHD=yes B="$B/make" PREFIX="$PWD/$B/installed"
    for each in tests/mhd mhd/sample_server; do
        # shellcheck disable=SC2086
        "$CC" -std=c11 $WARNINGS $SANITIZE -Iinclude -Imhd "$each.c" mhd/countersign_mhd.c src/*.c \
            -lcrypto -lmicrohttpd -o "$B/${each#*/}"
    done
    run "$B/mhd"
    python3 -B tests/live.py "$B/sample_server"
    python3 -B tests/live.py "$B/make/sample_server"
    python3 -B tests/readme.py README.md "$B/installed"
    run "$B/openssl-cases" "$B/cases.bin"
}

build_and_run() {
    for each in cases unit fuzz; do
        wrap=
        [ "$each" = unit ] && wrap=$WRAP
        # shellcheck disable=SC2086
        "$CC" -std=c11 -D_DEFAULT_SOURCE $WARNINGS $SANITIZE $wrap "$2" -Iinclude -Isrc -Itests \
            "tests/$each.c" tests/case_file.c src/*.c "$3" -o "$B/$1-$each"
    done
    run "$B/$1-cases" "$B/cases.bin"
    run "$B/$1-unit" "$B/cases.bin"
}

run() {
    echo "+ $*"
    "$@"
}

main

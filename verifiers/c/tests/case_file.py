"""Writes the shared cases as one flat file, which a C test reads without knowing JSON.

    python3 case_file.py ../../cases/cases.json FILE

Every field is its length (32 bits, little-endian) and its bytes; a list is its length as text, then its
fields; what is absent is an empty field. The order of the fields is that of `case_file.c`.
"""

import base64
import json
import struct
import sys


def main() -> None:
    with open(sys.argv[1], encoding="ascii") as file:
        given = json.load(file)
    fields = []
    fields.append(len(given["keys"]))
    for entry in given["keys"]:
        fields += [entry["scheme"], entry["key"], len(entry["secrets"]), *entry["secrets"]]
    fields.append(len(given["cases"]))
    for case in given["cases"]:
        fields += case_fields(case)
    with open(sys.argv[2], "wb") as file:
        for field in fields:
            data = field if isinstance(field, bytes) else str(field).encode()
            file.write(struct.pack("<I", len(data)) + data)


def case_fields(case: dict) -> list:
    known = {"signature_header", "clock_skew_seconds_max", "required_headers"}
    known |= {"unsigned_payload_allowed", "body_bytes_max", "replay_guard_answers"}
    options, expected, stages = case["options"], case["expected"], case.get("stages", {})
    unknown = set(options) - known
    if unknown:
        sys.exit(f"{case['id']} has options that the test does not know: {unknown}")
    headers = [latin(text) for pair in case["headers"] for text in pair]
    required = options.get("required_headers", [])
    return [
        case["id"],
        case["kind"],
        latin(case["method"]),
        latin(case["target"]),
        len(case["headers"]),
        *headers,
        base64.b64decode(case["body_b64"]),
        case["now"],
        options.get("signature_header", ""),
        options.get("clock_skew_seconds_max", ""),
        len(required),
        *required,
        flag(options.get("unsigned_payload_allowed")),
        options.get("body_bytes_max", ""),
        flag(options.get("replay_guard_answers")),
        expected.get("refused", ""),
        expected.get("key", ""),
        expected.get("scheme", ""),
        flag(expected.get("payload_signed")),
        latin(stages.get("canonical_request", "")),
        latin(stages.get("string_to_sign", "")),
        stages.get("signature", ""),
    ]


def latin(text: str) -> bytes:
    """One character stands for one byte."""
    return text.encode("latin-1")


def flag(value: object) -> str:
    return {None: "", True: "yes", False: "no"}[value]


if __name__ == "__main__":
    main()

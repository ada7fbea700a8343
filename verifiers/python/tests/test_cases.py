"""The cases that every verifier is held to."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import unittest
from collections import Counter
from pathlib import Path

from countersign_verify import Options, Refused, Request, verify
from countersign_verify.canonical import canonical_request, string_to_sign
from countersign_verify.claim import parse_claim
from countersign_verify.request import as_bytes, by_name

FILE = Path(__file__).parents[2] / "cases" / "cases.json"
CASES = json.loads(FILE.read_text(encoding="ascii"))
SECRETS = {(entry["scheme"], entry["key"]): entry["secrets"] for entry in CASES["keys"]}


class TestCases(unittest.TestCase):
    def test_every_case(self) -> None:
        wanted: Counter = Counter()
        passed: Counter = Counter()
        for case in CASES["cases"]:
            wanted[case["kind"]] += 1
            with self.subTest(case["id"], says=case["says"]):
                self.assertEqual(outcome(case), case["expected"])
                if "stages" in case:
                    self.assertEqual(stages(case), case["stages"])
                passed[case["kind"]] += 1
        tally = [f"{passed[kind]}/{wanted[kind]}" for kind in ("vector", "accept", "refuse")]
        print("\nCASES vectors={} accepts={} refusals={}".format(*tally))
        self.assertGreaterEqual(wanted["refuse"], 40)

    def test_a_stream_is_read_as_bytes_are(self) -> None:
        for case in CASES["cases"]:
            with self.subTest(case["id"]):
                self.assertEqual(outcome(case, io.BytesIO(body_of(case))), case["expected"])


def outcome(case: dict, body: object = None) -> dict:
    options = dict(case["options"])
    if "replay_guard_answers" in options:
        answer = options.pop("replay_guard_answers")
        options["replay_guard"] = lambda key, signature, expires_at: answer
    body = body_of(case) if body is None else body
    request = Request(case["method"], case["target"], case["headers"], body)
    try:
        verified = verify(request, lookup, Options(**options), now=case["now"])
    except Refused as refused:
        return {"refused": refused.reason.value}
    return {
        "key": verified.key,
        "scheme": verified.scheme.value,
        "payload_signed": verified.payload_signed,
    }


def lookup(scheme: str, key: str) -> list:
    return SECRETS.get((scheme, key), [])


def body_of(case: dict) -> bytes:
    return base64.b64decode(case["body_b64"])


def stages(case: dict) -> dict:
    """The texts on the way to the signature, from the parts that the claim names."""
    headers = by_name(case["headers"])
    header = case["options"].get("signature_header", "authorization").lower().encode()
    claim = parse_claim(headers[header][0])
    signed = [(name, headers[name.encode()][0]) for name in claim.signed_headers]
    sent_payload = headers.get(b"x-sdk-content-sha256")
    body_hash = hashlib.sha256(body_of(case)).hexdigest().encode()
    payload = sent_payload[0] if sent_payload else body_hash
    canonical = canonical_request(case["method"], as_bytes(case["target"]), signed, payload)
    text = string_to_sign(headers[b"x-sdk-date"][0].strip(), canonical)
    return {
        "canonical_request": canonical.decode("latin-1"),
        "string_to_sign": text.decode(),
        "signature": claim.signature,
    }


if __name__ == "__main__":
    unittest.main()

"""A signer for tests, and the moment they take place in."""

from __future__ import annotations

import hashlib
import hmac
from typing import Dict

from countersign_verify.canonical import canonical_request, string_to_sign

NOW = 1_795_435_200
DATE = "20261123T120000Z"
KEY, SECRET = "signature_key1", "signature_secret1"


def signed(method: str, target: str, body: bytes = b"", host: str = "backend", date: str = DATE) -> Dict[str, str]:
    """The headers of a signed request."""
    headers = [("host", host.encode()), ("x-sdk-date", date.encode())]
    payload = hashlib.sha256(body).hexdigest().encode()
    canonical = canonical_request(method, target.encode("latin-1"), headers, payload)
    text = string_to_sign(date.encode(), canonical)
    signature = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    return {
        "Host": host,
        "X-Sdk-Date": date,
        "Authorization": f"SDK-HMAC-SHA256 Access={KEY}, SignedHeaders=host;x-sdk-date, "
        f"Signature={signature}",
    }


def lookup(scheme: str, key: str) -> object:
    return SECRET if key == KEY else None

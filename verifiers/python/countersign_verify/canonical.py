"""The canonical request and the string to sign. Never holds a secret."""

from __future__ import annotations

import hashlib
from typing import Sequence, Tuple
from urllib.parse import quote, unquote_to_bytes

from .request import WHITE_SPACE

ALGORITHM = "SDK-HMAC-SHA256"


def canonical_request(
    method: str, target: bytes, headers: Sequence[Tuple[str, bytes]], payload: bytes
) -> bytes:
    """The one form in which signer and verifier read a request.

    ``headers`` are the signed ones, names in lower case and ascending; ``payload`` is the body's
    SHA-256 in hex, or the value of ``x-sdk-content-sha256`` where that is sent.
    """
    path, _, query = target.partition(b"?")
    lines = [name.encode() + b":" + value.strip(WHITE_SPACE) + b"\n" for name, value in headers]
    return b"\n".join(
        [
            method.encode("latin-1", "replace").upper(),
            _uri(path),
            _query(query),
            b"".join(lines),
            ";".join(name for name, _ in headers).encode(),
            payload,
        ]
    )


def string_to_sign(date: bytes, canonical: bytes) -> bytes:
    """What the HMAC is made of."""
    digest = hashlib.sha256(canonical).hexdigest()
    return b"\n".join([ALGORITHM.encode(), date, digest.encode()])


def _uri(path: bytes) -> bytes:
    uri = quote(unquote_to_bytes(path), safe="/")
    return (uri if uri.endswith("/") else uri + "/").encode()


def _query(query: bytes) -> bytes:
    parts = (parameter.partition(b"=") for parameter in query.split(b"&"))
    meant = ((unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in parts if name)
    written = (f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(meant))
    return "&".join(written).encode()

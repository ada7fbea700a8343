"""Random requests, the same for the same seed.

What a request may be, and what is left out because it is known that the public Python signer and
the field's rules part ways there, or because a node answers 400 by rule:

  rule                                              why it is left out
  escapes that are not UTF-8 (`%FF`, `%C3%28`)      the public Python signer decodes them to U+FFFD
                                                    and signs that; Countersign signs the bytes
  `%00`, `%5C`, raw backslash in a path             400: readers differ on where such a path leads
  a malformed escape in a path (`/a%zz`)            400: the same
  dot segments behind `%2F` (`/a%2F..`), a climb    400: a backend that decodes first would climb
  above the root

Everything else that fits a request line is in: see the tables below.
"""

import random
import string

from wire import Request

METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]
BODY_BYTES_MAX = 64 * 1024
UNRESERVED = string.ascii_letters + string.digits + "-._~"
PATH_RESERVED = "!$&'()*+,;=:@"
QUERY_RESERVED = "!$'()*,;:@/?[]"
# Characters that stand for something else when they are not escaped.
MEANINGFUL = "%/?#&=+ \"<>[]{}|^`;:@!$'()*,~"
UNICODE = [(0xA0, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF)]


def random_request(rng: random.Random, number: int, prefixes: list[str]) -> Request:
    method = rng.choice(METHODS)
    prefix = rng.choice(prefixes)
    request = Request(number, method, prefix + _path(rng) + _query(rng))
    if method in ("POST", "PUT", "PATCH") or (method in ("DELETE", "GET") and rng.random() < 0.2):
        request.body = _body(rng)
        request.chunked = rng.random() < 0.3
    if rng.random() < 0.3:
        # Space around a value belongs to the wire, space within to the value.
        request.headers.append(("X-Mark", f"  a  {rng.randrange(1000)}\t"))
    if rng.random() < 0.2:
        request.headers.append(("Authorization", "SDK-HMAC-SHA256 Access=mine, forged"))
        request.headers.append(("X-Sdk-Date", "20000101T000000Z"))
        request.headers.append(("x-sdk-content-sha256", "UNSIGNED-PAYLOAD"))
    if rng.random() < 0.2:
        request.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    return request


def _path(rng: random.Random) -> str:
    segments = [_segment(rng) for _ in range(rng.randrange(6))]
    if rng.random() < 0.1 and segments:
        # One step down and up again, which the node resolves; never above the prefix.
        segments[1:1] = rng.choice([["."], ["x", ".."], ["%2e"], ["x", "%2E%2e"], ["x", ".%2e"]])
    path = "".join("/" + segment for segment in segments)
    return path + "/" if rng.random() < 0.2 else path


def _segment(rng: random.Random) -> str:
    if rng.random() < 0.08:
        return ""
    kinds = [
        lambda: rng.choice(UNRESERVED),
        lambda: rng.choice(PATH_RESERVED),
        lambda: _escape(rng, rng.choice(MEANINGFUL)),
        lambda: _escape(rng, _unicode(rng)),
        lambda: _escape(rng, rng.choice(UNRESERVED)),
    ]
    # First a letter, so that no segment becomes one of dots by chance, nor one behind `%2F`.
    return "s" + "".join(_undotted(rng.choice(kinds)()) for _ in range(rng.randrange(8)))


def _undotted(text: str) -> str:
    return text.replace("%2F", "%2Fs").replace("%2f", "%2fs")


def _query(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return ""
    names = [_text(rng) for _ in range(3)] + ["a", "b", "limit"]
    parameters = []
    for _ in range(rng.randrange(9)):
        name = rng.choice(names)
        parameters.append(
            rng.choice(
                [
                    lambda: f"{name}={_text(rng)}",
                    lambda: f"{name}={_text(rng)}",
                    lambda: f"{name}=",
                    lambda: name,
                    lambda: f"{name}={_text(rng)}={_text(rng)}",
                    lambda: f"={_text(rng)}",
                    lambda: "",
                ]
            )()
        )
    return "?" + "&".join(parameters)


def _text(rng: random.Random) -> str:
    kinds = [
        lambda: rng.choice(UNRESERVED),
        lambda: rng.choice(UNRESERVED),
        lambda: rng.choice(QUERY_RESERVED),
        lambda: "+",
        lambda: "%20",
        lambda: _escape(rng, rng.choice(MEANINGFUL)),
        lambda: _escape(rng, _unicode(rng)),
        lambda: rng.choice(["%", "%z", "%2", "%G1"]) + "~" if rng.random() < 0.1 else "-",
    ]
    return "".join(rng.choice(kinds)() for _ in range(rng.randrange(1, 9)))


def _escape(rng: random.Random, text: str) -> str:
    form = rng.choice(["%{:02X}", "%{:02x}"])
    return "".join(form.format(byte) for byte in text.encode("utf-8"))


def _unicode(rng: random.Random) -> str:
    return chr(rng.randint(*rng.choice(UNICODE)))


def _body(rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.15:
        return b""
    if kind < 0.2:
        return rng.randbytes(BODY_BYTES_MAX)
    return rng.randbytes(int(2 ** rng.uniform(0, 16)))

"""Random requests, the same for the same seed.

What is left out because a node answers 400 by rule:

  `%00`, `%5C`, a raw backslash in a path           readers differ on where such a path leads
  a malformed escape in a path (`/a%zz`)            the same
  dot segments behind `%2F` (`/a%2F..`), a climb    a backend that decodes first would climb
  above the root
  raw bytes above 0x7F in a path, or in a query     they must come as escapes
  that is forwarded raw

Everything else that fits a request line is in: see the tables below. Some requests are plain in
their path, query or body, so that what a signer makes of the other parts is seen by itself.
"""

import json
import random
import string

from wire import Request

METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]
BODY_BYTES_MAX = 1024 * 1024
UNRESERVED = string.ascii_letters + string.digits + "-._~"
PATH_RESERVED = "!$&()*+,;=:@"
# What some readers escape in a path, though it may come unescaped.
PATH_ODD = "'\"^{|}[]"
QUERY_RESERVED = "!$'()*,;:@/?[]"
# Characters that stand for something else when they are not escaped.
MEANINGFUL = "%/?#&=+ \"<>[]{}|^`;:@!$'()*,~"
# Two bytes in UTF-8, three, three behind the surrogates, four.
UNICODE = [(0xA0, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF)]
NOT_UTF8 = ["%FF", "%c3%28", "%C3", "%ed%a0%80", "%C0%AF", "%f4%90%80%80"]


def random_request(
    rng: random.Random, number: int, prefixes: list[str], normalized: set[str]
) -> Request:
    """One to an API of `prefixes`; the queries of those in `normalized` may come unescaped."""
    method = rng.choice(METHODS)
    prefix = rng.choice(prefixes)
    query = _query(rng, raw_unicode=prefix in normalized)
    request = Request(number, method, prefix + _path(rng) + query)
    if method in ("POST", "PUT", "PATCH") or (method in ("DELETE", "GET") and rng.random() < 0.2):
        request.body = _body(rng)
        # One that is empty is told from none by its chunks alone.
        request.chunked = rng.random() < (0.3 if request.body else 0.7)
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
    kinds = [
        lambda: rng.choice(UNRESERVED),
        lambda: rng.choice(PATH_RESERVED),
        lambda: rng.choice(PATH_ODD),
        lambda: _escape(rng, rng.choice(MEANINGFUL)),
        lambda: _escape(rng, _unicode(rng)),
        lambda: _escape(rng, rng.choice(UNRESERVED)),
    ]
    # Plain, plain or odd, or anything.
    kinds = kinds[: rng.choice([2, 2, 3, 6, 6])]
    segments = [_segment(rng, kinds) for _ in range(rng.randrange(6))]
    if rng.random() < 0.04:
        segments.append(_segment(rng, kinds) + rng.choice(NOT_UTF8))
    if rng.random() < 0.1 and segments:
        # One step down and up again, which the node resolves; never above the prefix.
        segments[1:1] = rng.choice([["."], ["x", ".."], ["%2e"], ["x", "%2E%2e"], ["x", ".%2e"]])
    path = "".join("/" + segment for segment in segments)
    return path + "/" if rng.random() < 0.2 else path


def _segment(rng: random.Random, kinds: list) -> str:
    if rng.random() < 0.08:
        return ""
    # First a letter, so that no segment becomes one of dots by chance, nor one behind `%2F`.
    return "s" + "".join(_undotted(rng.choice(kinds)()) for _ in range(rng.randrange(8)))


def _undotted(text: str) -> str:
    return text.replace("%2F", "%2Fs").replace("%2f", "%2fs")


def _query(rng: random.Random, raw_unicode: bool) -> str:
    if rng.random() < 0.2:
        return ""
    names = [_text(rng) for _ in range(3)] + ["a", "b", "limit"]
    kinds = [
        lambda: f"{rng.choice(names)}={_text(rng)}",
        lambda: f"{rng.choice(names)}={_text(rng)}",
        lambda: f"{rng.choice(names)}=",
        lambda: rng.choice(names),
        lambda: f"{rng.choice(names)}={_text(rng)}={_text(rng)}",
        lambda: "",
        lambda: f"={_text(rng)}",
    ]
    if rng.random() < 0.5:
        # All with a name.
        kinds.pop()
    parameters = [rng.choice(kinds)() for _ in range(rng.randrange(9))]
    if rng.random() < 0.06:
        parameters.append(rng.choice(names) + rng.choice(["=", "~="]) + rng.choice(NOT_UTF8))
    if rng.random() < 0.06:
        # By bytes the one order, by UTF-16 the other.
        begin = rng.choice(["", "k", "limit="])
        pair = [begin + _escape(rng, chr(rng.randint(*each))) for each in UNICODE[2:]]
        parameters += rng.sample(pair, 2)
    if raw_unicode and rng.random() < 0.1:
        parameters.append(f"{_unicode(rng)}={_unicode(rng)}")
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
    if kind < 0.45:
        return _json(rng).encode()
    if kind < 0.47:
        return rng.randbytes(BODY_BYTES_MAX - rng.choice([0, 1, rng.randrange(BODY_BYTES_MAX)]))
    return rng.randbytes(int(2 ** rng.uniform(0, 16)))


def _json(rng: random.Random) -> str:
    if rng.random() < 0.25:
        return rng.choice(["false", "null", "0", '""', "0.0", " null"])
    value = {
        "name": "".join(_unicode(rng) for _ in range(rng.randrange(5))),
        "count": rng.randrange(-1000, 1000),
        "price": rng.choice([0.5, 2.0, 19.25]),
        "tags": rng.sample(["a", "b", True, None, "\n", "\"", []], 3),
    }
    del value[rng.choice(list(value))]
    if rng.random() < 0.5:
        # As most clients write it.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)

"""The odd requests that go through the node, and what the backend must see of each.

Left out is what the node refuses with a 400 by rule (see `random_requests.py`; a raw backtick in a
path and a raw quotation mark in a query, too).
"""

import gzip
from dataclasses import dataclass

from live.exchange import Request

MEBIBYTE = bytes(range(256)) * 4096
# One byte more than a node holds in order to sign it.
OVER_THE_LIMIT = MEBIBYTE * 12 + b"!"
FORM = "application/x-www-form-urlencoded"
# What cannot be shown by an answer without a body: HEAD is known to be right by its signature.
UNSEEN = ("HEAD",)

# How an API is set up: the kind of its key, its arguments.
APIS = {
    "normal": ("hmac", "--body-policy required --query-mode normalize"),
    "raw": ("hmac", "--body-policy required --query-mode raw"),
    "auto": ("hmac", "--body-policy auto --query-mode normalize"),
    "unsigned": ("hmac", "--body-policy unsigned --query-mode raw"),
    "basic": ("basic", "--body-policy required --query-mode raw"),
}


@dataclass(frozen=True)
class Odd:
    """A request to an API; its target is what follows the API's prefix."""

    api: str
    request: Request
    # What the backend sees in place of the target.
    seen: str
    payload_signed: bool
    # Sent together with the one before it, before that is answered.
    pipelined: bool = False


def odd_requests() -> list[Odd]:
    return [*_methods(), *_paths(), *_queries(), *_raw_queries(), *_bodies(), *_headers(), *_rest()]


def _odd(target: str, seen: str | None = None, *, method="GET", api="normal", **more) -> Odd:
    pipelined = more.pop("pipelined", False)
    headers = tuple(more.pop("headers", ()))
    request = Request(method, target, headers, **more)
    # A body that is empty is always signed.
    is_signed = api not in ("basic", "unsigned")
    is_signed = is_signed and (api != "auto" or request.body != OVER_THE_LIMIT)
    return Odd(api, request, target if seen is None else seen, is_signed, pipelined)


def _methods():
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"):
        yield _odd("/method?of=it", method=method)
    for method in ("GET", "DELETE", "OPTIONS"):
        yield _odd("/body", method=method, body=b"a body that few expect")
        yield _odd("/body", method=method, body=b"a body that few expect", framing="chunked")
    yield _odd("/body", method="POST", framing="length")


def _paths():
    same = ["", "/", "//", "/a//b///c", "/%2F", "/a%2fb%2Fc", "/%C3%A9", "/%c3%a9"]
    same += ["/%E4%BD%A0%E5%A5%BD", "/%F0%9F%98%80", "/%41%7e%2D", "/a%20b", "/a+b", "/a%2Bb"]
    same += ["/%25", "/%2525", "/%25zz", "/a%3Fb", "/a%23b", "/%FF%C3%28", "/a;b=c,d"]
    same += ["/!$&'()*,;=:@", "/a%26b%3Dc", "/-._~", "/...", "/a.", "/%01%1F%7F", "/a%0D%0Ab"]
    same += ["/%09", "/[a]", "/{a}|b^c", '/"', "/http://elsewhere/", "/" + "s" * 4000]
    for path in same:
        yield _odd(path)
    yield _odd("/a/./b", "/a/b")
    yield _odd("/a/x/../b/", "/a/b/")
    yield _odd("/a/%2e%2E/b/.", "/b/")


def _queries():
    """Normalised: written again such that all readers agree on it."""
    same = ["?a", "?a=", "?a&b&c=", "?a=1&a=2&a=1", "?b=2&a=1", "?a=1%202", "?a=1%2B2", "?a%20b=c"]
    same += ["?a=%E4%BD%A0", "?a=%F0%9F%98%80", "?a=~-._", "?a=%00", "?a=%26%3D%23", "?A=1&a=1&A=0"]
    same += ["?a=%FF&a=%C3%28", "?a=2&a=10&a=1&B=1&b=%FF&b=~", "?ab=1&a=2&a%20=3&a-=4&a%00=5"]
    same += ["?%F0%9F%98%80=1&%EF%BF%BD=2", "?a=%0D%0A", "?a=" + "v" * 7000]
    same += ["?" + "&".join(f"p{number % 50}={number}" for number in range(400))]
    same += ["?a=" + "%E4%BD%A0" * 3400]
    for query in same:
        yield _odd("/query" + query)
    changed = {
        "?": "",
        "?&": "",
        "?=a": "",
        "?&&a=1&": "?a=1",
        "?=x&a=1&=": "?a=1",
        "?a=1+2": "?a=1%202",
        "?+=+": "?%20=%20",
        "?a==b": "?a=%3Db",
        "?a=b=c": "?a=b%3Dc",
        "?a=%e4%bd%a0": "?a=%E4%BD%A0",
        "?a=" + "你好".encode().decode("latin-1"): "?a=%E4%BD%A0%E5%A5%BD",
        "?a=%41%7e": "?a=A~",
        "?a=%": "?a=%25",
        "?a=%zz&b=100%": "?a=%25zz&b=100%25",
        "?a=/b/c?d": "?a=%2Fb%2Fc%3Fd",
        "?a=!$'()*,;:@": "?a=%21%24%27%28%29%2A%2C%3B%3A%40",
        "?a[]=1&a[]=2": "?a%5B%5D=1&a%5B%5D=2",
        "?{}|": "?%7B%7D%7C",
        "?^`": "?%5E%60",
    }
    for query, seen in changed.items():
        yield _odd("/query" + query, "/query" + seen)
    yield _odd("?at=the-prefix")


def _raw_queries():
    """Byte for byte what the client sent."""
    queries = ["?", "?&", "?=a", "?&&a=1&", "?a=1+2", "?+=+", "?a==b", "?a=b=c", "?a=%e4%bd%a0"]
    queries += ["?a=%41%7e", "?a=%", "?a=%zz&b=100%", "?a=/b/c", "?a=!$'()*,;:@", "?a[]=1&a[]=2"]
    queries += ["?{}|^`", "?b=2&a=1&a=0&A=1", "?a?b=c", "?%20+%2B", "?a;b=c", "?A&a&=&==", "?a=\\"]
    for query in queries:
        yield _odd("/query" + query, api="raw")


def _bodies():
    text = '{"你": "好"}'.encode()
    squeezed = gzip.compress(b"squeezed", mtime=0)
    parts = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    for kind, body in (
        ("application/json", text),
        (FORM, b"a=1&b=%zz&=&c+d"),
        ("multipart/form-data; boundary=x", parts),
        ("application/octet-stream", bytes(range(256))),
        ("application/octet-stream", b"\0"),
        ("text/plain", b"\r\n\r\n"),
        ("message/http", smuggled),
    ):
        headers = [("Content-Type", kind)]
        yield _odd("/body", method="POST", headers=headers, body=body)
        yield _odd("/body", method="PUT", headers=headers, body=body, framing="chunked")
    packed = [("Content-Encoding", "gzip"), ("Content-Type", "text/plain")]
    yield _odd("/body", method="POST", headers=packed, body=squeezed)
    yield _odd("/body", method="POST", framing="chunked")
    yield _odd("/body", method="PATCH", body=bytes(300), framing="chunked", chunk_bytes=1)
    yield _odd("/body", method="POST", body=text, framing="chunked", chunk_extension=b";a=b")
    for framing in ("length", "chunked"):
        for api in ("normal", "auto", "unsigned", "basic"):
            yield _odd("/large?a", method="POST", api=api, body=MEBIBYTE, framing=framing)
        yield _odd(
            "/large", method="PUT", body=MEBIBYTE, framing=framing, expects_continue=True
        )
        yield _odd("/auto", method="POST", api="auto", body=OVER_THE_LIMIT, framing=framing)
    for method in ("GET", "POST", "DELETE", "HEAD"):
        yield _odd("/unsigned?a&&=+", method=method, api="unsigned")
        yield _odd("/basic%20?a&&=+", method=method, api="basic")


def _headers():
    """Those that begin with `X-` are looked for in what the backend saw."""
    yield _odd("/header", headers=[("X-Twice", "1"), ("x-twice", "2"), ("X-TWICE", "1")])
    yield _odd("/header", headers=[("X-Spaces", "  a  b \t c\t ")])
    yield _odd("/header", headers=[("X-Empty", "")])
    yield _odd("/header", headers=[("X-Odd", "!#$&'()*+,;=:@\"<>[]{}|^`~\\")])
    yield _odd("/header", headers=[("X-Bytes", "\xe4\xbd\xa0 \xff")])
    yield _odd("/header", headers=[("X_Under_Score", "1")])
    yield _odd("/header", headers=[("X-Long", "l" * 7000)])
    yield _odd("/header", headers=[("X-Longer", "l" * 30_000)])
    yield _odd("/header", headers=[(f"X-Many-{number}", "m" * 500) for number in range(80)])
    yield _odd("/header", headers=[("Cookie", "a=1; b=2"), ("Cookie", "c=3")])
    yield _odd("/header", headers=[("Accept-Encoding", "gzip, br"), ("Range", "bytes=0-0")])
    forged = [("Authorization", "SDK-HMAC-SHA256 Access=mine, forged"), ("x_sdk_date", "never")]
    forged += [("X-Sdk-Date", "20000101T000000Z"), ("x-sdk-content-sha256", "UNSIGNED-PAYLOAD")]
    # Not looked for: the node takes them away.
    yield _odd("/forged", method="POST", headers=forged, body=b"{}")
    yield _odd("/forged", api="basic", headers=forged)


def _rest():
    for number in range(4):
        yield _odd(f"/pipelined/{number}", pipelined=number > 0)

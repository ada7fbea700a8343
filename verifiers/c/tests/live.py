"""A sample server as a process, over raw sockets, with requests signed here.

    python3 live.py COMMAND…

`SKIP_METHODS` and `SKIP_TARGETS` name what the server's library does not let through, each with spaces between;
`DECODES_HEADERS` says that it unescapes header values, `NO_TRAILERS` that it knows no trailers.
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote, unquote_to_bytes

KEY, SECRET = "signature_key1", "signature_secret1"
SKIPPED = os.environ.get("SKIP_METHODS", "").split()
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH"]
TARGETS = ["/", "//a//b", "/a%2Fb%zz?x=+%20&&=y&x", "/raw?q={}|", "/.././a;b?c=%00&d=%c3%A9", "/?", "/a?b?c=d"]
TARGETS = [target for target in TARGETS if target not in os.environ.get("SKIP_TARGETS", "").split()]
LARGE = bytes(range(256)) * 4096


def main() -> None:
    tests = [test for name, test in globals().items() if name.startswith("test_")]
    for arguments in ([], ["--allow-unsigned-payload"]):
        with tempfile.NamedTemporaryFile("w", suffix=".secret") as file:
            file.write(SECRET + "\n")
            file.flush()
            command = [*sys.argv[1:], "--port", "0", "--key", KEY, "--secret-file", file.name, *arguments]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            host = process.stdout.readline().split()[-1]
            try:
                for test in tests if not arguments else [unsigned_bodies_stream]:
                    test(host)
                    print("ok", test.__name__)
            finally:
                process.terminate()
                status = process.wait(timeout=30)
                process.stdout.close()
            assert status in (0, -15), f"the server ended with {status}"


def signature(method, target, body, headers):
    """Signs `headers`, a dictionary in lower case; `body` may be UNSIGNED-PAYLOAD's text."""
    path, _, query = target.partition("?")
    path = quote(unquote_to_bytes(path), safe="/~")
    pairs = (part.partition("=") for part in query.split("&"))
    pairs = sorted((unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs if name)
    payload = headers.get("x-sdk-content-sha256") or hashlib.sha256(body).hexdigest()
    names = ";".join(sorted(headers))
    canonical = "\n".join([
        method.upper(),
        path if path.endswith("/") else path + "/",
        "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs),
        "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers)),
        names,
        payload,
    ])
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    text = f"SDK-HMAC-SHA256\n{headers['x-sdk-date']}\n{digest}"
    made = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"SDK-HMAC-SHA256 Access={KEY}, SignedHeaders={names}, Signature={made}"


def request(host, method, target, body=b"", more=None, frame="length", line=None, also=()):
    headers = {"host": host, "x-sdk-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), **(more or {})}
    lines = [line or f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    lines += [f"Authorization: {signature(method, target, body, headers)}", *also]
    if frame == "chunked":
        lines.append("Transfer-Encoding: chunked")
        pieces = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
        body = b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        body += b"0\r\n" + (b"" if "NO_TRAILERS" in os.environ else b"X-Trailer: x\r\n") + b"\r\n"
    elif body or frame == "always":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n", body


class Connection:
    def __init__(self, host):
        name, port = host.split(":")
        self.socket = socket.create_connection((name, int(port)), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def answer(self, method="GET"):
        status = int(self.file.readline().split()[1])
        headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if status == 100 or method == "HEAD":
            return status, None
        return status, json.loads(self.file.read(int(headers["content-length"])))


def ask(host, method, target, *given, **named):
    with Connection(host) as connection:
        return connection.send(b"".join(request(host, method, target, *given, **named))).answer(method)


def accepted(answer):
    status, seen = answer
    assert status == 200 and seen["verified"] is True and seen["key"] == KEY, answer
    return seen


def refused(answer, reason, status=401):
    assert answer[0] == status and answer[1]["verified"] is False, answer
    assert answer[1]["reason"] == reason and answer[1]["message"] and SECRET not in str(answer), answer


def test_every_method_and_target_as_received(host):
    for method in METHODS:
        if method not in SKIPPED:
            for target in TARGETS:
                seen = accepted(ask(host, method, target, frame="always"))
                assert (seen["method"], seen["target"]) == (method, target), seen
                assert seen["payload_signed"] is True and seen["scheme"] == "SDK-HMAC-SHA256"


def test_methods_without_any_body_or_length(host):
    for method in METHODS:
        if method not in SKIPPED:
            assert accepted(ask(host, method, "/"))["body_bytes"] == 0


def test_a_long_target_and_a_long_header(host):
    target = "/" + "a" * 4000 + "?" + "&".join(f"p{n}=%20" for n in range(300))
    more = {"x-long": "b" * 6000, "x-odd": "caf\xe9 \"quoted\""}
    seen = accepted(ask(host, "GET", target, more=more))
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert seen["target"] == target and headers["x-long"] == more["x-long"]
    assert headers["x-odd"] == more["x-odd"], headers["x-odd"]


def test_an_escape_in_a_header(host):
    answer = ask(host, "GET", "/", more={"x-odd": "%41%zz"})
    if "DECODES_HEADERS" in os.environ:
        refused(answer, "SIGNATURE_MISMATCH")
    else:
        assert ["x-odd", "%41%zz"] in accepted(answer)["headers"]


def test_head_has_no_body_and_the_connection_goes_on(host):
    with Connection(host) as connection:
        for _ in range(3):
            assert connection.send(request(host, "HEAD", "/x?y")[0]).answer("HEAD") == (200, None)
        accepted(connection.send(request(host, "GET", "/x?y")[0]).answer())


def test_a_connection_carries_many_requests(host):
    with Connection(host) as connection:
        for number in range(20):
            method = ["GET", "POST", "PUT"][number % 3]
            body = LARGE[: number * 1000] if method != "GET" else b""
            frame = "chunked" if number % 2 and method != "GET" else "always"
            head, body_sent = request(host, method, f"/{number}", body, frame=frame)
            seen = accepted(connection.send(head + body_sent).answer())
            assert (seen["target"], seen["body_bytes"]) == (f"/{number}", len(body))
            bad, _ = request(host, "GET", "/", line="GET /other HTTP/1.1")
            refused(connection.send(bad).answer(), "SIGNATURE_MISMATCH")


def test_bodies_of_a_mebibyte(host):
    for frame in ("length", "chunked"):
        for more in (None, {"content-type": "application/octet-stream"}, {"content-type": "application/json"}):
            seen = accepted(ask(host, "POST", "/", LARGE, frame=frame, more=more))
            assert seen["body_bytes"] == len(LARGE)
            assert seen["body_sha256"] == hashlib.sha256(LARGE).hexdigest()


def test_bodies_that_a_library_may_take_apart(host):
    form = b"a=1&b=%zz&=&c"
    parts = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    for kind, body in (
        ("application/x-www-form-urlencoded", form),
        ("application/x-www-form-urlencoded", LARGE),
        ("multipart/form-data; boundary=x", parts),
        ("multipart/form-data; boundary=x", b"no part at all"),
        ("multipart/form-data", b"no boundary"),
    ):
        for frame in ("length", "chunked"):
            seen = accepted(ask(host, "POST", "/", body, {"content-type": kind}, frame))
            assert seen["body_sha256"] == hashlib.sha256(body).hexdigest(), kind
    squeezed = {"content-encoding": "gzip"}
    body = base64.b64decode("H4sIAAAAAAAAA0tMTAQAd4s5/QMAAAA=")
    seen = accepted(ask(host, "POST", "/", body, squeezed))
    assert seen["body_bytes"] == len(body)


def test_a_body_with_any_method(host):
    for method in METHODS:
        if method not in SKIPPED and method != "TRACE":
            for frame in ("length", "chunked"):
                seen = accepted(ask(host, method, "/", b"abcde", frame=frame))
                assert (seen["method"], seen["body_bytes"]) == (method, 5)


def test_a_body_that_comes_slowly(host):
    head, body = request(host, "PUT", "/", LARGE)
    with Connection(host) as connection:
        connection.send(head)
        for at in range(0, len(body), 300_000):
            time.sleep(0.02)
            connection.send(body[at : at + 300_000])
        assert accepted(connection.answer())["body_bytes"] == len(LARGE)


def test_expect_100_continue(host):
    head, body = request(host, "PUT", "/", LARGE, also=["Expect: 100-continue"])
    with Connection(host) as connection:
        assert connection.send(head).answer() == (100, None)
        assert accepted(connection.send(body).answer())["body_bytes"] == len(LARGE)
    head, body = request(host, "PUT", "/", LARGE, also=["Expect: 100-continue", "X-Sdk-Date: 20200101T000000Z"])
    with Connection(host) as connection:
        refused(connection.send(head).answer(), "SIGNED_HEADER_REPEATED")


def test_repeated_headers_are_told_apart(host):
    seen = accepted(ask(host, "GET", "/", also=["X-Twice: 1", "x-twice: 2", "X-TWICE: 1"]))
    assert [value for name, value in seen["headers"] if name.lower() == "x-twice"] == ["1", "2", "1"]
    refused(ask(host, "GET", "/", more={"x-a": "1"}, also=["X-A: 1"]), "SIGNED_HEADER_REPEATED")
    refused(ask(host, "GET", "/", also=["Authorization: Basic eDp5"]), "MALFORMED_AUTHORIZATION")
    hashed = ["X-Sdk-Content-Sha256: a", "X-Sdk-Content-Sha256: a"]
    refused(ask(host, "GET", "/", also=hashed), "SIGNED_HEADER_REPEATED")


def test_what_was_changed_is_refused(host):
    refused(ask(host, "GET", "/a", line="GET /b HTTP/1.1"), "SIGNATURE_MISMATCH")
    refused(ask(host, "GET", "/a?b=1", line="GET /a?b=2 HTTP/1.1"), "SIGNATURE_MISMATCH")
    refused(ask(host, "GET", "/a", line="DELETE /a HTTP/1.1"), "SIGNATURE_MISMATCH")
    head, body = request(host, "POST", "/", LARGE)
    for frame in ("length", "chunked"):
        head, _ = request(host, "POST", "/", LARGE, frame=frame)
        _, body = request(host, "POST", "/", LARGE[:-1] + b"!", frame=frame)
        with Connection(host) as connection:
            refused(connection.send(head + body).answer(), "SIGNATURE_MISMATCH")
            accepted(connection.send(request(host, "GET", "/")[0]).answer())
    with Connection(host) as connection:
        date = {"x-sdk-date": "20200101T000000Z"}
        refused(connection.send(b"".join(request(host, "POST", "/", LARGE, date))).answer(), "CLOCK_SKEW")
        accepted(connection.send(request(host, "GET", "/")[0]).answer())
    with Connection(host) as connection:
        none = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        refused(connection.send(none).answer(), "MISSING_AUTHORIZATION")


def test_a_body_that_is_too_large_is_not_waited_for(host):
    head, _ = request(host, "POST", "/", also=["Content-Length: 13000000"])
    with Connection(host) as connection:
        answer = connection.send(head).answer()
        refused(answer, "BODY_TOO_LARGE", 413)


def test_a_body_in_chunks_is_too_large_when_it_turns_out_so(host):
    body = bytes(12 * 1024 * 1024)
    assert accepted(ask(host, "POST", "/", body, frame="chunked"))["body_bytes"] == len(body)
    refused(ask(host, "POST", "/", body + b"1", frame="chunked"), "BODY_TOO_LARGE", 413)


def test_basic_credentials(host):
    def ask_with(secret):
        token = base64.b64encode(f"{KEY}:{secret}".encode()).decode()
        with Connection(host) as connection:
            head = f"POST /a HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {token}\r\nContent-Length: 2\r\n\r\n"
            return connection.send(head.encode() + b"{}").answer()

    seen = accepted(ask_with(SECRET))
    assert (seen["scheme"], seen["payload_signed"], seen["body_bytes"]) == ("Basic", False, 2)
    assert ["Authorization", "Basic (redacted)"] in seen["headers"], seen["headers"]
    refused(ask_with("other"), "SIGNATURE_MISMATCH")


def test_an_unsigned_body_is_refused(host):
    unsigned = {"x-sdk-content-sha256": "UNSIGNED-PAYLOAD"}
    refused(ask(host, "POST", "/", b"abc", unsigned), "UNSIGNED_PAYLOAD")


def test_what_is_no_request_ends_nothing(host):
    for junk in (b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n",
                 b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"GET /half HTTP/1.1\r\nHost"):
        with Connection(host) as connection:
            connection.send(junk)
        accepted(ask(host, "GET", "/"))
    head, body = request(host, "POST", "/", LARGE)
    with Connection(host) as connection:
        connection.send(head + body[:1000])
    accepted(ask(host, "GET", "/"))


def unsigned_bodies_stream(host):
    unsigned = {"x-sdk-content-sha256": "UNSIGNED-PAYLOAD"}
    for frame in ("length", "chunked"):
        seen = accepted(ask(host, "POST", "/", LARGE, unsigned, frame))
        assert (seen["payload_signed"], seen["body_bytes"]) == (False, len(LARGE))


if __name__ == "__main__":
    main()

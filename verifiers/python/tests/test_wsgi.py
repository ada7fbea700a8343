"""The WSGI middleware, by environ and behind a real server."""

from __future__ import annotations

import http.client
import io
import json
import threading
import unittest
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from countersign_verify import Options, WsgiVerifier

from .signing import KEY, NOW, lookup, signed

ODD_TARGETS = ["/", "/a%2Fb/caf%C3%A9/100%25/%zz", "/q?b=2&a=%20+%2B&a&=x", "/a//b/?"]


def echo(environ, start_response):
    """A handler that reads its body as if nobody had."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = f"{environ['countersign.verified'].key} {body!r}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]


class TestEnviron(unittest.TestCase):
    def test_the_body_stays_readable(self) -> None:
        self.assertEqual(self.call("POST", "/a", b"abc"), ("200 OK", f"{KEY} b'abc'"))

    def test_a_raw_target_is_preferred(self) -> None:
        for name in ("REQUEST_URI", "RAW_URI"):
            status, _ = self.call("GET", "/a%2fb?c", PATH_INFO="/elsewhere", **{name: "/a%2fb?c"})
            self.assertEqual(status, "200 OK")

    def test_an_unescaped_path_means_the_same(self) -> None:
        target = "/mount/a%2Fb/caf%C3%A9%25?q=%20"
        path = {"SCRIPT_NAME": "/mount", "PATH_INFO": "/a/b/caf\u00c3\u00a9%"}
        self.assertEqual(self.call("GET", target, **path, QUERY_STRING="q=%20")[0], "200 OK")

    def test_a_stream_that_ends_itself_needs_no_length(self) -> None:
        ended = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
        self.assertEqual(self.call("POST", "/", b"abc", **ended)[1], f"{KEY} b'abc'")

    def test_a_refusal_is_an_answer_of_its_own(self) -> None:
        status, answer = self.call("POST", "/a", b"abc", PATH_INFO="/b")
        self.assertEqual(status, "401 Unauthorized")
        self.assertEqual(json.loads(answer)["reason"], "SIGNATURE_MISMATCH")
        self.assertEqual(self.call("HEAD", "/a", PATH_INFO="/b"), ("401 Unauthorized", ""))

    def test_a_large_body_is_not_read(self) -> None:
        status, answer = self.call("POST", "/a", b"abc", CONTENT_LENGTH="13000000")
        self.assertTrue(status.startswith("413 "))
        self.assertEqual(json.loads(answer)["reason"], "BODY_TOO_LARGE")

    def call(self, method: str, target: str, body: bytes = b"", **changes) -> tuple:
        path, _, query = target.partition("?")
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
        environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        for name, value in signed(method, target, body).items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        environ.update(changes)
        setup_testing_defaults(environ)
        started = []
        app = WsgiVerifier(echo, lookup, Options(), clock=lambda: NOW)
        pieces = app(environ, lambda status, headers: started.append(status))
        return started[0], b"".join(pieces).decode()


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments) -> None:
        """Tests say enough."""


class TestServer(unittest.TestCase):
    def test_odd_targets_behind_a_server_that_unescapes(self) -> None:
        app = validator(WsgiVerifier(checked_echo, lookup, clock=lambda: NOW))
        with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            for target in ODD_TARGETS:
                with self.subTest(target):
                    self.assertEqual(self.status(server.server_port, target), 200)
            self.assertEqual(self.status(server.server_port, "/a", "/b"), 401)
            server.shutdown()

    def status(self, port: int, target: str, signed_target: str = "") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = signed("POST", signed_target or target, b"abc", f"127.0.0.1:{port}")
        connection.request("POST", target, b"abc", headers)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status


def checked_echo(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]

"""The ASGI middleware, by the messages a server and an application exchange."""

from __future__ import annotations

import asyncio
import json
import unittest

from countersign_verify import AsgiVerifier, Options

from .signing import KEY, NOW, SECRET, lookup, signed


async def echo(scope, receive, send):
    """A handler that reads its body as if nobody had, and then waits for the client to go."""
    body = await receive()
    after = await receive()
    answer = f"{scope['countersign.verified'].key} {body['body']!r} {after['type']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer})


class TestAsgi(unittest.TestCase):
    def test_the_body_stays_readable(self) -> None:
        status, answer = self.call("POST", "/a?b=%20", [b"ab", b"", b"c"])
        self.assertEqual((status, answer), (200, f"{KEY} b'abc' http.disconnect"))

    def test_an_unescaped_path_means_the_same(self) -> None:
        unescaped = {"raw_path": None, "path": "/a/b/café%"}
        self.assertEqual(self.call("GET", "/a%2Fb/caf%C3%A9%25", **unescaped)[0], 200)

    def test_a_refusal_is_an_answer_of_its_own(self) -> None:
        status, answer = self.call("POST", "/a", [b"abc"], raw_path=b"/b")
        self.assertEqual((status, json.loads(answer)["reason"]), (401, "SIGNATURE_MISMATCH"))
        self.assertEqual(self.call("HEAD", "/a", raw_path=b"/b"), (401, ""))

    def test_repeated_headers_are_seen(self) -> None:
        more = [(b"host", b"evil")]
        status, answer = self.call("GET", "/a", more_headers=more)
        self.assertEqual((status, json.loads(answer)["reason"]), (401, "SIGNED_HEADER_REPEATED"))

    def test_a_large_body_is_read_no_further(self) -> None:
        status, answer = self.call("POST", "/a", [b"a" * 10] * 100, Options(body_bytes_max=15))
        self.assertEqual((status, json.loads(answer)["reason"]), (413, "BODY_TOO_LARGE"))
        self.assertEqual(len(self.unread), 98)

    def test_a_client_that_goes_away_gets_nothing(self) -> None:
        self.assertEqual(self.call("POST", "/a", []), (None, ""))

    def test_lookup_and_guard_may_be_coroutines(self) -> None:
        async def find(scheme, key):
            return [SECRET]

        async def guard(key, signature, expires_at):
            return False

        self.assertEqual(self.call("GET", "/a", find=find)[0], 200)
        status, answer = self.call("GET", "/a", options=Options(replay_guard=guard), find=find)
        self.assertEqual((status, json.loads(answer)["reason"]), (401, "REPLAYED"))

    def test_a_websocket_is_verified_before_it_is_accepted(self) -> None:
        reached = []

        async def app(scope, receive, send):
            reached.append(await receive())

        for path, closed in ((b"/ws", []), (b"/other", [("websocket.close", 1008)])):
            scope = self.scope("GET", "/ws", b"", raw_path=path)
            del scope["method"]
            scope["type"] = "websocket"
            self.unread = [{"type": "websocket.connect"}]
            sent = self.run_app(app, scope)
            self.assertEqual([(message["type"], message["code"]) for message in sent], closed)
        self.assertEqual(reached, [{"type": "websocket.connect"}])

    def test_lifespan_passes(self) -> None:
        async def app(scope, receive, send):
            await send({"type": "lifespan.startup.complete"})

        self.unread = []
        sent = self.run_app(app, {"type": "lifespan"})
        self.assertEqual(sent, [{"type": "lifespan.startup.complete"}])

    def call(self, method, target, pieces=(b"",), options=Options(), find=lookup, **changes):
        self.unread = [
            {"type": "http.request", "body": piece, "more_body": more < len(pieces)}
            for more, piece in enumerate(pieces, 1)
        ]
        scope = self.scope(method, target, b"".join(pieces), **changes)
        sent = self.run_app(echo, scope, options, find)
        if not sent:
            return None, ""
        return sent[0]["status"], sent[1]["body"].decode()

    def scope(self, method, target, body, more_headers=(), **changes):
        path, _, query = target.partition("?")
        headers = [
            (name.lower().encode(), value.encode())
            for name, value in signed(method, target, body).items()
        ]
        scope = {"type": "http", "method": method, "headers": [*headers, *more_headers]}
        scope.update(path=path, raw_path=path.encode(), query_string=query.encode())
        return {**scope, **changes}

    def run_app(self, app, scope, options=Options(), find=lookup):
        sent = []

        async def receive():
            return self.unread.pop(0) if self.unread else {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        asyncio.run(AsgiVerifier(app, find, options, clock=lambda: NOW)(scope, receive, send))
        return sent

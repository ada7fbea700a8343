"""ASGI middleware: only verified requests reach the application, their bodies still readable."""

from __future__ import annotations

import inspect
import time
from typing import Any, Awaitable, Callable, Dict, List, Optional, Tuple
from urllib.parse import quote

from .refused import Refused
from .request import Options, Request
from .verify import Lookup, Verification, Verified, too_large

Message = Dict[str, Any]
Scope = Dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class AsgiVerifier:
    """Wraps an ASGI application. ``scope["countersign.verified"]`` says who signed.

    Lookup and replay guard may be coroutine functions. A WebSocket's handshake is verified too;
    a refused one is closed before it is accepted. Lifespan events pass.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        lookup: Lookup,
        options: Options = Options(),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._lookup = lookup
        self._options = options
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            verified = await self._verify(scope, receive)
        except Refused as refused:
            await _answer(refused, scope, receive, send)
            return
        except _Disconnected:
            return
        scope = {**scope, "countersign.verified": verified}
        if verified.body is not None and scope["type"] == "http":
            receive = _again(verified.body, receive)
        await self._app(scope, receive, send)

    async def _verify(self, scope: Scope, receive: Receive) -> Verified:
        request = Request(scope.get("method", "GET"), _target(scope), scope["headers"])
        verification = Verification(request, self._options, self._clock())
        verification.use(await _settled(self._lookup(verification.scheme, verification.key)))
        body: Optional[bytes] = None
        if verification.needs_body:
            is_http = scope["type"] == "http"
            body = await _read(receive, self._options.body_bytes_max) if is_http else b""
        verified = verification.finish(body)
        if verification.replay is not None and self._options.replay_guard is not None:
            answer = self._options.replay_guard(*verification.replay)
            verification.check_replay(await _settled(answer))
        return verified


class _Disconnected(Exception):
    """The client went away before its body had come."""


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _target(scope: Scope) -> bytes:
    # Where the server keeps no raw path, what it unescaped is escaped again: it means the same.
    path = scope.get("raw_path") or quote(scope["path"], safe="/").encode()
    query = scope.get("query_string", b"")
    return path.partition(b"?")[0] + (b"?" + query if query else b"")


async def _read(receive: Receive, bytes_max: int) -> bytes:
    pieces: List[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        pieces.append(message.get("body", b""))
        length += len(pieces[-1])
        if length > bytes_max:
            raise too_large(bytes_max)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body once more, and then what comes after it."""
    is_given = False

    async def receive_again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


async def _answer(refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": refused.reason.value})
        return
    answer = refused.to_json()
    headers: List[Tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else answer
    await send({"type": "http.response.body", "body": body})

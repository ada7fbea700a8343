"""WSGI middleware: only verified requests reach the application, their bodies still readable."""

from __future__ import annotations

import io
import time
from http.client import responses
from typing import Any, Callable, Dict, Iterable, List, Tuple
from urllib.parse import quote

from .refused import Refused
from .request import Options, Request
from .verify import Lookup, Verification, Verified, read_body, too_large

Environ = Dict[str, Any]

#: Where the application finds the :class:`Verified`.
VERIFIED = "countersign.verified"


class WsgiVerifier:
    """Wraps a WSGI application. ``environ["countersign.verified"]`` says who signed."""

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        lookup: Lookup,
        options: Options = Options(),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._lookup = lookup
        self._options = options
        self._clock = clock

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            environ[VERIFIED] = self._verify(environ)
        except Refused as refused:
            answer = refused.to_json()
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
            start_response(f"{refused.status} {responses[refused.status]}", headers)
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer]
        return self._app(environ, start_response)

    def _verify(self, environ: Environ) -> Verified:
        request = Request(environ["REQUEST_METHOD"], _target(environ), _headers(environ))
        verification = Verification(request, self._options, self._clock())
        verification.use(self._lookup(verification.scheme, verification.key))
        body = None
        if verification.needs_body:
            body = _read(environ, self._options.body_bytes_max)
        verified = verification.finish(body)
        if verification.replay is not None and self._options.replay_guard is not None:
            verification.check_replay(self._options.replay_guard(*verification.replay))
        if body is not None:
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return verified


def _target(environ: Environ) -> str:
    """The target as received where the server tells it, else one that means the same."""
    for name in ("REQUEST_URI", "RAW_URI"):
        if name in environ:
            return str(environ[name])
    # What the server unescaped is escaped again; the canonical path comes out the same.
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    return quote(path.encode("latin-1"), safe="/") + ("?" + query if query else "")


def _headers(environ: Environ) -> List[Tuple[str, str]]:
    headers = [
        (name[5:].replace("_", "-"), value)
        for name, value in environ.items()
        if name.startswith("HTTP_") and name not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH")
    ]
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers.append((name.replace("_", "-"), environ[name]))
    return headers


def _read(environ: Environ, bytes_max: int) -> bytes:
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit():
        if int(length) > bytes_max:
            raise too_large(bytes_max)
        return _read_exactly(environ["wsgi.input"], int(length))
    # Without a length only a server that ends the stream itself can be read from.
    if environ.get("wsgi.input_terminated"):
        return read_body(environ["wsgi.input"], bytes_max)
    return b""


def _read_exactly(stream: Any, length: int) -> bytes:
    pieces: List[bytes] = []
    while length > 0:
        piece = stream.read(length)
        if not piece:
            break
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)

"""Requests over raw sockets, byte for byte, and the answers to them.

In targets and header values one character is one byte, U+0000 to U+00FF.
"""

import asyncio
import json
from dataclasses import dataclass, replace

from wire import Message, read_message

PATIENCE_SECONDS = 60
# How long a server may think about `Expect: 100-continue` before the body is sent regardless,
# which RFC 9110 asks of a client, for there are servers that never answer it.
CONTINUE_SECONDS = 1


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    # `length`, `chunked`, `none`: as the request says; `usual`: a length where there is a body.
    framing: str = "usual"
    chunk_bytes: int = 50_000
    chunk_extension: bytes = b""
    # The body is sent when the server asks for it.
    expects_continue: bool = False
    version: str = "HTTP/1.1"

    def to(self, target: str, headers: tuple[tuple[str, str], ...]) -> "Request":
        return replace(self, target=target, headers=headers)

    def with_header(self, name: str, value: str) -> "Request":
        """The same with the header once, in its old place or as the last one."""
        if not any(_same(known, name) for known, _ in self.headers):
            return self.and_header(name, value)
        headers = [(known, value if _same(known, name) else old) for known, old in self.headers]
        return replace(self, headers=tuple(headers))

    def and_header(self, name: str, value: str) -> "Request":
        """The same with one more header, whether there is one of the name or not."""
        return replace(self, headers=(*self.headers, (name, value)))

    def without_header(self, name: str) -> "Request":
        headers = [(known, value) for known, value in self.headers if not _same(known, name)]
        return replace(self, headers=tuple(headers))

    def header(self, name: str) -> str:
        (value,) = (value for known, value in self.headers if _same(known, name))
        return value

    def head(self) -> bytes:
        headers = list(self.headers)
        if self.framing == "chunked":
            headers.append(("Transfer-Encoding", "chunked"))
        elif self.framing == "length" or (self.framing == "usual" and self.body):
            headers.append(("Content-Length", str(len(self.body))))
        if self.expects_continue:
            headers.append(("Expect", "100-continue"))
        lines = [f"{self.method} {self.target} {self.version}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def payload(self) -> bytes:
        if self.framing != "chunked":
            return self.body
        size = self.chunk_bytes
        parts = [self.body[at : at + size] for at in range(0, len(self.body), size)]
        chunks = (b"%x%s\r\n%s\r\n" % (len(part), self.chunk_extension, part) for part in parts)
        return b"".join(chunks) + b"0\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    status: int
    # The JSON object; none after HEAD, and where the server's library answered by itself.
    told: dict | None = None
    # Whether the body was asked for by a `100 Continue`.
    was_continued: bool = False

    def __str__(self) -> str:
        if self.told is None:
            return str(self.status)
        return f"{self.status} {self.told.get('reason', 'verified')}: {self.told.get('message')}"


class Connection:
    """To a node or to a server: `async with Connection("127.0.0.1:80") as connection: …`."""

    def __init__(self, address: str):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)

    async def __aenter__(self) -> "Connection":
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    async def ask(self, request: Request) -> Answer:
        (answer,) = await self.ask_all([request])
        return answer

    async def ask_all(self, requests: list[Request]) -> list[Answer]:
        """Sends all of them before it reads the first answer."""
        self.was_continued = False
        async with asyncio.timeout(PATIENCE_SECONDS):
            for request in requests:
                self.writer.write(request.head())
                if request.expects_continue:
                    early = await self._wait_for_continue(request)
                    if early is not None:
                        return [early]
                # Not waited for: a server may answer, and hang up, before it has read all.
                self.writer.write(request.payload())
            return [await self._read(request.method) for request in requests]

    async def _wait_for_continue(self, request: Request) -> Answer | None:
        """None where the body is to be sent, otherwise the answer that came instead."""
        reading = asyncio.ensure_future(self.reader.readexactly(12))
        done, _ = await asyncio.wait([reading], timeout=CONTINUE_SECONDS)
        if not done:
            reading.cancel()
            await asyncio.wait([reading])
            return None
        begun = reading.result()
        if begun.endswith(b" 100"):
            await self.reader.readuntil(b"\r\n\r\n")
            self.was_continued = True
            return None
        return await self._read(request.method, begun)

    async def _read(self, method: str, begun: bytes = b"") -> Answer:
        while True:
            message = await read_message(self.reader, bodiless=method == "HEAD")
            if message is None:
                raise EOFError("the connection ended without an answer")
            line = (begun + message.first_line.encode("latin-1")).decode("latin-1")
            status, begun = int(line.split(" ")[1]), b""
            if status >= 200:
                return Answer(status, await self._told(message, method), self.was_continued)

    async def _told(self, message: Message, method: str) -> dict | None:
        if method == "HEAD":
            return None
        body = message.body
        if message.header("content-length") is None and not message.header("transfer-encoding"):
            body = await self.reader.read()
        try:
            told = json.loads(body)
        except ValueError:
            return None
        return told if isinstance(told, dict) else None


def _same(name: str, other: str) -> bool:
    return name.lower() == other.lower()

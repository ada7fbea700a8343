"""HTTP/1.1 by hand, for both ends of the differential test: what is sent is sent byte for byte,
and what is received is kept as it came. No library that tidies targets or headers stands between.
"""

import asyncio
from dataclasses import dataclass, field


@dataclass
class Message:
    """A request or an answer as it came over the wire."""

    first_line: str
    # Names in lower case.
    headers: list[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        values = [value for sent, value in self.headers if sent == name]
        if len(values) > 1:
            raise AssertionError(f"{name} was sent {len(values)} times: {values}")
        return values[0] if values else None


@dataclass
class Request:
    """What a client sends."""

    number: int
    method: str
    target: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    chunked: bool = False

    def encode(self) -> bytes:
        headers = [("Host", "shop.example"), ("X-Case", str(self.number)), *self.headers]
        if self.chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        elif self.body or self.method in ("POST", "PUT", "PATCH"):
            headers.append(("Content-Length", str(len(self.body))))
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        return head + (_in_chunks(self.body) if self.chunked else self.body)


async def read_message(reader: asyncio.StreamReader, bodiless: bool = False) -> Message | None:
    """The next message; `None` where the connection ends before it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as broken:
        if broken.partial:
            raise
        return None
    # Latin-1 keeps every byte, should one come that must not.
    first_line, *lines = head[:-4].decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    message = Message(first_line, [(name.lower(), value.strip(" \t")) for name, value in pairs])
    if bodiless:
        return message
    if message.header("transfer-encoding") == "chunked":
        message.body = await _read_chunks(reader)
    elif length := message.header("content-length"):
        message.body = await reader.readexactly(int(length))
    return message


def _in_chunks(body: bytes) -> bytes:
    size = max(1, len(body) // 3)
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body

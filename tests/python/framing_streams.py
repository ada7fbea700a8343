"""Streams of requests for the test of framing: well-formed ones, and ones with something odd in
them, the same for the same seed. Every request has a target of its own, those inside bodies too,
so that whoever reads a stream says by the targets where it saw a request begin.
"""

import random
from dataclasses import dataclass

# What each reader is sent behind every stream: a reader that lost its place does not see it.
LAST = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

# Of the requests, those without anything odd.
PLAIN_SHARE = 0.7
# What is odd happens where a number below this is drawn.
RARE_MAX = 0.3


@dataclass
class Stream:
    number: int
    sent: bytes

    @property
    def prefix(self) -> str:
        return f"/case{self.number}/"


def random_stream(rng: random.Random, number: int) -> Stream:
    prefix = f"/case{number}/"
    requests = [_request(rng, f"{prefix}{at}") for at in range(rng.randrange(1, 4))]
    last = LAST.replace("/last", f"{prefix}last").encode()
    return Stream(number, b"".join(requests) + last)


class _Plain(random.Random):
    """Chooses what is well-formed: it never takes the rare way."""

    def random(self) -> float:
        return RARE_MAX + super().random() * (1 - RARE_MAX)


def _request(rng: random.Random, target: str) -> bytes:
    if rng.random() < PLAIN_SHARE:
        rng = _Plain(rng.random())
    method = rng.choice(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"])
    # What a body hides, should a reader take it for a request.
    hidden = f"GET {target}/hidden HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    body = rng.choice([b"", b"x", b"hello", hidden, b"0\r\n\r\n", b"\r\n" + hidden])
    headers = ["Host: a"]
    if rng.choice([True, False]):
        headers.append("X-Note: " + rng.choice(["a", "a b", "  a", "a,b", "", '"']))
    wire = b""
    framing = "both" if rng.random() < 0.1 else rng.choice(["none", "length", "chunks"])
    if framing in ("length", "both"):
        headers.append(_length(rng, len(body)))
        wire = body
    if framing in ("chunks", "both"):
        headers.append(_coding(rng))
        wire = _chunks(rng, body)
    rng.shuffle(headers)
    lines = [f"{method} {target} {_version(rng)}", *headers]
    if rng.random() < RARE_MAX:
        lines.insert(rng.randrange(1, len(lines) + 1), _odd_line(rng, len(body)))
    ends = ["\r\n"] * len(lines)
    if rng.random() < 0.12:
        ends[rng.randrange(len(ends))] = rng.choice(["\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n"])
    last = rng.choice(["\n", "\r\r\n"]) if rng.random() < 0.03 else "\r\n"
    before = rng.choice(["\r\n", "\r\n\r\n", "\n"]) if rng.random() < 0.05 else ""
    head = before + "".join(line + end for line, end in zip(lines, ends)) + last
    return head.encode("latin-1") + wire


def _version(rng: random.Random) -> str:
    if rng.random() >= 0.12:
        return "HTTP/1.1"
    return rng.choice(["HTTP/1.0", "HTTP/1.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 ", "HTTP/2.0", ""])


def _length(rng: random.Random, length: int) -> str:
    if rng.random() >= RARE_MAX:
        return f"Content-Length: {length}"
    return rng.choice(
        [
            f"Content-Length: {length + rng.choice([-1, 1, 5])}",
            f"Content-Length: +{length}",
            f"Content-Length: {length},{length}",
            f"Content-Length: {length}, {length + 1}",
            f"Content-Length: 0{length}",
            f"Content-Length: {length:#x}",
            f"Content-Length:\t{length} ",
            f"Content-Length : {length}",
            f"Content-Length: {length}\r\nContent-Length: {length}",
            f"Content-Length: {length}\r\nContent-Length: {length + 1}",
            f"Content-Length: \x0b{length}",
            f"Content_Length: {length}",
            "Content-Length: 18446744073709551617",
            "Content-Length:",
        ]
    )


def _coding(rng: random.Random) -> str:
    if rng.random() >= RARE_MAX:
        return f"Transfer-Encoding: {rng.choice(['chunked', 'Chunked', 'chunked '])}"
    return rng.choice(
        [
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: \x0bchunked",
            "Transfer-Encoding: \"chunked\"",
            "Transfer-Encoding:",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding\t: chunked",
            "Transfer-Encoding:\r\n chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            "Transfer_Encoding: chunked",
        ]
    )


def _chunks(rng: random.Random, body: bytes) -> bytes:
    size = rng.randrange(1, max(2, len(body) + 1))
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    wire = b"".join(_size(rng, len(part)) + part + _chunk_end(rng) for part in parts)
    last = rng.choice([b"00", b"0;x", b"0 ", b"-0", b"0x0"]) if rng.random() < 0.08 else b"0"
    trailers = b""
    if rng.random() < 0.15:
        trailers = rng.choice([b"X: 1\r\n", b"X: 1\n", b"X\r\n", b"Content-Length: 9\r\n", b" x\r\n"])
    return wire + last + b"\r\n" + trailers + (b"\n" if rng.random() < 0.04 else b"\r\n")


def _size(rng: random.Random, size: int) -> bytes:
    if rng.random() >= 0.15:
        return b"%x\r\n" % size
    return rng.choice(
        [
            b"%X\r\n" % size,
            b"000%x\r\n" % size,
            b"%x;a=b\r\n" % size,
            b'%x;a="b;c"\r\n' % size,
            b"%x;a\nb\r\n" % size,
            b"%x ;a\r\n" % size,
            b" %x\r\n" % size,
            b"0x%x\r\n" % size,
            b"+%x\r\n" % size,
            b"%x\n" % size,
            b"%x\r\r\n" % size,
            b"%x \r\n" % size,
            b"%x_\r\n" % size,
            b"%x\r\n" % (size + 1),
            b"1%016x\r\n" % size,
        ]
    )


def _chunk_end(rng: random.Random) -> bytes:
    return b"\r\n" if rng.random() >= 0.05 else rng.choice([b"\n", b"", b"\r\r\n", b"x\r\n"])


def _odd_line(rng: random.Random, length: int) -> str:
    return rng.choice(
        [
            " folded: line",
            "\tContent-Length: 3",
            "Host: b",
            "Connection: close",
            "Connection: keep-alive",
            "Connection: Content-Length",
            "Expect: 100-continue",
            f"content-length: {length}",
            "X\x00Y: 1",
            "X: a\x00b",
            "X: a\x7fb",
            "X: a\x80b",
            "X: \xff",
            "X Y: 1",
            "X(Y): 1",
            ": 1",
            "X",
            "X: 1\rContent-Length: 3",
            "X: 1\nContent-Length: 3",
            "Upgrade: h2c",
            "Te: trailers",
        ]
    )

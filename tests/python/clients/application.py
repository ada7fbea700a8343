"""A backend as somebody would write one: uvicorn, our ASGI middleware, and an application that sees
verified requests only. Prints where it listens.

    application.py PORT [JOURNAL]             PORT 0 for any. Each request with an `id` in its query
                                              is a line of the journal before it is answered

`/tally` of the backend itself says how many requests were verified, how many were refused, and how
many bytes of bodies have come.
"""

import asyncio
import hashlib
import json
import os
import socket
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs

import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from clients.backend import HOST  # noqa: E402
from clients.stage import OPTIONS, secrets  # noqa: E402
from countersign_verify import AsgiVerifier  # noqa: E402

BACKLOG = 2048
PIECE = bytes(256 * 1024)
TAG = b'"one-of-many"'
# Longer than any run: when a connection ends is up to the node.
IDLE_SECONDS = 600

tally: Counter = Counter()
# By stream, what lets it go on to its next event.
turns: dict[str, asyncio.Semaphore] = {}
journal: int | None = None


def main():
    global journal
    if len(sys.argv) > 2:
        journal = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, int(sys.argv[1])))
    listener.listen(BACKLOG)
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
    config = uvicorn.Config(
        outermost, log_level="warning", access_log=False, timeout_keep_alive=IDLE_SECONDS
    )
    uvicorn.Server(config).run(sockets=[listener])


async def outermost(scope, receive, send):
    """Counts what comes out of the middleware."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/tally":
        await answer(send, 200, json.dumps(tally).encode())
        return

    async def counted(message):
        if message["type"] == "http.response.start" and message["status"] == 401:
            tally["refused"] += 1
        await send(message)

    await verifier(scope, receive, counted)


async def application(scope, receive, send):
    tally["verified"] += 1
    query = parse_qs(scope["query_string"].decode())
    if journal is not None and "id" in query:
        os.write(journal, f"{os.getpid()} {query['id'][0]}\n".encode())
    # The first part is the API's, the second says what is asked for.
    _, _, wanted, *rest = scope["path"].split("/")
    await HANDLERS[wanted](scope, receive, send, query, rest)


async def echo(scope, receive, send, query, _):
    """What was received, the body as its hash."""
    digest, length = hashlib.sha256(), 0
    async for piece in body(receive):
        digest.update(piece)
        length += len(piece)
        tally["body_bytes"] += len(piece)
    seen = {
        "method": scope["method"],
        "target": scope["raw_path"].decode() + "?" + scope["query_string"].decode(),
        "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
        "bytes": length,
        "sha256": digest.hexdigest(),
        "key": scope["countersign.verified"].key,
        "payload_signed": scope["countersign.verified"].payload_signed,
    }
    await answer(send, 200, json.dumps(seen).encode(), is_head=scope["method"] == "HEAD")


async def nothing(scope, receive, send, query, _):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def cached(scope, receive, send, query, _):
    is_known = (b"if-none-match", TAG) in scope["headers"]
    start = {"status": 304 if is_known else 200, "headers": [(b"etag", TAG)]}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": b"" if is_known else b"new"})


async def download(scope, receive, send, query, _):
    left = int(query["bytes"][0])
    headers = [(b"content-length", str(left).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while left > 0:
        piece = PIECE[:left]
        left -= len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


async def events(scope, receive, send, query, rest):
    """`events/NAME` sends an event, and the next one only after `events/NAME/next`."""
    name, *is_next = rest
    turn = turns.setdefault(name, asyncio.Semaphore(0))
    if is_next:
        turn.release()
        await nothing(scope, receive, send, query, rest)
        return
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(int(query["count"][0])):
        event = f"id: {number}\ndata: event {number} of {name}\n\n".encode()
        await send({"type": "http.response.body", "body": event, "more_body": True})
        await turn.acquire()
    await send({"type": "http.response.body"})


HANDLERS = {
    "echo": echo,
    "nothing": nothing,
    "cached": cached,
    "download": download,
    "events": events,
}


async def body(receive):
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the node hung up in the middle of a body")
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def answer(send, status: int, text: bytes, is_head: bool = False):
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else text})


verifier = AsgiVerifier(application, secrets, OPTIONS)

if __name__ == "__main__":
    main()

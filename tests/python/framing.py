"""Where a request ends: the node's reading of random streams beside those of two other parsers.

Each stream goes to a real node, before a backend that writes down what reaches it, to Node.js
(llhttp) and to h11. What the node lets through must be what the others read at that place: the same
method and the same body, unless the other found the stream malformed, which is its right. And where
the node refused nothing it must have let through all that the others read. A stream that two read
differently is how requests are smuggled.

    framing.py BINARY        FRAMING_SEED and FRAMING_STREAMS say which streams, and how many (3,000)
"""

import argparse
import asyncio
import json
import os
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import h11

from framing_streams import Stream, random_stream
from gateway import PATIENCE_SECONDS, Gateway
from wire import read_message

READER = Path(__file__).resolve().parents[1] / "javascript" / "framing_reader.mjs"
KEY, SECRET = "framing-key-1", "Framing_secret-2026!"
CLIENTS = 16
# When the node waits for more of a request that is not whole, the client gives up.
SILENCE_SECONDS = 1
PROBLEMS_SHOWN_MAX = 5
# A test in which hardly anything is let through, or refused, would say nothing.
SHARE_MIN = 0.1


@dataclass
class Reading:
    """What one reader made of a stream."""

    # Method and body by target.
    requests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    # It found the stream malformed, or refused something of it.
    refused: bool = False
    # Its client gave up waiting.
    cut: bool = False
    # It takes no further request on this connection: h11 never does after one of HTTP/1.0.
    closed: bool = False


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    seed = int(os.environ.get("FRAMING_SEED") or random.SystemRandom().randrange(2**32))
    count = int(os.environ.get("FRAMING_STREAMS") or 3000)
    print(f"framing: {count} streams, FRAMING_SEED={seed}", flush=True)
    rng = random.Random(seed)
    streams = [random_stream(rng, number) for number in range(count)]
    with Gateway(parser.parse_args().binary) as gateway:
        return asyncio.run(_compare(gateway, streams))


async def _compare(gateway: Gateway, streams: list[Stream]) -> int:
    seen: dict[str, tuple[str, bytes]] = {}
    backend = await asyncio.start_server(
        lambda reader, writer: _backend(reader, writer, seen), gateway.host, 0
    )
    _publish(gateway, backend.sockets[0].getsockname()[1])
    async with NodeJs() as nodejs:
        waiting = iter(streams)
        problems, tally = [], Counter()

        async def client():
            for stream in waiting:
                ours = await _ours(gateway.proxy, stream, seen)
                others = {"Node.js": await nodejs.read(stream), "h11": _h11(stream)}
                tally["let through whole" if not ours.refused else "refused"] += 1
                tally["requests"] += len(ours.requests)
                for name, theirs in others.items():
                    tally[f"{name} refused"] += theirs.refused
                    problems.extend(f"{name}: {each}" for each in _differences(stream, ours, theirs))

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    backend.close()
    print("framing:", ", ".join(f"{name} {number}" for name, number in sorted(tally.items())))
    for problem in problems[:PROBLEMS_SHOWN_MAX]:
        print(problem)
    lopsided = [name for name in ("let through whole", "refused") if tally[name] < SHARE_MIN * len(streams)]
    if lopsided:
        print(f"framing: hardly anything was {lopsided}")
    print(f"framing: {len(streams)} streams, {len(problems)} read differently")
    return 1 if problems or lopsided else 0


def _differences(stream: Stream, ours: Reading, theirs: Reading) -> list[str]:
    found = []
    for target, request in ours.requests.items():
        if target in theirs.requests:
            if theirs.requests[target] != request:
                found.append(f"{target} is {request}, not {theirs.requests[target]}")
        elif not theirs.refused and not theirs.closed:
            found.append(f"{target} was let through; the other read no such request")
    if not ours.refused and not ours.cut:
        for target in theirs.requests.keys() - ours.requests.keys():
            found.append(f"{target} was not let through, and nothing was refused")
    return [f"{each} in {stream.sent!r}" for each in found]


def _publish(gateway: Gateway, port: int):
    gateway.cli("group create framing")
    gateway.cli(f"api create all --group framing --method ANY --path / --match SWA --backend http://{gateway.host}:{port}")
    gateway.cli("api publish all --env RELEASE")
    gateway.cli(f"key create framing --type hmac --key {KEY} --secret-stdin", stdin=SECRET)
    bound = gateway.cli("bind framing --api all --env RELEASE")
    gateway.wait_for(int(bound["revision"]))


async def _backend(reader, writer, seen):
    """Keeps each request by its target, until the test is over."""
    try:
        while (message := await read_message(reader)) is not None:
            method, target, _ = message.first_line.split(" ")
            seen[target] = (method, message.body)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
    except asyncio.CancelledError:
        pass
    writer.close()


async def _ours(proxy: str, stream: Stream, seen) -> Reading:
    host, port = proxy.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(stream.sent)
    answers, reading = b"", Reading()
    try:
        while piece := await asyncio.wait_for(reader.read(65536), SILENCE_SECONDS):
            answers += piece
    except TimeoutError:
        reading.cut = True
    except ConnectionError:
        reading.refused = True
    writer.close()
    statuses = [line.split(b" ")[1] for line in answers.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    reading.refused |= any(status[:1] == b"4" for status in statuses)
    reading.requests = {target: seen[target] for target in list(seen) if target.startswith(stream.prefix)}
    return reading


def _h11(stream: Stream) -> Reading:
    connection, reading = h11.Connection(h11.SERVER), Reading()
    connection.receive_data(stream.sent)
    connection.receive_data(b"")
    request, body = None, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                target = request.target.decode("latin-1")
                reading.requests[target] = (request.method.decode(), body)
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                    reading.closed = True
                    return reading
                connection.start_next_cycle()
            else:
                return reading
    except h11.RemoteProtocolError:
        reading.refused = True
        return reading


class NodeJs:
    """Node.js as a process; its readings come back by the port that a stream was sent from."""

    async def __aenter__(self) -> "NodeJs":
        self.process = await asyncio.create_subprocess_exec(
            "node", str(READER), stdout=asyncio.subprocess.PIPE
        )
        self.port = json.loads(await self.process.stdout.readline())["listens"]
        self.waiting: dict[int, asyncio.Future] = {}
        self.listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_):
        self.listening.cancel()
        self.process.kill()
        await self.process.wait()

    async def read(self, stream: Stream) -> Reading:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        done = self.waiting[writer.get_extra_info("sockname")[1]] = asyncio.Future()
        try:
            writer.write(stream.sent)
            writer.write_eof()
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass
        writer.close()
        seen = await asyncio.wait_for(done, PATIENCE_SECONDS)
        requests = {target: (method, bytes.fromhex(body)) for method, target, body in seen["requests"]}
        return Reading(requests, refused=seen["error"])

    async def _listen(self):
        while line := await self.process.stdout.readline():
            seen = json.loads(line)
            if done := self.waiting.pop(seen["port"], None):
                done.set_result(seen)


if __name__ == "__main__":
    sys.exit(main())

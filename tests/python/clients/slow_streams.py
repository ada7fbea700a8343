"""Slow streams. The backend sends the next event only when the client has said that it got the one
before, and a client the next piece of a body only when the backend has got the one before: whatever
holds something back stops everything.
"""

import json
import re
import selectors
import subprocess
import time

from clients.backend import Backend
from clients.protocols import HTTP1, HTTP1_TLS, HTTP2, HTTP2_TLS, Protocol
from clients.stage import Stage
from clients.table import Row
from gateway import PATIENCE_SECONDS, until

EVENTS = 20
PIECES = 10


def try_slow_streams(stage: Stage, backend: Backend) -> list[Row]:
    stage.publish("/sse", f"http://{backend.address}")
    # What is to be signed is read to its end before it is sent on.
    stage.publish("/slow", f"http://{backend.address}", "--body-policy unsigned")
    protocols = (HTTP1, HTTP2, HTTP1_TLS, HTTP2_TLS)
    events = [_events(stage, backend, each) for each in protocols]
    return events + [_pieces(stage, backend, each) for each in protocols]


def _events(stage: Stage, backend: Backend, protocol: Protocol) -> Row:
    name = re.sub(r"\W+", "-", protocol.name)
    stream = f"{protocol.origin(stage)}/sse/events/{name}"
    curl = ["curl", "--fail", *protocol.curl_flags(stage)]
    before = backend.verified()
    reading = subprocess.Popen(
        [*curl, "--no-buffer", f"{stream}?count={EVENTS}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        for number in range(EVENTS):
            event = f"id: {number}\ndata: event {number} of {name}\n\n".encode()
            _take(reading, event, f"event {number} over {protocol.name}")
            subprocess.run(
                [*curl, "-X", "POST", f"{stream}/next"], check=True, timeout=PATIENCE_SECONDS
            )
        rest = reading.stdout.read()
        if reading.wait(PATIENCE_SECONDS) != 0 or rest:
            raise AssertionError(f"the events over {protocol.name} did not end well: {rest}")
    finally:
        reading.kill()
        reading.wait()
        reading.stdout.close()
    taken = backend.verified() - before
    remark = "each arrives before the next is sent"
    return Row("curl", f"events, {protocol.name}", 1 + EVENTS, taken, remark)


def _pieces(stage: Stage, backend: Backend, protocol: Protocol) -> Row:
    # With `-T .` curl sends what there is, and does not wait for more.
    curl = ["curl", "--fail", *protocol.curl_flags(stage), "--no-progress-meter", "-T", "."]
    before = backend.verified()
    sending = subprocess.Popen(
        [*curl, f"{protocol.origin(stage)}/slow/echo"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        come = backend.body_bytes()
        for number in range(PIECES):
            piece = f"piece {number}".encode()
            come += len(piece)
            sending.stdin.write(piece)
            sending.stdin.flush()
            until(
                f"{piece} comes over {protocol.name}",
                lambda wanted=come: backend.body_bytes() == wanted,
            )
        # The answer comes when the body has ended.
        answer, _ = sending.communicate(timeout=PATIENCE_SECONDS)
        if sending.returncode != 0 or json.loads(answer)["payload_signed"]:
            raise AssertionError(f"the pieces over {protocol.name} did not end well: {answer}")
    finally:
        sending.kill()
        sending.wait()
    taken = backend.verified() - before
    remark = f"{PIECES} pieces, each arrives before the next is sent"
    return Row("curl", f"slow upload, {protocol.name}", 1, taken, remark)


def _take(reading: subprocess.Popen, wanted: bytes, what: str):
    """Reads what is wanted, and nothing more may be there."""
    got = b""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with selectors.DefaultSelector() as waiting:
        waiting.register(reading.stdout, selectors.EVENT_READ)
        while got != wanted:
            left = deadline - time.monotonic()
            if not wanted.startswith(got) or left < 0 or not waiting.select(left):
                raise AssertionError(f"{what}: {got} of {wanted}")
            piece = reading.stdout.read1()
            if not piece:
                raise AssertionError(f"{what}: the stream ended after {got}")
            got += piece

"""Random requests through a real node to a backend that verifies with the public Python signer.

The backend signs what it received once more, with the signer that users have (from PyPI), over the
method, the target as received, the signed headers and the body, and compares. None may be refused.

    differential.py BINARY                    DIFFERENTIAL_SEED and DIFFERENTIAL_REQUESTS say
                                              which requests, and how many (2,000)
"""

import argparse
import asyncio
import os
import random
import re
import sys
from pathlib import Path

from apigateway_sdk_python import signer

from gateway import PATIENCE_SECONDS, Gateway
from random_requests import random_request
from wire import Message, Request, read_message

KEY, SECRET = "differential-1", "Differential_secret-2026!"
CLIENTS = 8
# Every so many requests the backend changes what it received, and must then refuse it: a verifier
# that accepts everything would make this whole test worthless.
TAMPERED_EVERY = 20
# Path prefix of the API, its arguments.
APIS = {
    "/normal": "--body-policy required --query-mode normalize",
    "/raw": "--body-policy required --query-mode raw",
    "/unsigned": "--body-policy unsigned --query-mode normalize",
}
# The public documentation's own pattern.
AUTHORIZATION = re.compile(
    r"SDK-HMAC-SHA256\s+Access=([^,]+),\s?SignedHeaders=([^,]+),\s?Signature=(\w+)"
)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    binary = parser.parse_args().binary
    seed = int(os.environ.get("DIFFERENTIAL_SEED") or random.SystemRandom().randrange(2**32))
    count = int(os.environ.get("DIFFERENTIAL_REQUESTS") or 2000)
    print(f"differential: {count} requests, DIFFERENTIAL_SEED={seed}", flush=True)
    rng = random.Random(seed)
    requests = [random_request(rng, number, list(APIS)) for number in range(count)]
    with Gateway(binary) as gateway:
        backend = Backend()
        asyncio.run(_run(gateway, backend, requests))
    for problem in backend.problems[:5]:
        print(problem, file=sys.stderr)
    print(
        f"differential: {backend.verified} of {count} verified by the public signer, "
        f"{len(backend.problems)} problems; {backend.tampered} changed on purpose, "
        f"{backend.tampered_accepted} of these accepted"
    )
    good = backend.verified == count and not backend.problems
    return 0 if good and backend.tampered > 0 and backend.tampered_accepted == 0 else 1


async def _run(gateway: Gateway, backend: "Backend", requests: list[Request]):
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0)
    address = "{}:{}".format(*server.sockets[0].getsockname())
    gateway.cli("group create differential")
    created = f"key create differential --type hmac --key {KEY} --secret-stdin"
    gateway.cli(created, stdin=SECRET)
    for prefix, arguments in APIS.items():
        name = prefix.strip("/")
        create = f"api create {name} --group differential --method ANY --path {prefix} --match SWA"
        gateway.cli(f"{create} --backend http://{address} {arguments}")
        gateway.cli(f"api publish {name} --env RELEASE")
        bound = gateway.cli(f"bind differential --api {name} --env RELEASE")
    gateway.wait_for(bound["revision"])
    backend.sent = {request.number: request for request in requests}
    shares = [requests[client::CLIENTS] for client in range(CLIENTS)]
    host, port = gateway.proxy.split(":")
    for problem in await asyncio.gather(*(_client(host, int(port), share) for share in shares)):
        backend.problems += problem
    server.close()


async def _client(host: str, port: int, requests: list[Request]) -> list[str]:
    """Sends its share over one connection, up to the first that the backend did not answer."""
    reader, writer = await asyncio.open_connection(host, port)
    for request in requests:
        try:
            writer.write(request.encode())
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await read_message(reader, bodiless=request.method == "HEAD")
        except (OSError, EOFError) as failure:
            return [f"{failure!r} after {_shown(request)}"]
        if answer is None or answer.header("x-verifier") != "public":
            return [f"the node itself answered {answer} to {_shown(request)}"]
    writer.close()
    return []


class Backend:
    """Verifies every request, and counts."""

    def __init__(self):
        self.sent: dict[int, Request] = {}
        self.verified = self.tampered = self.tampered_accepted = 0
        # Refusals, and what did not even come to an answer of the backend.
        self.problems: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        try:
            while (received := await read_message(reader)) is not None:
                status = b"401 Unauthorized" if self._is_refused(received) else b"200 OK"
                writer.write(b"HTTP/1.1 %s\r\nX-Verifier: public\r\n" % status)
                writer.write(b"Content-Length: 0\r\n\r\n")
        except asyncio.CancelledError:
            # The end of the test; in Python 3.11 a server's task must not end as cancelled.
            pass
        finally:
            writer.close()

    def _is_refused(self, received: Message) -> bool:
        number = int(received.header("x-case") or -1)
        sent = self.sent[number]
        problem = _difference(received)
        if problem is None and received.body != sent.body:
            problem = f"the body is another: {len(received.body)} of {len(sent.body)} bytes"
        if problem is not None:
            self.problems.append(f"{problem}\n  sent   {_shown(sent)}")
            return True
        self.verified += 1
        if number % TAMPERED_EVERY == 0:
            self.tampered += 1
            self.tampered_accepted += _difference(_tampered(received, number)) is None
        return False


def _difference(received: Message) -> str | None:
    """What the public signer would have sent instead, if it is something else."""
    method, target, _ = received.first_line.split(" ")
    authorization = received.header("authorization") or ""
    claim = AUTHORIZATION.fullmatch(authorization)
    if claim is None:
        return f"not an SDK-HMAC-SHA256 header: {authorization!r}"
    headers = {name: received.header(name) for name in claim[2].split(";")}
    if None in headers.values() or not {"host", "x-sdk-date"} <= headers.keys():
        return f"signed headers that are missing: {claim[2]}"
    again = signer.HttpRequest(method, f"http://{headers['host']}{target}", headers)
    again.body = received.body
    canonical = signer.CanonicalRequest(again, sorted(headers))
    public = signer.Signer()
    public.Key, public.Secret = KEY, SECRET
    public.Sign(again)
    if again.headers["Authorization"] == authorization:
        return None
    return (
        f"received {received.first_line}\n  with   {authorization}\n"
        f"  public {again.headers['Authorization']}\n  over   {canonical!r}"
    )


def _tampered(received: Message, number: int) -> Message:
    """The same with one thing changed that the signature covers."""
    method, target, version = received.first_line.split(" ")
    kind = number // TAMPERED_EVERY % 4
    if kind == 0:
        target += "&x=1" if "?" in target else "?x=1"
    elif kind == 1:
        method = "PUT" if method != "PUT" else "POST"
    elif kind == 2:
        return Message(
            received.first_line,
            [(name, value + "x" if name == "host" else value) for name, value in received.headers],
            received.body,
        )
    else:
        path, *query = target.split("?", 1)
        target = "?".join([path.rstrip("/") + "/changed", *query])
    return Message(f"{method} {target} {version}", received.headers, received.body)


def _shown(request: Request) -> str:
    how = "chunked" if request.chunked else "whole"
    return (
        f"request {request.number}: {request.method} {request.target!r}, "
        f"{len(request.body)} bytes {how}, {request.headers}"
    )


if __name__ == "__main__":
    sys.exit(main())

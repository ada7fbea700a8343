"""Random requests through a real node, and three public signers over what it sent.

The backend keeps every request as it was received. Each public signer then signs it once more, over
the method, the target, the signed headers and the body, and its signature is compared with the
node's. Where they differ one of the signer's rules must say why (differential_rules.py); where
a rule applies they must differ; and every rule must be met, once at least by itself. Requests that
are changed on purpose must be signed otherwise. The project's own verifier, which shares no line
with the node's signer, must accept every request, those that a rule excuses included.

    differential.py BINARY [FOLDER]           FOLDER has the node_modules with the JavaScript
                                              signer: target/javascript beside the binary
                                              DIFFERENTIAL_SEED and DIFFERENTIAL_REQUESTS say
                                              which requests, and how many (2,400)
"""

import argparse
import asyncio
import os
import random
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from differential_rules import RULES, Rule, undocumented
from differential_signers import (
    CONTENT_HEADER,
    ApigatewaySdkPython,
    HuaweicloudSdkCore,
    Huaweicloudsdkcore,
    Signed,
)
from gateway import PATIENCE_SECONDS, Gateway
from random_requests import random_request
from wire import Message, Request, read_message

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "verifiers" / "python"))
from countersign_verify import Options, Refused, verify  # noqa: E402
from countersign_verify import Request as ReceivedRequest  # noqa: E402

KEY, SECRET = "differential-1", "Differential_secret-2026!"
CLIENTS = 8
# Every so many requests are also compared with something changed: a comparison that finds
# everything equal would make this whole test worthless.
TAMPERED_EVERY = 20
# Path prefix of the API, its arguments.
APIS = {
    "/normal": "--body-policy required --query-mode normalize",
    "/raw": "--body-policy required --query-mode raw",
    "/unsigned": "--body-policy unsigned --query-mode normalize",
}
NORMALIZED = {prefix for prefix, arguments in APIS.items() if "normalize" in arguments}
PROBLEMS_SHOWN_MAX = 5


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("folder", type=Path, nargs="?")
    arguments = parser.parse_args()
    folder = arguments.folder or arguments.binary.resolve().parents[1] / "javascript"
    signers = [
        ApigatewaySdkPython(KEY, SECRET),
        Huaweicloudsdkcore(KEY, SECRET),
        HuaweicloudSdkCore(KEY, SECRET, folder),
    ]
    seed = int(os.environ.get("DIFFERENTIAL_SEED") or random.SystemRandom().randrange(2**32))
    count = int(os.environ.get("DIFFERENTIAL_REQUESTS") or 2400)
    print(f"differential: {count} requests, DIFFERENTIAL_SEED={seed}", flush=True)
    rng = random.Random(seed)
    requests = [random_request(rng, number, list(APIS), NORMALIZED) for number in range(count)]
    backend = Backend(requests)
    with Gateway(arguments.binary) as gateway:
        asyncio.run(_run(gateway, backend, requests))
    problems = backend.problems + undocumented((ROOT / "docs" / "signing.md").read_text())
    numbers = sorted(backend.signed)
    signed = [backend.signed[number] for number in numbers]
    print(f"differential: {len(signed)} of {count} were signed", flush=True)
    if len(signed) != count:
        problems.append(f"only {len(signed)} of {count} requests arrived as they were sent")
    refused = [found for request in signed if (found := _refused(request))]
    print(f"differential: {len(signed) - len(refused)} accepted by the project's own verifier")
    problems += refused
    for signer in signers:
        problems += _compare(signer, signed)
        problems += _compare_tampered(signer, dict(zip(numbers, signed, strict=True)))
    for problem in problems[:PROBLEMS_SHOWN_MAX]:
        print(problem, file=sys.stderr)
    print(f"differential: {len(problems)} problems")
    return 1 if problems else 0


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
        if answer is None or answer.header("x-backend") != "kept":
            return [f"the node itself answered {answer} to {_shown(request)}"]
    writer.close()
    return []


class Backend:
    """Keeps every request that arrives as it was sent."""

    def __init__(self, sent: list[Request]):
        self.sent = sent
        self.signed: dict[int, Signed] = {}
        self.problems: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        try:
            while (received := await read_message(reader)) is not None:
                self._keep(received)
                writer.write(b"HTTP/1.1 200 OK\r\nX-Backend: kept\r\nContent-Length: 0\r\n\r\n")
        except asyncio.CancelledError:
            # The end of the test; in Python 3.11 a server's task must not end as cancelled.
            pass
        finally:
            writer.close()

    def _keep(self, received: Message):
        number = int(received.header("x-case") or -1)
        sent = self.sent[number]
        try:
            signed = Signed.of(received)
            if signed.method != sent.method:
                raise ValueError(f"the method is another: {signed.method}")
            if signed.body != sent.body:
                raise ValueError(f"the body is another: {len(signed.body)} bytes")
            self.signed[number] = signed
        except ValueError as problem:
            self.problems.append(f"{problem}\n  sent   {_shown(sent)}")


def _refused(request: Signed) -> str | None:
    """What the project's own verifier has against a request."""
    headers = [*request.headers.items(), ("authorization", request.authorization)]
    received = ReceivedRequest(request.method, request.target, headers, request.body)
    try:
        verify(received, lambda scheme, key: [SECRET], Options(unsigned_payload_allowed=True))
    except Refused as refused:
        return f"the project's own verifier: {refused.reason} for {request.method} {request.url}"
    return None


def _compare(signer, signed: list[Signed]) -> list[str]:
    """Prints how often a signer agreed, and what differs for no reason or agrees against one."""
    problems, excused, alone, agreed = [], Counter(), Counter(), 0
    for request, public in zip(signed, signer.authorizations(signed), strict=True):
        rules = [rule for rule in RULES[signer.name] if rule.applies(request)]
        agreed += public == request.authorization
        if (public == request.authorization) == bool(rules):
            problems.append(_unexplained(signer, request, public, rules))
        elif rules:
            excused.update(rule.name for rule in rules)
            alone.update(rule.name for rule in rules if len(rules) == 1)
    print(f"\n{signer.name} {signer.version}: {agreed} of {len(signed)} agree")
    for rule in RULES[signer.name]:
        print(f"  {rule.name:20} {excused[rule.name]:5} differ, {alone[rule.name]:4} by it alone")
        if not alone[rule.name]:
            problems.append(f"{signer.name}: nothing differed by the rule {rule.name} alone")
    return problems


def _compare_tampered(signer, signed: dict[int, Signed]) -> list[str]:
    """What is changed on purpose must be signed otherwise."""
    tampered = [
        _tampered(request, number)
        for number, request in signed.items()
        if number % TAMPERED_EVERY == 0
    ]
    again = signer.authorizations(tampered)
    accepted = [
        f"{signer.name} signs the same for {changed.method} {changed.url}, which was changed"
        for changed, public in zip(tampered, again, strict=True)
        if public == changed.authorization
    ]
    print(f"  changed on purpose   {len(tampered):5}, {len(accepted)} of these agree")
    return accepted if tampered else [f"{signer.name}: nothing was changed on purpose"]


def _tampered(request: Signed, number: int) -> Signed:
    """The same with one thing changed that the signature covers."""
    kind = number // TAMPERED_EVERY % 5
    if kind == 0:
        mark = "&x=1" if "?" in request.target else "?x=1"
        return replace(request, target=request.target + mark)
    if kind == 1:
        return replace(request, method="PUT" if request.method != "PUT" else "POST")
    if kind == 2:
        host = "x" + request.headers["host"]
        return replace(request, headers=request.headers | {"host": host})
    if kind == 3 and CONTENT_HEADER not in request.headers:
        return replace(request, body=request.body + b"x")
    path, *query = request.target.split("?", 1)
    return replace(request, target="?".join([path.rstrip("/") + "/changed", *query]))


def _unexplained(signer, request: Signed, public: str, rules: list[Rule]) -> str:
    expected = ", ".join(f"{rule.name} ({rule.why})" for rule in rules) or "no rule"
    return (
        f"{signer.name}, with {expected}\n"
        f"  over   {request.method} {request.url}\n"
        f"  with   {request.headers}, {len(request.body)} bytes {request.body[:200]!r}\n"
        f"  node   {request.authorization}\n"
        f"  public {public}"
    )


def _shown(request: Request) -> str:
    how = "chunked" if request.chunked else "whole"
    return (
        f"request {request.number}: {request.method} {request.target!r}, "
        f"{len(request.body)} bytes {how}, {request.headers}"
    )


if __name__ == "__main__":
    sys.exit(main())

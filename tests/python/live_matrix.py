"""Every language's sample server behind a real node: what comes through it must be accepted, as it
was sent; what is changed past it must be refused, with the contract's reason, the same in all.

    live_matrix.py BINARY [LANGUAGE…]         prints a table; all of them unless some are named

The servers must be built: `verifiers/run`, and `cargo build --workspace --all-targets`.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from gateway import Gateway
from live.accepts import Node, send_odd_requests
from live.captured import TO_TAMPER_WITH, Captured, captured
from live.exchange import Connection
from live.languages import Language, Server, languages
from live.odd import APIS
from live.refusals import send_tampered_requests
from live.tally import Tally

SECRET = "Live_Matrix-secret!2026"
# By kind, for no two keys of a gateway may be equal.
KEYS = {"hmac": "live-matrix-1", "basic": "live-matrix-2"}
# A server with all sanitizers on a busy machine may take its time.
TIMEOUT_MS = 60_000
# Languages that are tried at a time.
AT_ONCE = 3


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("languages", nargs="*")
    given = parser.parse_args()
    known = languages(given.binary)
    wanted = [each for each in known if not given.languages or each.name in given.languages]
    if unknown := set(given.languages) - {each.name for each in known}:
        raise SystemExit(f"there is no sample server of {', '.join(sorted(unknown))}")
    with Gateway(given.binary) as gateway:
        rows = asyncio.run(_all(gateway, wanted))
    print(f"{'language':<12} {'live accepts':<13} live refusals")
    for name, (accepts, refusals) in rows.items():
        good = accepts.is_full() and refusals.is_full()
        print(f"{name:<12} {accepts!s:<13} {refusals!s:<13} {'ok' if good else 'failed'}")
    return 0 if all(tally.is_full() for row in rows.values() for tally in row) else 1


async def _all(gateway: Gateway, wanted: list[Language]) -> dict[str, tuple[Tally, Tally]]:
    secret_file = gateway.directory / "secret"
    secret_file.write_text(SECRET + "\n")
    gateway.cli("group create live")
    for kind, key in KEYS.items():
        create = f"key create live_{kind} --type {kind} --key {key} --secret-stdin"
        gateway.cli(create, stdin=SECRET)
    room = asyncio.Semaphore(AT_ONCE)
    rows = {each.name: (Tally(each.name), Tally(each.name)) for each in wanted}

    async def one(language: Language):
        async with room:
            try:
                await _one(gateway, language, secret_file, *rows[language.name])
            except Exception as failure:
                # Whatever it is, it is that language's, and must not hide the others.
                rows[language.name][0].fail("live", f"{type(failure).__name__}: {failure}")

    await asyncio.gather(*(one(language) for language in wanted))
    return rows


async def _one(
    gateway: Gateway, language: Language, secret_file: Path, accepts: Tally, refusals: Tally
):
    """With a server for each kind of key, and one that allows unsigned bodies."""
    async with (
        Server(language, KEYS["hmac"], secret_file) as strict,
        Server(language, KEYS["hmac"], secret_file, "--allow-unsigned-payload") as lenient,
        Server(language, KEYS["basic"], secret_file) as basic,
    ):
        servers = {"auto": lenient, "unsigned": lenient, "basic": basic}
        servers = {api: servers.get(api, strict) for api in APIS}
        await asyncio.to_thread(_serve_apis, gateway, language.name, servers)
        node = Node(gateway.proxy, f"/{language.name}", servers)
        await send_odd_requests(language.name, node, accepts)
        async with Connection(node.address) as connection:
            sent = [node.request(api, request) for api, request in TO_TAMPER_WITH]
            seen = [captured(each, await connection.ask(each)) for each in sent]
        known = Captured(strict.key, SECRET, *seen)
        addresses = (strict.address, lenient.address)
        await send_tampered_requests(language.name, addresses, known, accepts, refusals)


def _serve_apis(gateway: Gateway, language: str, servers: dict[str, Server]):
    """Returns when the node serves, and signs for, all of the language's APIs."""
    for api, (kind, arguments) in APIS.items():
        name = f"{language}-{api}"
        create = f"api create {name} --group live --method ANY --path /{language}/{api} --match SWA"
        create += f" --backend http://{servers[api].address} --timeout-ms {TIMEOUT_MS}"
        gateway.cli(f"{create} {arguments}")
        gateway.cli(f"api publish {name} --env RELEASE")
        bound = gateway.cli(f"bind live_{kind} --api {name} --env RELEASE")
    gateway.wait_for(bound["revision"])


if __name__ == "__main__":
    sys.exit(main())

"""HTTP clients of other languages, small programs in `programs/`: what each takes for granted."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clients.backend import Backend
from clients.stage import Stage
from clients.table import Row
from gateway import PATIENCE_SECONDS

PROGRAMS = Path(__file__).with_name("programs")
REQUESTS = 60


@dataclass(frozen=True)
class Client:
    name: str
    # `CA` stands for the authority's file; the count and the addresses are added.
    command: list[str]
    # What it speaks in clear, and over TLS.
    clear: str
    encrypted: str


HTTP1, HTTP2 = "HTTP/1.1", "HTTP/2.0"
JAVA = ["java", "-XX:TieredStopAtLevel=1", "Client.java", "CA"]
CLIENTS = [
    Client("Go net/http", ["go", "run", "client.go", "CA"], HTTP1, HTTP2),
    # In clear it offers to upgrade to HTTP/2, which the node leaves alone.
    Client("java.net.http", JAVA, HTTP1, HTTP2),
    Client("Node.js fetch", ["node", "fetch.mjs"], HTTP1, HTTP1),
    Client("node:http2", ["node", "http2.mjs"], HTTP2, HTTP2),
]


def try_languages(stage: Stage, backend: Backend) -> list[Row]:
    stage.publish("/languages", f"http://{backend.address}")
    return [_row(stage, backend, client) for client in CLIENTS]


def _row(stage: Stage, backend: Backend, client: Client) -> Row:
    """In clear first, then over TLS."""
    authority = str(stage.certificates.authority)
    command = [authority if part == "CA" else part for part in client.command]
    urls = [f"{origin}/languages/echo" for origin in (stage.clear, stage.encrypted)]
    before = backend.verified()
    done = subprocess.run(
        [*command, str(REQUESTS), *urls],
        cwd=PROGRAMS,
        env=os.environ | {"NODE_EXTRA_CA_CERTS": authority},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    spoken = [f"200 {client.clear}"] * REQUESTS + [f"200 {client.encrypted}"] * REQUESTS
    if done.returncode != 0 or done.stdout.splitlines() != spoken:
        raise AssertionError(f"{client.name}: {done.returncode}\n{done.stdout}{done.stderr}")
    protocols = f"{client.clear} in clear, {client.encrypted} over TLS".replace("2.0", "2")
    return Row(client.name, protocols, len(spoken), backend.verified() - before)

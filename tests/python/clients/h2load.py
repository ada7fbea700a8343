"""h2load: thousands of requests, many at a time on each connection, all answered with 2xx."""

import re
import subprocess
from dataclasses import dataclass

from clients.backend import Backend
from clients.stage import Stage
from clients.table import Row
from gateway import PATIENCE_SECONDS

CONNECTIONS = 8
# Of a connection.
AT_ONCE = 10
BODY_BYTES = 1024
SUCCEEDED = re.compile(r"^requests: (\d+) total, \1 started, \1 done, \1 succeeded, 0 failed", re.M)
ALL_2XX = re.compile(r"^status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx$", re.M)


@dataclass(frozen=True)
class Load:
    protocol: str
    requests: int
    flags: list[str]
    is_encrypted: bool = False
    has_bodies: bool = False


LOADS = [
    Load("HTTP/1.1, pipelined", 500, ["--h1"]),
    Load("HTTP/2, prior knowledge", 1500, ["--no-tls-proto=h2c"]),
    Load("HTTP/2, signed bodies", 800, ["--no-tls-proto=h2c"], has_bodies=True),
    Load("HTTP/2, TLS", 1500, ["--npn-list=h2"], is_encrypted=True),
]


def try_h2load(stage: Stage, backend: Backend) -> list[Row]:
    stage.publish("/h2load", f"http://{backend.address}", "--body-policy required")
    body = stage.directory / "h2load.body"
    body.write_bytes(b"x" * BODY_BYTES)
    rows = []
    for load in LOADS:
        origin = stage.encrypted if load.is_encrypted else stage.clear
        command = ["h2load", *load.flags, f"--requests={load.requests}"]
        command += [f"--clients={CONNECTIONS}", f"--max-concurrent-streams={AT_ONCE}"]
        command += [f"--data={body}"] if load.has_bodies else []
        before = backend.verified()
        done = subprocess.run(
            [*command, f"{origin}/h2load/echo?from=h2load"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        good = SUCCEEDED.search(done.stdout), ALL_2XX.search(done.stdout)
        if done.returncode != 0 or any(not it or int(it[1]) != load.requests for it in good):
            raise AssertionError(f"h2load over {load.protocol}\n{done.stdout}{done.stderr}")
        remark = f"{CONNECTIONS} connections, {AT_ONCE} at once on each"
        taken = backend.verified() - before
        rows.append(Row("h2load", load.protocol, load.requests, taken, remark))
    return rows

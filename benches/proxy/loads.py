"""The load generators, and what each says it did. One thread each: there may be two cores."""

import json
import os
import re
import subprocess

from places import PROXY, at, ours
from proxy import Proxy

PATH = "/api/v1/orders?id=7"
# Of HTTP/2: as many requests under way as with 64 connections of HTTP/1.1.
H2_CONNECTIONS = 8
H2_STREAMS = 8
# Beyond its time a generator may need so long to begin and end.
SLACK_SECONDS = 30


def closed_loop(
    proxy: Proxy, protocol: str, connections: int, body: int, random_routes: bool, seconds: int
) -> tuple[int, int]:
    """Each connection asks again once it is answered: requests that were served, and failed."""
    if protocol in ("h2c", "tls-h2"):
        return _h2load(proxy.url(protocol), seconds)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    if random_routes:
        command += ["-s", str(PROXY / "load" / "routes.lua")]
    elif body:
        command += ["-s", str(PROXY / "load" / "post.lua")]
    environment = {**os.environ, "BODY": str(body), "ROUTES": str(proxy.routes)}
    said = _run(command + [proxy.url(protocol) + PATH], seconds, environment)
    served = int(_found(r"(\d+) requests in", said))
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout", said)
    # Its timeouts are answers that took two seconds, which a machine with other work makes.
    broken = sum(int(count) for count in errors.groups()) if errors else 0
    return served, (int(failed.group(1)) if failed else 0) + broken


def _h2load(url: str, seconds: int) -> tuple[int, int]:
    command = ["h2load", "-t1", f"-c{H2_CONNECTIONS}", f"-m{H2_STREAMS}", f"-D{seconds}"]
    said = _run(command + [url + PATH], seconds)
    good = int(_found(r"status codes: (\d+) 2xx", said))
    return good, int(_found(r"(\d+) failed", said)) + int(_found(r"(\d+) errored", said))


def open_loop(proxy: Proxy, rate: float, body: int, connections: int, seconds: int) -> dict:
    """Requests at a fixed rate, latencies from the time at which each was due."""
    command = [str(ours("open_loop")), at(proxy.listens["http"]), "--rate", f"{rate:.0f}"]
    command += ["--connections", str(connections), "--seconds", str(seconds)]
    command += ["--path", PATH, "--body", str(body)]
    return json.loads(_run(command, seconds))


def _run(command: list[str], seconds: int, environment: dict | None = None) -> str:
    ran = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=seconds + SLACK_SECONDS
    )
    if ran.returncode != 0:
        raise LoadFailed(f"{command[0]} ended with {ran.returncode}: {ran.stderr[-500:]}")
    return ran.stdout


def _found(pattern: str, said: str) -> str:
    found = re.search(pattern, said)
    if not found:
        raise LoadFailed(f"no {pattern} in: {said[-500:]}")
    return found.group(1)


class LoadFailed(Exception):
    """A generator did not do what it should; the figure is missing, and the run goes on."""

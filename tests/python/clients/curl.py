"""curl: the kinds of requests and answers that HTTP has, all of them over one connection, with
every protocol that it speaks to a node.
"""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clients.backend import Backend
from clients.protocols import PROTOCOLS, Protocol
from clients.stage import KEY, Stage
from clients.table import Row
from gateway import PATIENCE_SECONDS

TOLD = "%{http_code} %{http_version} %{num_connects} %{size_download}\\n"
LARGE_BYTES = 3 * 1024 * 1024
SMALL = b'{"amount": 100, "to": "J\xc3\xbcrgen"}'


@dataclass(frozen=True)
class Answer:
    status: int
    # All of them, those of interim answers too.
    heads: str
    body: bytes

    def header(self, name: str) -> str | None:
        lines = (line.partition(":") for line in self.heads.splitlines())
        return next((value.strip() for known, _, value in lines if known.lower() == name), None)


@dataclass(frozen=True)
class Case:
    what: str
    target: str
    flags: list[str]
    check: Callable[[Answer], bool]
    status: int = 200
    # The one protocol that has such a thing; empty: all have.
    only: str = ""


def try_curl(stage: Stage, backend: Backend) -> list[Row]:
    stage.publish("/curl", f"http://{backend.address}", "--body-policy required")
    _refused_past_the_node(backend)
    return [_all_cases(stage, backend, protocol) for protocol in PROTOCOLS]


def _all_cases(stage: Stage, backend: Backend, protocol: Protocol) -> Row:
    folder = stage.directory / re.sub(r"\W+", "-", f"curl {protocol.name}")
    folder.mkdir()
    cases = [case for case in _cases(folder) if case.only in ("", protocol.speaks)]
    before = backend.verified()
    if protocol.is_reusing:
        connections = _run(stage, protocol, folder, cases)
        if connections != 1:
            raise AssertionError(f"curl over {protocol.name} had to open {connections} connections")
    else:
        connections = sum(_run(stage, protocol, folder, [case]) for case in cases)
    remark = "1 connection" if connections == 1 else f"{connections} connections"
    return Row("curl", protocol.name, len(cases), backend.verified() - before, remark)


def _run(stage: Stage, protocol: Protocol, folder: Path, cases: list[Case]) -> int:
    """One curl, for it uses its connection again. Returns how many it opened."""
    command = ["curl"]
    for number, case in enumerate(cases):
        command += ["--next"] if number > 0 else []
        command += protocol.curl_flags(stage)
        command += ["--output", str(folder / f"{number}.body")]
        command += ["--dump-header", str(folder / f"{number}.heads")]
        url = f"{protocol.origin(stage)}/curl/{case.target}"
        command += ["--write-out", TOLD, *case.flags, url]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != len(cases):
        raise AssertionError(f"curl over {protocol.name}: {done.returncode}\n{done.stderr}{lines}")
    connections = 0
    for number, (case, line) in enumerate(zip(cases, lines, strict=True)):
        status, version, opened, size = line.split()
        connections += int(opened)
        # curl makes no file where there is no body, and leaves one that is there.
        body = (folder / f"{number}.body").read_bytes() if int(size) > 0 else b""
        heads = (folder / f"{number}.heads").read_text(encoding="latin-1")
        answer = Answer(int(status), heads, body)
        is_right = answer.status == case.status and version == protocol.version
        if not is_right or not case.check(answer):
            raise AssertionError(f"curl over {protocol.name}, {case.what}: {version}, {answer}")
    return connections


def _cases(folder: Path) -> list[Case]:
    large = folder / "large"
    large.write_bytes(bytes(range(256)) * (LARGE_BYTES // 256))
    small = folder / "small"
    small.write_bytes(SMALL)
    content = large.read_bytes()
    echoed_small, echoed_large = _echoes("POST", SMALL), _echoes("PUT", content)
    asked = ["--header", "Expect: 100-continue", "--expect100-timeout", str(PATIENCE_SECONDS)]
    chunked = ["--header", "Transfer-Encoding: chunked"]
    up, known = ["-T", str(large)], ["--header", 'If-None-Match: "one-of-many"']
    small_body = ["--data-binary", f"@{small}"]
    return [
        Case("a query", "echo?b=2&a=J%C3%BCrgen&a=1&plus=1%2B2", [], _echoes("GET", b"")),
        Case("a small body", "echo", small_body, echoed_small),
        Case("a large body", "echo", [*up, "--header", "Expect:"], echoed_large),
        # Only an answer of 100 makes curl send it before its patience ends.
        Case("a body when asked", "echo", [*up, *asked], _is_asked(echoed_large), only="1.1"),
        Case("chunks", "echo", [*up, *chunked], echoed_large, only="1.1"),
        Case("HEAD", "echo", ["--head"], lambda answer: int(answer.header("content-length")) > 0),
        Case("204", "nothing", [], _is_empty, status=204),
        Case("a tag", "cached", [], lambda answer: answer.header("etag") == '"one-of-many"'),
        Case("304", "cached", known, _is_empty, status=304),
        Case("DELETE", "echo", ["-X", "DELETE"], _echoes("DELETE", b"")),
        Case("an answer in no chunks", "events/curl?count=0", [], _is_empty),
        Case("a body at the end", "echo", small_body, echoed_small),
    ]


def _is_empty(answer: Answer) -> bool:
    return answer.body == b""


def _echoes(method: str, body: bytes) -> Callable[[Answer], bool]:
    digest = hashlib.sha256(body).hexdigest()

    def check(answer: Answer) -> bool:
        seen = json.loads(answer.body)
        is_same = (seen["method"], seen["bytes"], seen["sha256"]) == (method, len(body), digest)
        return is_same and seen["key"] == KEY and seen["payload_signed"]

    return check


def _is_asked(check: Callable[[Answer], bool]) -> Callable[[Answer], bool]:
    return lambda answer: answer.heads.startswith("HTTP/1.1 100 ") and check(answer)


def _refused_past_the_node(backend: Backend):
    """A table of requests that a backend accepts is worth nothing if it accepts all of them."""
    command = ["curl", "--silent", "--write-out", "%{http_code}", "--output", "/dev/null"]
    past = f"http://{backend.address}/curl/echo"
    done = subprocess.run([*command, past], capture_output=True, text=True, check=False)
    if done.stdout != "401":
        raise AssertionError(f"past the node the backend answers {done.stdout}, not 401")
    backend.refusals += 1

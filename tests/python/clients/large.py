"""A gigabyte up and one down at once with curl, by the policy AUTO, and the memory it took."""

import json
import subprocess
from pathlib import Path

from clients.backend import Backend
from clients.protocols import HTTP1, HTTP2_TLS, Protocol
from clients.stage import Stage
from clients.table import Row
from gateway import PATIENCE_SECONDS

MEBIBYTE = 1024**2
# Over HTTP/2 and TLS less, for time: it is far more than a node may hold, too.
BYTES, BYTES_TLS = 1024 * MEBIBYTE, 256 * MEBIBYTE
PEAK_MEBIBYTES_MAX = 100


def try_large(stage: Stage, backend: Backend) -> list[Row]:
    # The backend begins its answer when all has come.
    flags = f"--body-policy auto --timeout-ms {PATIENCE_SECONDS * 1000}"
    stage.publish("/large", f"http://{backend.address}", flags)
    return [
        _row(stage, backend, HTTP1, BYTES, has_length=True),
        _row(stage, backend, HTTP2_TLS, BYTES_TLS, has_length=False),
    ]


def _row(
    stage: Stage, backend: Backend, protocol: Protocol, size: int, has_length: bool
) -> Row:
    origin = f"{protocol.origin(stage)}/large"
    curl = ["curl", "--fail", "--no-progress-meter", *protocol.curl_flags(stage)]
    file = stage.directory / "large"
    with file.open("wb") as sparse:
        sparse.truncate(size)
    before = backend.verified()
    node = Path(f"/proc/{stage.gateway.processes['node-1'].pid}")
    # From here on the peak is counted anew.
    (node / "clear_refs").write_text("5")
    at_first = _peak_mebibytes(node)
    up = _begin([*curl, "-T", file if has_length else "-", f"{origin}/echo"], file)
    target = f"{origin}/download?bytes={size}"
    down = _begin([*curl, "--output", "/dev/null", "--write-out", "%{size_download}", target], file)
    seen, come = json.loads(_output(up)), int(_output(down))
    if seen["bytes"] != size or seen["payload_signed"] or come != size:
        raise AssertionError(f"over {protocol.name} {seen} came up, and {come} bytes came down")
    peak = _peak_mebibytes(node)
    if peak > PEAK_MEBIBYTES_MAX:
        raise AssertionError(f"over {protocol.name} the node took {peak} MiB, from {at_first}")
    told = "with a length" if has_length else "without a length"
    remark = f"{told}; the node's peak {peak:.1f} MiB, before {at_first:.1f}"
    taken = backend.verified() - before
    what = f"{size // MEBIBYTE:,} MiB up and down, {protocol.name}"
    return Row("curl", what, 2, taken, remark)


def _begin(command: list[str | Path], stdin: Path) -> subprocess.Popen:
    with stdin.open("rb") as file:
        return subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, text=True)


def _output(process: subprocess.Popen) -> str:
    try:
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    if process.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, process.args))}: {process.returncode}")
    return output


def _peak_mebibytes(node: Path) -> float:
    lines = (node / "status").read_text().splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kibibytes) * 1024 / MEBIBYTE

"""A control plane and a node of the real binary, each a process, led by its command line.

Ends both, whatever happens, and shows what they wrote when something went wrong.
"""

import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_SECONDS = 60
PORT_FIRST = 20_000


class Gateway:
    """A gateway in a directory of its own: `with Gateway(binary) as gateway: …`."""

    def __init__(self, binary: Path):
        if not binary.is_file():
            raise SystemExit(f"{binary} is not there: build it with `cargo build -p countersign`")
        self.binary = binary
        self.directory = Path(tempfile.mkdtemp(prefix="countersign-"))
        self.processes: dict[str, subprocess.Popen] = {}
        # What every node is started with besides.
        self.node_flags: list[str] = []
        # Nobody else listens on this loopback address, nor below the ports of outgoing connections.
        pid = os.getpid()
        self.host = f"127.{64 | pid >> 16}.{pid >> 8 & 255}.{pid & 255}"
        self.control_plane, self.plane_status, self.proxy, self.node_status = (
            f"{self.host}:{PORT_FIRST + number}" for number in range(4)
        )
        # For nodes that are started with flags of their own.
        self.proxy_tls = f"{self.host}:{PORT_FIRST + 4}"
        self.ports_taken = 5

    def __enter__(self) -> "Gateway":
        try:
            self._start(
                "control-plane",
                ["control-plane", "--plaintext", "--data-dir", str(self.directory / "data")]
                + ["--listen", self.control_plane, "--status-listen", self.plane_status],
                self.plane_status,
            )
            self._start_node("node-1", self.node_status)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, failure, *_):
        for process in self.processes.values():
            process.kill()
            process.wait()
        for name in self.processes:
            log = self.directory / f"{name}.log"
            if failure is not None:
                print(f"--- what {name} wrote:\n{log.read_text(errors='replace')[-4000:]}")
        subprocess.run(["rm", "-rf", str(self.directory)], check=True)

    def cli(self, line: str, stdin: str = ""):
        """What `countersign LINE -o json` prints; a refusal ends the test."""
        done = subprocess.run(
            [self.binary, *line.split(), "-o", "json"],
            input=stdin,
            capture_output=True,
            text=True,
            env={"COUNTERSIGN_CONTROL_PLANE": f"http://{self.control_plane}"},
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"countersign {line}: status {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout)

    def start_another_node(self, name: str):
        """A node more, with the same ports for requests; returns when it is ready."""
        status = f"{self.host}:{PORT_FIRST + self.ports_taken}"
        self.ports_taken += 1
        self._start_node(name, status)

    def terminate(self, name: str) -> int:
        """Asks a process to end, and returns the status that it ended with."""
        process = self.processes[name]
        process.terminate()
        return process.wait(PATIENCE_SECONDS)

    def wait_for(self, revision: int):
        """Waits until the first node signs with the revision."""

        def reached() -> bool:
            for line in _get(f"http://{self.node_status}/metrics").splitlines():
                if line.startswith("countersign_node_applied_revision "):
                    return int(line.split()[1]) >= revision
            raise AssertionError("the node has no metric countersign_node_applied_revision")

        until(f"the node signs with revision {revision}", reached)

    def _start_node(self, name: str, status: str):
        args = ["data-plane", "--control-plane", f"http://{self.control_plane}", "--node", name]
        args += ["--proxy-listen", self.proxy, "--status-listen", status, *self.node_flags]
        self._start(name, args, status)

    def _start(self, name: str, args: list[str], status: str):
        with (self.directory / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [self.binary, *args], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={}
            )
        self.processes[name] = process

        def ready() -> bool:
            if process.poll() is not None:
                wrote = (self.directory / f"{name}.log").read_text(errors="replace")
                raise AssertionError(f"{name} ended with {process.returncode}:\n{wrote}")
            try:
                return _get(f"http://{status}/ready").startswith("ready")
            except (urllib.error.URLError, ConnectionError):
                return False

        until(f"{name} is ready", ready)


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        return answer.read().decode()


def until(what: str, condition):
    """Waits for the condition; it is an error when it does not come in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")
        time.sleep(0.02)

"""The backend of `application.py` as a process: started, asked what it counted, killed, revived."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

from gateway import PATIENCE_SECONDS

HOST = "127.0.0.1"
APPLICATION = Path(__file__).with_name("application.py")
LISTENING = re.compile(r"listening on (127\.0\.0\.1):(\d+)\s*")


class Backend:
    """`with Backend(directory) as backend: …`, then `backend.address`."""

    def __init__(self, directory: Path, journal: Path | None = None):
        self.log, self.journal = directory / "backend.log", journal
        self.port = "0"
        # How many requests past the node it had to refuse.
        self.refusals = 0

    def __enter__(self) -> "Backend":
        command = [sys.executable, APPLICATION, self.port]
        command += [self.journal] if self.journal else []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )
        line = self.process.stdout.readline()
        listening = LISTENING.fullmatch(line)
        if listening is None:
            self.kill()
            wrote = self.log.read_text(errors="replace")
            raise AssertionError(f"the backend said {line!r}, not where it listens\n{wrote}")
        host, self.port = listening.groups()
        self.address = f"{host}:{self.port}"
        return self

    def __exit__(self, failure, *_):
        ended = self.process.poll()
        self.kill()
        wrote = self.log.read_text(errors="replace")[-4000:]
        if failure is not None and wrote:
            print(f"--- what a backend wrote:\n{wrote}")
        if failure is None and ended is not None:
            raise AssertionError(f"a backend ended by itself with {ended}\n{wrote}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def revive(self):
        """Another process at the same address."""
        self.__enter__()

    def verified(self) -> int:
        """How many requests it took; an error if it refused any but those past the node."""
        tally = self.tally()
        if (refused := tally.get("refused", 0)) != self.refusals:
            raise AssertionError(f"the backend refused {refused} requests, not {self.refusals}")
        return tally.get("verified", 0)

    def body_bytes(self) -> int:
        """How many bytes of bodies have come, also of those that are still coming."""
        return self.tally().get("body_bytes", 0)

    def tally(self) -> dict[str, int]:
        url = f"http://{self.address}/tally"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)

"""The sample server of every language: how it is started, and what its library cannot do.

The servers are built by the tests of their languages, which `verifiers/run` runs.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


VERIFIERS = Path(__file__).resolve().parents[3] / "verifiers"
START_SECONDS = 60
LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)\s*")
ANDROID_CLASSES = "build/countersign-verify.jar:build/sample:/usr/share/java/kotlin-stdlib.jar"


@dataclass(frozen=True)
class Language:
    name: str
    # Relative to its folder.
    command: tuple[str, ...]


def languages(binary: Path) -> list[Language]:
    """All of them; the Rust one stands beside the gateway's binary."""
    return [
        Language("rust", (str(binary.resolve().parent / "examples/sample_server"),)),
        Language("python", (sys.executable, "sample_server.py")),
        Language("javascript", ("node", "sample-server.js")),
        Language("java", ("java", "-cp", "build/classes", "SampleServer")),
        Language("android", ("java", "-cp", ANDROID_CLASSES, "SampleServerKt")),
        Language("go", ("build/sample-server",)),
        Language("csharp", ("mono", "build/sample-server.exe")),
        Language("php", ("php", "sample-server.php")),
        Language("c", ("build/test/sample_server",)),
        Language("cpp", ("build/test/sample_server",)),
    ]


class Server:
    """A sample server as a process: `async with Server(…) as server: …`, then `server.address`."""

    def __init__(self, language: Language, key: str, secret_file: Path, *flags: str):
        self.language, self.key = language, key
        self.log = secret_file.parent / f"{language.name}-{key}{''.join(flags)}.log"
        self.command = [*language.command, "--port", "0", "--key", key]
        self.command += ["--secret-file", str(secret_file), *flags]

    async def __aenter__(self) -> "Server":
        directory = VERIFIERS / self.language.name
        if self.command[0].startswith("build/"):
            self.command[0] = str(directory / self.command[0])
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            reading = asyncio.to_thread(self.process.stdout.readline)
            line = (await asyncio.wait_for(reading, START_SECONDS)).decode(errors="replace")
            listening = LISTENING.fullmatch(line)
            if listening is None:
                raise AssertionError(f"it said {line!r}, not where it listens{self._wrote()}")
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        self.address = listening[1]
        return self

    async def __aexit__(self, failure, *_):
        ended = self.process.poll()
        if ended is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        if ended is not None and failure is None and hasattr(self, "address"):
            raise AssertionError(f"it ended by itself with {ended}{self._wrote()}")

    def _wrote(self) -> str:
        wrote = self.log.read_text(errors="replace")[-4000:]
        return f"\n{wrote}" if wrote else ""

"""Processes that are ended by their pid whatever happens, and the kernel's account of them."""

import subprocess
import time
from pathlib import Path

PATIENCE_SECONDS = 60
END_SECONDS = 5


class Process:
    """A server; what it writes goes to a file beside its configuration."""

    def __init__(self, name: str, command: list[object], directory: Path):
        self.name = name
        self.log = directory / f"{name}.log"
        with self.log.open("w") as log:
            # Also where this script is killed and can end nothing any more.
            orphaned = ["setpriv", "--pdeathsig", "TERM"]
            self.child = subprocess.Popen(
                [*orphaned, *(str(part) for part in command)],
                cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    @property
    def pid(self) -> int:
        return self.child.pid

    def until(self, ready, what: str) -> None:
        """Waits for it, unless the process has ended or nothing comes of it."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not ready():
            if self.child.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{self.name}: {what}; it wrote:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()

    def pids(self) -> list[int]:
        """Itself and its workers."""
        return _tree(self.pid)

    def cpu_ns(self) -> int:
        return sum(_ran_ns(pid) for pid in self.pids())

    def resident_kib(self) -> int:
        return sum(_status_kib(pid, "VmRSS") for pid in self.pids())

    def resident_peak_kib(self) -> int:
        return sum(_status_kib(pid, "VmHWM") for pid in self.pids())


def _tree(pid: int) -> list[int]:
    children = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += [int(child) for child in (task / "children").read_text().split()]
    return [pid] + [each for child in children for each in _tree(child)]


def _ran_ns(pid: int) -> int:
    """What its threads ran, in nanoseconds: `stat` counts in hundredths of a second."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def _status_kib(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0

"""What this machine is, and what else it did meanwhile: on a busy one the figures say little."""

import os
import platform
import re
import resource
import subprocess
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Others may take so large a share of the processors before a figure is called noisy.
NOISE_MAX = 0.05


class Watch:
    """From its making: the share of the processors that nobody took who belongs to the run."""

    def __init__(self, ours):
        self.ours = ours
        self.before = self._now()

    def others(self) -> float:
        all_ticks, busy, own = (now - then for now, then in zip(self._now(), self.before))
        return max(0.0, (busy - own) / all_ticks) if all_ticks else 0.0

    def _now(self) -> tuple[float, float, float]:
        first = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
        ticks = [int(field) for field in first]
        # user, nice, system, idle, iowait, irq, softirq, steal
        busy = sum(ticks) - ticks[3] - ticks[4]
        # This script, the load generators that have ended, and the servers that run.
        own = 0.0
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            used = resource.getrusage(who)
            own += used.ru_utime + used.ru_stime
        own += sum(process.cpu_ns() for process in self.ours) / 1e9
        return sum(ticks), busy, own * TICKS_PER_SECOND


def described() -> dict[str, str]:
    model = "?"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "load_average": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def versions(commands: dict[str, list[str]]) -> dict[str, str]:
    """The number that each says of itself."""
    said = {}
    for name, command in commands.items():
        try:
            told = subprocess.run(command, capture_output=True, text=True, timeout=10)
        except OSError:
            continue
        # The path that a binary was called by may hold numbers, too.
        lines = (told.stdout + told.stderr).replace(command[0], "")
        number = re.search(r"\b\d+\.\d+\.\d+\b", lines)
        said[name] = number.group() if number else "?"
    return said

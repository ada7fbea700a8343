"""Where things are, and where the proxies listen: on a loopback address that no other run has."""

import os
import string
from pathlib import Path

PROXY = Path(__file__).resolve().parent
REPOSITORY = PROXY.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target").resolve()
# What a run leaves: results, logs, the environment of Python.
OUTPUT = TARGET / "proxy-bench"
RESULT = OUTPUT / "result.json"
PINGORA = TARGET / "pingora" / "release" / "pingora-peer"
DOCUMENT = REPOSITORY / "docs" / "performance.md"
PLOT = REPOSITORY / "docs" / "performance-proxies.svg"

_PID = os.getpid()
ADDRESS = f"127.{64 | _PID >> 16 & 63}.{_PID >> 8 & 255}.{_PID & 255}"
# Below the ports of outgoing connections.
_PORT_FIRST = 21_000
_PORTS = {}


def port(name: str) -> int:
    """The same for a name, all through a run."""
    return _PORTS.setdefault(name, _PORT_FIRST + len(_PORTS))


def at(name: str) -> str:
    return f"{ADDRESS}:{port(name)}"


def ours(name: str) -> Path:
    """A binary of the workspace; COUNTERSIGN names another than the one that is built here."""
    if name == "countersign" and "COUNTERSIGN" in os.environ:
        return Path(os.environ["COUNTERSIGN"])
    return TARGET / "release" / name


def envoy() -> Path:
    """The binary itself, without the script in Python that starts it."""
    found = sorted((OUTPUT / "venv").glob("lib/*/site-packages/envoy/_bin/envoy"))
    return found[0] if found else OUTPUT / "envoy-is-not-installed"


def filled(template: str, into: Path, **values: object) -> Path:
    """A peer's configuration with its addresses in place."""
    text = string.Template((PROXY / "peers" / template).read_text()).substitute(values)
    made = into / template
    made.write_text(text)
    return made

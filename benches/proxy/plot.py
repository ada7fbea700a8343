"""The plot: what a request costs each proxy, how long it takes at a fixed rate, and what an idle
connection holds."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
# The same figures make the same bytes.
matplotlib.rcParams["svg.hashsalt"] = "countersign"
import matplotlib.pyplot as plt  # noqa: E402

from cases import PROXIES  # noqa: E402
from measure import Samples  # noqa: E402
from report import NAMES  # noqa: E402
from summary import latency, rows  # noqa: E402

COSTS = {
    "get": "GET", "post-1k": "POST 1 KiB", "post-64k": "POST 64 KiB", "h2c": "HTTP/2 in clear",
    "tls": "HTTP/1.1 in TLS", "tls-h2": "HTTP/2 in TLS",
}
QUANTILES = {"p50_us": "p50", "p99_us": "p99", "p999_us": "p99.9"}
SHADES = ["#bbbbbb", "#5b8db8", "#76b7b2", "#9c755f", "#b899c9", "#7b5c99", "#d1495b"]
COLOURS = dict(zip(PROXIES, SHADES))


def draw(samples: Samples, into: Path) -> None:
    figure, axes = plt.subplots(3, 1, figsize=(10, 12), constrained_layout=True)
    _bars(axes[0], "CPU per request, µs", _costs(samples))
    _bars(axes[1], "latency of a GET at the fixed rate, µs", _latencies(samples))
    axes[1].set_yscale("log")
    _bars(axes[2], "resident memory of an idle connection, KiB", _memory(samples))
    handles = [plt.Rectangle((0, 0), 1, 1, color=COLOURS[name]) for name in PROXIES]
    figure.legend(handles, [NAMES[name] for name in PROXIES], loc="outside lower center", ncols=4)
    figure.savefig(into, metadata={"Date": None})


def _costs(samples: Samples) -> dict[str, dict[str, float]]:
    return {
        label: {row.proxy: row.cpu_us for row in rows(samples.closed[case])}
        for case, label in COSTS.items()
        if samples.closed.get(case)
    }


def _latencies(samples: Samples) -> dict[str, dict[str, float]]:
    taken = samples.open.get("latency", {})
    return {
        label: {proxy: latency(each)[key] for proxy, each in taken.items()}
        for key, label in QUANTILES.items()
        if taken
    }


def _memory(samples: Samples) -> dict[str, dict[str, float]]:
    groups: dict[str, dict[str, float]] = {}
    for proxy, row in samples.memory.items():
        for kind, suffix in ("held", ""), ("held_tls", " in TLS"):
            for count, kib in row.get(kind, {}).items():
                label = f"{int(count):,} held{suffix}"
                groups.setdefault(label, {})[proxy] = kib
    return groups


def _bars(axis, title: str, groups: dict[str, dict[str, float]]) -> None:
    axis.set_title(title, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    width = 0.8 / len(PROXIES)
    for at, values in enumerate(groups.values()):
        for number, name in enumerate(PROXIES):
            if name in values:
                where = at + (number - len(PROXIES) / 2 + 0.5) * width
                axis.bar(where, values[name], width * 0.92, color=COLOURS[name])
                figure = f"{values[name]:,.0f}"
                above = {"ha": "center", "va": "bottom", "fontsize": 7}
                axis.annotate(figure, (where, values[name]), **above)
    axis.set_xticks(range(len(groups)), list(groups))

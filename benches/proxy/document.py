"""The sections of docs/performance.md that runs write, each between its two marks."""

import places
from cases import CASES, LATENCIES, PROXIES
from measure import Samples
from report import NAMES, goals, routes_memory, warnings
from summary import latency, rows

RESULTS = "benches/proxy/run --docs"
PROFILE = "benches/proxy/run --profile --docs"


def write(samples: Samples, machine: dict[str, str], versions: dict[str, str], day: str) -> None:
    blocks = [_about(machine, versions, day), _costs(samples), _requests(samples)]
    blocks += [_routes(samples), _latencies(samples), _memory(samples), _goals(samples)]
    blocks += [f"![CPU, latency and memory of each proxy]({places.PLOT.name})"]
    blocks += ["\n".join(f"- {line}" for line in warnings(samples))]
    replace(RESULTS, "\n\n".join(block for block in blocks if block))


def replace(writer: str, section: str) -> None:
    """What stands between the marks of who writes it."""
    begin, end = f"<!-- from here by {writer} -->", f"<!-- to here by {writer} -->"
    before, rest = places.DOCUMENT.read_text().split(begin, 1)
    _, after = rest.split(end, 1)
    places.DOCUMENT.write_text(f"{before}{begin}\n\n{section}\n\n{end}{after}")


def _about(machine: dict[str, str], versions: dict[str, str], day: str) -> str:
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    where = f"{machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}"
    return f"{day}, {where}; {named}."


def _costs(samples: Samples) -> str:
    """One row for each case: what most readers look for first."""

    def cell(row) -> str:
        return f"{row.cpu_us:.1f}" + (f" = {row.ratio:.2f}" if row.ratio else "")

    return _matrix(samples, "CPU µs per request = × nginx", cell)


def _requests(samples: Samples) -> str:
    return _matrix(samples, "requests per second", lambda row: f"{row.per_second:,.0f}")


def _matrix(samples: Samples, what: str, cell) -> str:
    taken = [case for case in CASES if samples.closed.get(case.name) and not case.random_routes]
    if not taken:
        return ""
    shown = [name for name in PROXIES if any(name in samples.closed[case.name] for case in taken)]
    lines = [_line([what, *(NAMES[name] for name in shown)])]
    lines.append(_line(["---"] * (len(shown) + 1)))
    for case in taken:
        cells = {row.proxy: cell(row) for row in rows(samples.closed[case.name])}
        lines.append(_line([case.what, *(cells.get(name, "") for name in shown)]))
    return "\n".join(lines)


def _routes(samples: Samples) -> str:
    tables = []
    for case in CASES:
        if not case.random_routes or not samples.closed.get(case.name):
            continue
        lines = [_line([case.what, "CPU µs per request", "× nginx"]), _line(["---"] * 3)]
        for row in rows(samples.closed[case.name]):
            times = f"{row.ratio:.2f}" if row.ratio else ""
            lines.append(_line([NAMES[row.proxy], f"{row.cpu_us:.1f}", times]))
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _latencies(samples: Samples) -> str:
    tables = []
    for case in LATENCIES:
        taken = samples.open.get(case.name)
        if not taken:
            continue
        figures = {proxy: latency(each) for proxy, each in taken.items()}
        rate = next(iter(figures.values()))["rate"]
        head = [f"{case.what}: {rate:,.0f}/s, µs", "p50", "p99", "p99.9"]
        lines = [_line(head), _line(["---"] * 4)]
        for proxy, each in figures.items():
            cells = [f"{each[key]:,.0f}" for key in ("p50_us", "p99_us", "p999_us")]
            lines.append(_line([NAMES[proxy], *cells]))
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _memory(samples: Samples) -> str:
    if not samples.memory:
        return ""
    every = samples.memory.values()
    counts = sorted({int(count) for row in every for count in row.get("held", {})})
    head = ["resident memory", "idle, MiB"]
    head += [f"KiB for each of {count:,} connections" for count in counts]
    lines = [_line([*head, "KiB for each of 1,000 in TLS"]), _line(["---"] * (len(head) + 1))]
    for proxy, row in samples.memory.items():
        held = [row.get("held", {}).get(str(count)) for count in counts]
        held += [next(iter(row.get("held_tls", {}).values()), None)]
        cells = ["" if kib is None else f"{kib:.1f}" for kib in held]
        lines.append(_line([NAMES[proxy], f"{row['idle_kib'] / 1024:.1f}", *cells]))
    return "\n".join(lines + ["", *(f"{line}." for line in routes_memory(samples))])


def _goals(samples: Samples) -> str:
    lines = [_line(["goal", "measured", "at most", ""]), _line(["---"] * 4)]
    for what, figure, most in goals(samples):
        verdict = "reached" if figure <= most else "**missed**"
        lines.append(_line([what, f"{figure:.2f}", f"{most:.2f}", verdict]))
    return "\n".join(lines) if len(lines) > 2 else ""


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"

"""The tables: for a terminal, and in Markdown for docs/performance.md."""

from cases import CASES, LATENCIES, OURS, OURS_MANY
from machine import NOISE_MAX
from measure import Samples
from summary import latency, latency_ratio, noisy, ratio, rows

NAMES = {
    "tcp-relay": "TCP relay", "nginx": "nginx", "haproxy": "HAProxy", "pingora": "Pingora",
    "envoy": "Envoy", "envoy-sigv4": "Envoy, SigV4", "countersign": "Countersign, signed",
    "countersign-100k": "Countersign, 100,000 routes",
}
SPREAD_MAX = 0.1


def text(samples: Samples) -> str:
    return "\n".join([*_closed(samples), *_open(samples), *_memory(samples), *_goals(samples)])


def _closed(samples: Samples) -> list[str]:
    lines = []
    for case in CASES:
        taken = samples.closed.get(case.name)
        if not taken:
            continue
        lines += ["", f"{case.name}: {case.what}, {case.workers} worker(s)"]
        lines.append(
            f"  {'proxy':28} {'CPU µs/request':>14} {'× nginx':>8} {'requests/s':>11}"
            f" {'cores':>6} {'spread':>7}"
        )
        for row in rows(taken):
            times = f"{row.ratio:.2f}" if row.ratio else "-"
            failed = f"  {row.failed} FAILED" if row.failed else ""
            lines.append(
                f"  {NAMES[row.proxy]:28} {row.cpu_us:14.2f} {times:>8} {row.per_second:11,.0f}"
                f" {row.cores:6.2f} {row.spread:6.0%}{failed}"
            )
    return lines


def _open(samples: Samples) -> list[str]:
    lines = []
    for case in LATENCIES:
        taken = samples.open.get(case.name)
        if not taken:
            continue
        figures = {proxy: latency(each) for proxy, each in taken.items()}
        rate = next(iter(figures.values()))["rate"]
        lines += ["", f"{case.name}: {case.what}: {rate:,.0f}/s; µs from when a request was due"]
        lines.append(
            f"  {'proxy':28} {'p50':>8} {'p99':>8} {'p99.9':>9} {'max':>9} {'generator p99':>14}"
        )
        for proxy, each in figures.items():
            failed = f"  {each['failed']} FAILED" if each["failed"] else ""
            lines.append(
                f"  {NAMES[proxy]:28} {each['p50_us']:8,.0f} {each['p99_us']:8,.0f}"
                f" {each['p999_us']:9,.0f} {each['max_us']:9,.0f} {each['late_p99_us']:14,.0f}"
                f"{failed}"
            )
    return lines


def _memory(samples: Samples) -> list[str]:
    if not samples.memory:
        return []
    lines = ["", "memory: resident, of a proxy that was just started, one worker"]
    lines.append(f"  {'proxy':28} {'idle':>10}   held connections, each")
    for proxy, row in samples.memory.items():
        held = [f"{kib:.1f} KiB of {int(count):,}" for count, kib in row.get("held", {}).items()]
        held += [
            f"{kib:.1f} KiB of {int(count):,} in TLS"
            for count, kib in row.get("held_tls", {}).items()
        ]
        lines.append(f"  {NAMES[proxy]:28} {row['idle_kib'] / 1024:6.1f} MiB   {', '.join(held)}")
    for line in routes_memory(samples):
        lines.append(f"  {line}")
    return lines


def routes_memory(samples: Samples) -> list[str]:
    few, many = samples.memory.get(OURS), samples.memory.get(OURS_MANY)
    if not few or not many:
        return []
    each = (many["idle_kib"] - few["idle_kib"]) / (many["routes"] - few["routes"]) * 1000
    return [
        f"{many['routes']:,} routes: {many['idle_kib'] / 1024:.0f} MiB resident, at its peak"
        f" {many['idle_peak_kib'] / 1024:.0f} MiB; {each:.0f} KiB for 1,000 routes;"
        f" published in {many['publish_seconds']:.0f} s, a new node was ready in"
        f" {many['ready_seconds']:.1f} s"
    ]


def goals(samples: Samples) -> list[tuple[str, float, float]]:
    """What was measured of what is asked for, and the most that it may be."""
    found = []

    def add(what: str, figure: float | None, most: float) -> None:
        if figure is not None:
            found.append((what, figure, most))

    get, post = samples.closed.get("get", {}), samples.closed.get("post-1k", {})
    add("GET, signed, to nginx unsigned", ratio(get, OURS, "nginx"), 1.0)
    add("GET, signed, to Envoy with SigV4", ratio(get, OURS, "envoy-sigv4"), 0.27)
    add("POST 1 KiB, signed, to nginx unsigned", ratio(post, OURS, "nginx"), 1.1)
    routes = samples.closed.get("routes", {})
    add("GET with 100,000 routes, to 10", ratio(routes, OURS_MANY, OURS), 1.05)
    p99 = latency_ratio(samples.open.get("latency", {}), OURS, "nginx")
    add("p99 of a GET at the fixed rate, to nginx", p99, 1.0)
    held = samples.memory.get(OURS, {}).get("held", {})
    for count, kib in held.items():
        add(f"KiB for each of {int(count):,} idle connections", kib, 20.0)
    if OURS_MANY in samples.memory:
        mib = samples.memory[OURS_MANY]["idle_kib"] / 1024
        add("MiB resident with 100,000 routes", mib, 150.0)
    return found


def _goals(samples: Samples) -> list[str]:
    lines = ["", "goals"] if goals(samples) else []
    for what, figure, most in goals(samples):
        verdict = "reached" if figure <= most else "MISSED"
        lines.append(f"  {what:44} {figure:8.2f}   at most {most:6.2f}   {verdict}")
    return lines


def warnings(samples: Samples) -> list[str]:
    """Which figures are not to be trusted, and why."""
    every = [
        (case, proxy, each)
        for group in (samples.closed, samples.open)
        for case, proxies in group.items()
        for proxy, each in proxies.items()
    ]
    loud = [sample for _, _, each in every for sample in noisy(each)]
    count = sum(len(each) for _, _, each in every)
    lines = []
    if loud:
        most = max(sample["others"] for sample in loud)
        lines.append(
            f"NOISY: in {len(loud)} of {count} measurements other processes took more than"
            f" {NOISE_MAX:.0%} of the processors, {most:.0%} at most. Ratios may hold, absolutes do"
            " not: repeat it on a quiet machine."
        )
    apart = [
        f"{case} {row.proxy} {row.spread:.0%}"
        for case, proxies in samples.closed.items()
        for row in rows(proxies)
        if row.spread > SPREAD_MAX
    ]
    if apart:
        lines.append(f"rounds disagree by more than {SPREAD_MAX:.0%}: {', '.join(apart)}")
    return lines + [f"skipped: {line}" for line in samples.skipped]

"""Takes the figures, in rounds in which all proxies take turns, so that what else the machine does
meets all alike."""

import time

import loads
from cases import Case, Latency
from machine import Watch
from stage import Stage

WARM_UP_SECONDS = 1
# Where the case that a fixed rate is derived from was not asked for.
PROBE_SECONDS = 2


class Samples:
    """All that was measured, as it goes into the JSON."""

    def __init__(self, deadline: float):
        self.deadline = deadline
        # case → proxy → samples
        self.closed: dict[str, dict[str, list[dict]]] = {}
        self.open: dict[str, dict[str, list[dict]]] = {}
        self.memory: dict[str, dict] = {}
        # What was left out, and why.
        self.skipped: list[str] = []

    def skip(self, line: str) -> None:
        self.skipped.append(line)
        print(f"# skipped: {line}", flush=True)

    def late(self, what: str) -> bool:
        if time.monotonic() < self.deadline:
            return False
        self.skip(f"{what}: the time is up (--minutes)")
        return True


def closed_loop(stage: Stage, samples: Samples, case: Case, names: list[str], options) -> None:
    if samples.late(case.name):
        return
    proxies = []
    for proxy in stage.proxies([name for name in case.proxies if name in names], case.workers):
        reason = proxy.speaks(case.protocol)
        if reason:
            samples.skip(f"{case.name}: {proxy.name} {reason}")
        else:
            proxies.append(proxy)
    taken = samples.closed.setdefault(case.name, {})
    for round_ in range(options.rounds + 1):
        if round_ > 0 and samples.late(f"{case.name}, from round {round_}"):
            return
        for proxy in proxies:
            seconds = options.seconds if round_ > 0 else WARM_UP_SECONDS
            try:
                sample = _one(stage, case, proxy, seconds)
            except loads.LoadFailed as error:
                samples.skip(f"{case.name}: {proxy.name}, round {round_}: {error}")
                continue
            if round_ > 0:
                taken.setdefault(proxy.name, []).append({"round": round_, **sample})


def _one(stage: Stage, case: Case, proxy, seconds: int) -> dict:
    watch = Watch(stage.processes())
    cpu, backend_cpu = proxy.process.cpu_ns(), stage.backend.cpu_ns()
    began = time.monotonic()
    served, failed = loads.closed_loop(
        proxy, case.protocol, case.connections, case.body, case.random_routes, seconds
    )
    took = time.monotonic() - began
    if served == 0:
        raise loads.LoadFailed("nothing was served")
    used = proxy.process.cpu_ns() - cpu
    return {
        "cpu_us": used / served / 1e3,
        "backend_cpu_us": (stage.backend.cpu_ns() - backend_cpu) / served / 1e3,
        # How much of one core it had: below 1 for each worker it was not the bottleneck.
        "cores": used / 1e9 / took,
        "per_second": served / seconds,
        "served": served,
        "failed": failed,
        "others": round(watch.others(), 4),
    }


def open_loop(stage: Stage, samples: Samples, latency: Latency, names: list[str], options) -> None:
    if samples.late(latency.name):
        return
    proxies = stage.proxies([name for name in Case.proxies if name in names], 1)
    rate = options.rate or _half_of_the_slowest(stage, samples, latency, proxies)
    print(f"# {latency.name}: {rate:,.0f} requests/s", flush=True)
    taken = samples.open.setdefault(latency.name, {})
    for round_ in range(1, options.rounds + 1):
        if samples.late(f"{latency.name}, from round {round_}"):
            return
        for proxy in proxies:
            watch = Watch(stage.processes())
            cpu = proxy.process.cpu_ns()
            try:
                said = loads.open_loop(
                    proxy, rate, latency.body, latency.connections, options.latency_seconds
                )
            except loads.LoadFailed as error:
                samples.skip(f"{latency.name}: {proxy.name}, round {round_}: {error}")
                continue
            used = proxy.process.cpu_ns() - cpu
            said |= {"round": round_, "cpu_ns": used, "others": round(watch.others(), 4)}
            taken.setdefault(proxy.name, []).append(said)


def _half_of_the_slowest(stage: Stage, samples: Samples, latency: Latency, proxies) -> float:
    """From this run's own figures, so that the load is comparable on any machine."""
    most = []
    for proxy in proxies:
        known = samples.closed.get(latency.of, {}).get(proxy.name)
        if known:
            most.append(sorted(sample["per_second"] for sample in known)[len(known) // 2])
            continue
        served, _ = loads.closed_loop(
            proxy, "http", latency.connections, latency.body, False, PROBE_SECONDS
        )
        most.append(served / PROBE_SECONDS)
    return min(most) / 2

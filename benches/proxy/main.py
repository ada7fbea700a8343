"""Measures the proxies side by side: see `run`, which installs what this needs."""

import argparse
import datetime
import json
import time
import tomllib

import document
import machine
import measure
import memory
import places
import plot
import report
import shares
from cases import CASES, LATENCIES, MEMORY, NAMES, OURS, OURS_MANY, PROXIES, QUICK
from stage import Stage


def main() -> None:
    options = _options()
    if options.profile:
        shares.main(options.docs, lambda section: document.replace(document.PROFILE, section))
        return
    began = time.monotonic()
    samples = measure.Samples(began + options.minutes * 60)
    described = machine.described()
    print(f"# {described}", flush=True)
    try:
        with Stage() as stage:
            versions = _versions()
            _measure(stage, samples, options)
    finally:
        # Also of a run that ends early: what was measured, was.
        print(report.text(samples))
    print("", *report.warnings(samples), sep="\n")
    _store(samples, described, versions)
    if options.docs:
        plot.draw(samples, places.PLOT)
        day = datetime.date.today().isoformat()
        document.write(samples, described, versions, day)
    plot.draw(samples, places.OUTPUT / places.PLOT.name)
    print(f"\n{(time.monotonic() - began) / 60:.1f} minutes; all samples: {places.RESULT}")


def _measure(stage: Stage, samples: measure.Samples, options) -> None:
    # By workers, so that the proxies are started once for each number of them.
    for case in sorted(CASES, key=lambda case: case.workers):
        if case.name in options.case and case.workers == 1:
            _closed(stage, samples, case, options)
    for latency in LATENCIES:
        if latency.name in options.case:
            print(f"# {latency.name}: {latency.what}", flush=True)
            measure.open_loop(stage, samples, latency, options.proxy, options)
    for case in CASES:
        if case.name in options.case and case.workers != 1:
            _closed(stage, samples, case, options)
    if MEMORY in options.case:
        print("# memory", flush=True)
        memory.measure(stage, samples, options.proxy, options)


def _closed(stage: Stage, samples: measure.Samples, case, options) -> None:
    print(f"# {case.name}: {case.what}", flush=True)
    names = options.proxy + ([OURS_MANY] if OURS in options.proxy else [])
    measure.closed_loop(stage, samples, case, names, options)


def _store(samples: measure.Samples, described: dict, versions: dict) -> None:
    places.OUTPUT.mkdir(parents=True, exist_ok=True)
    result = {
        "machine": described, "versions": versions, "closed_loop": samples.closed,
        "open_loop": samples.open, "memory": samples.memory, "skipped": samples.skipped,
        "goals": [
            {"what": what, "figure": figure, "at_most": most}
            for what, figure, most in report.goals(samples)
        ],
    }
    places.RESULT.write_text(json.dumps(result, indent=1) + "\n")


def _versions() -> dict[str, str]:
    locked = tomllib.loads((places.PROXY / "pingora" / "Cargo.lock").read_text())["package"]
    pingora = next(package["version"] for package in locked if package["name"] == "pingora")
    return {"Pingora": pingora} | machine.versions({
        "nginx": ["/usr/sbin/nginx", "-v"],
        "HAProxy": ["/usr/sbin/haproxy", "-v"],
        "Envoy": [str(places.envoy()), "--version"],
        "Countersign": [str(places.ours("countersign")), "--version"],
    })


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/proxy/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"2 to 3 minutes: {', '.join(QUICK)}")
    parser.add_argument("--case", action="append", choices=NAMES, help="only this; repeat it")
    parser.add_argument("--proxy", action="append", choices=PROXIES, help="only this; repeat it")
    parser.add_argument("--rounds", type=int, help="in which the proxies take turns")
    parser.add_argument("--seconds", type=int, help="of load, for each proxy and round")
    parser.add_argument("--latency-seconds", type=int, help="the same, at the fixed rate")
    parser.add_argument("--rate", type=float, help="the fixed rate, requests per second")
    parser.add_argument("--minutes", type=float, default=25, help="then nothing more begins")
    parser.add_argument("--profile", action="store_true", help="where the time of a request goes")
    parser.add_argument("--docs", action="store_true", help="write table and plot into docs/")
    options = parser.parse_args()
    quick = options.quick
    options.case = options.case or (QUICK if quick else NAMES)
    options.proxy = options.proxy or PROXIES
    options.rounds = options.rounds or (2 if quick else 5)
    options.seconds = options.seconds or 2
    options.latency_seconds = options.latency_seconds or (3 if quick else 4)
    options.held = memory.HELD[:1] if quick else memory.HELD
    options.many_routes = not quick
    return options


if __name__ == "__main__":
    main()

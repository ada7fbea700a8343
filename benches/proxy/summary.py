"""From samples to figures: medians, and ratios within a round."""

from dataclasses import dataclass
from statistics import median

from cases import BASE
from machine import NOISE_MAX


@dataclass
class Row:
    proxy: str
    cpu_us: float
    # To nginx in the same round; the median of the rounds. None where nginx was not measured.
    ratio: float | None
    per_second: float
    # The largest figure by the smallest, less one: how far the rounds disagree.
    spread: float
    cores: float
    failed: int


def rows(case: dict[str, list[dict]], base: str = BASE) -> list[Row]:
    return [_row(proxy, samples, case.get(base, [])) for proxy, samples in case.items()]


def _row(proxy: str, samples: list[dict], base: list[dict]) -> Row:
    costs = [sample["cpu_us"] for sample in samples]
    of_base = {sample["round"]: sample["cpu_us"] for sample in base}
    ratios = [
        sample["cpu_us"] / of_base[sample["round"]]
        for sample in samples
        if sample["round"] in of_base
    ]
    return Row(
        proxy, median(costs), median(ratios) if ratios else None,
        median(sample["per_second"] for sample in samples),
        max(costs) / min(costs) - 1,
        median(sample["cores"] for sample in samples),
        sum(sample["failed"] for sample in samples),
    )


def ratio(case: dict[str, list[dict]], of: str, to: str) -> float | None:
    """Of one proxy to another within a round."""
    found = [row.ratio for row in rows(case, to) if row.proxy == of]
    return found[0] if found else None


def latency(samples: list[dict]) -> dict[str, float]:
    keys = ("rate", "p50_us", "p99_us", "p999_us", "max_us", "late_p99_us")
    figures = {key: median(sample[key] for sample in samples) for key in keys}
    return figures | {"failed": sum(sample["failed"] for sample in samples)}


def latency_ratio(taken: dict[str, list[dict]], of: str, to: str) -> float | None:
    """Of the two p99 within a round."""
    base = {sample["round"]: sample["p99_us"] for sample in taken.get(to, [])}
    ratios = [
        sample["p99_us"] / base[sample["round"]]
        for sample in taken.get(of, [])
        if sample["round"] in base
    ]
    return median(ratios) if ratios else None


def noisy(samples: list[dict]) -> list[dict]:
    return [sample for sample in samples if sample["others"] > NOISE_MAX]

"""Where the time of a signed request goes: samples of the node under load, grouped by the symbol
that ran. What the compiler drew into its caller counts as the caller."""

import re
import subprocess
import threading
from collections import Counter
from pathlib import Path

import loads
import places
from cases import CASES, OURS, Case
from stage import Stage

SECONDS = 6
# Not a divisor of the timers' frequencies, so that no one thing is always met.
SAMPLES_PER_SECOND = 2999
PROFILED = ["get", "post-1k", "post-64k", "h2c", "tls", "tls-h2"]
SHOWN_OF_EACH = 4

# In this order: the first that fits has the sample. Beside it, whether it is the kernel's.
KERNEL = [
    ("kernel: TCP, IP, loopback", r"tcp|inet|^_*ip_|skb|sock|^bbr|netif|net_rx|loopback|queue_xmit|"
     r"^eth_|^_*sk_|backlog|neigh|^dst_|validate_xmit|raw_local|napi|^nf_|^_copy_|rep_movs|"
     r"copy_(from|to)_|check_object|virt_addr"),
    ("kernel: epoll, wake-ups, switches", r"epoll|^_*ep_|poll|wake|sched|task_switch|switch_to|"
     r"futex|pick_next|enqueue|dequeue|timer|hrtick|eventfd"),
    ("kernel: calls, locks, memory, rest", r""),
]
USER = [
    ("TLS", r"aws_lc|rustls|^aes|gcm|chacha|x25519|EVP_|CRYPTO_|OPENSSL|fiat_"),
    ("allocator", r"^_?mi_|mimalloc|^malloc|^free$|^cfree|^realloc|^calloc|__rust_(re)?alloc|"
     r"__rdl_"),
    ("signing", r"sha2|hmac|countersign_shared::signing|proxy::seal|digest::|hex"),
    ("HTTP: heads, bodies, frames", r"hyper|httparse|^h2::|<h2|http::|http_body|BackendConnection|"
     r"proxy::framing|proxy::backend::(head|answer|chunk)|hpack"),
    ("runtime: tasks, sockets, timers", r"tokio|^mio|<mio|futures|core::task|__libc_recv|^_*send|"
     r"^_*recv|epoll_wait|__vdso|clock_gettime|syscall|parking_lot|^_*writev?$|^_*readv?$"),
    ("proxy: routing, edge, limits, metrics", r"countersign"),
    ("copies, comparisons", r"^_*mem(move|cpy|cmp|set|chr)|memchr|^_*strlen|bcmp"),
    ("rest", r""),
]
GROUPS = [group for group, _ in [*KERNEL, *USER]]


def profile(stage: Stage) -> dict[str, Counter]:
    """Samples by group and symbol of each case that the node speaks."""
    found = {}
    for case in CASES:
        proxy = stage.proxies([OURS], 1)[0]
        if case.name not in PROFILED:
            continue
        reason = proxy.speaks(case.protocol)
        if reason:
            print(f"# skipped: {case.name}: {OURS} {reason}", flush=True)
            continue
        print(f"# profile of {case.name}: {case.what}", flush=True)
        found[case.name] = _samples(proxy, case, stage.directory / f"{case.name}.perf")
    return found


def _samples(proxy, case: Case, recording: Path) -> Counter:
    load = threading.Thread(
        target=loads.closed_loop,
        args=(proxy, case.protocol, case.connections, case.body, False, SECONDS + 1),
    )
    load.start()
    record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_SECOND)]
    record += ["-p", str(proxy.process.pid), "-o", str(recording), "--", "sleep", str(SECONDS)]
    subprocess.run(record, check=True, capture_output=True)
    load.join()
    script = ["perf", "script", "-i", str(recording), "-F", "ip,sym,dso"]
    said = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    samples: Counter = Counter()
    for line in said.splitlines():
        sample = re.fullmatch(r"\s*[0-9a-f]+ (.*) \((.*)\)", line)
        if sample:
            symbol, binary = sample.groups()
            samples[_group(symbol, binary), symbol] += 1
    return samples


def _group(symbol: str, binary: str) -> str:
    in_kernel = binary.startswith("[kernel") or binary.endswith(".ko")
    groups = KERNEL if in_kernel else USER
    return next(group for group, pattern in groups if re.search(pattern, symbol))


def shares(samples: Counter) -> dict[str, float]:
    by_group: Counter = Counter()
    for (group, _), count in samples.items():
        by_group[group] += count
    return {group: by_group[group] / max(1, by_group.total()) for group in GROUPS}


def text(found: dict[str, Counter]) -> str:
    lines = ["", f"{'share of samples':40}" + "".join(f"{case:>10}" for case in found)]
    each = {case: shares(samples) for case, samples in found.items()}
    for group in GROUPS:
        lines.append(f"{group:40}" + "".join(f"{each[case][group]:10.1%}" for case in found))
    counts = "".join(f"{samples.total():10,}" for samples in found.values())
    lines += [f"{'samples':40}{counts}", "", "most of each group:"]
    for group in GROUPS:
        every: Counter = Counter()
        for samples in found.values():
            for (of, symbol), count in samples.items():
                if of == group:
                    every[symbol] += count
        lines += [f"  {group}"] if every else []
        lines += [f"    {n:7,}  {symbol[:100]}" for symbol, n in every.most_common(SHOWN_OF_EACH)]
    return "\n".join(lines)


def markdown(found: dict[str, Counter]) -> str:
    each = {case: shares(samples) for case, samples in found.items()}
    what = {case.name: case.what for case in CASES}
    head = ["share of samples, %", *(what[case] for case in found)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for group in GROUPS:
        cells = [f"{each[case][group] * 100:.1f}" for case in found]
        lines.append("| " + " | ".join([group, *cells]) + " |")
    return "\n".join(lines)


def main(docs: bool, write) -> None:
    with Stage() as stage:
        found = profile(stage)
    print(text(found))
    if docs:
        write(markdown(found))
    print(f"\nrecordings: {places.OUTPUT / 'work'}/*.perf")

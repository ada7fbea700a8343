"""What can be measured, by name, and who takes part."""

from dataclasses import dataclass

PEERS = ["tcp-relay", "nginx", "haproxy", "pingora", "envoy", "envoy-sigv4"]
OURS = "countersign"
OURS_MANY = "countersign-100k"
PROXIES = [*PEERS, OURS]
# A relay passes on the protocols of the backend; Pingora is built without TLS.
HTTP2 = tuple(name for name in PROXIES if name != "tcp-relay")
TLS = tuple(name for name in HTTP2 if name != "pingora")
BASE = "nginx"

ROUTES_FEW = 10
ROUTES_MANY = 100_000


@dataclass(frozen=True)
class Case:
    """CPU per request and requests per second under a load that waits for its answers."""

    name: str
    what: str
    protocol: str = "http"
    connections: int = 64
    body: int = 0
    workers: int = 1
    random_routes: bool = False
    proxies: tuple[str, ...] = tuple(PROXIES)
    quick: bool = False


@dataclass(frozen=True)
class Latency:
    """Latencies at a fixed rate: half of what the slowest proxy did at most in the case `of`."""

    name: str
    what: str
    of: str
    body: int = 0
    connections: int = 64
    quick: bool = False


CASES = [
    Case("get", "GET, 64 connections", quick=True),
    Case("post-1k", "POST 1 KiB, 64 connections", body=1 << 10, quick=True),
    Case("post-64k", "POST 64 KiB, 64 connections", body=64 << 10),
    Case("get-1", "GET, 1 connection", connections=1),
    Case("get-1000", "GET, 1,000 connections", connections=1000),
    Case(
        "routes", "GET, 64 connections, any of 10 or of 100,000 routes",
        random_routes=True, proxies=(BASE, OURS, OURS_MANY),
    ),
    Case("h2c", "GET, HTTP/2 in clear, 8 connections × 8 streams", "h2c", proxies=HTTP2),
    Case("tls", "GET, HTTP/1.1 in TLS, 64 connections", "tls", proxies=TLS),
    Case("tls-h2", "GET, HTTP/2 in TLS, 8 connections × 8 streams", "tls-h2", proxies=TLS),
    Case("get-2-workers", "GET, 64 connections, 2 workers", workers=2),
]
LATENCIES = [
    Latency("latency", "GET at a fixed rate, 64 connections", of="get", quick=True),
    Latency("latency-post-1k", "POST 1 KiB at a fixed rate, 64 connections", "post-1k", 1 << 10),
]
MEMORY = "memory"
NAMES = [each.name for each in [*CASES, *LATENCIES]] + [MEMORY]
QUICK = [each.name for each in [*CASES, *LATENCIES] if each.quick] + [MEMORY]

"""Resident memory of a proxy that was just started: idle, and with connections that are held open
after one request each, as clients with connection pools hold them."""

import resource
import socket
import time

from cases import OURS, OURS_MANY, PEERS, TLS
from measure import Samples
from places import ADDRESS
from proxy import Proxy, tls_context
from stage import Stage

HELD = (1_000, 10_000)
HELD_TLS = 1_000
# A relay holds a connection to the backend for each of a client: two descriptors.
DESCRIPTORS_SPARE = 500
SETTLE_SECONDS = 1
TIMEOUT_SECONDS = 10
REQUEST = f"GET /api/v1/orders?id=7 HTTP/1.1\r\nHost: {ADDRESS}\r\n\r\n".encode()
ANSWER_ENDS = b"response here\n"


def measure(stage: Stage, samples: Samples, names: list[str], options) -> None:
    for name in [*PEERS, OURS, OURS_MANY]:
        # Whoever wants ours wants it with many routes, too.
        wanted = OURS if name == OURS_MANY else name
        if wanted not in names or (name == OURS_MANY and not options.many_routes):
            continue
        if samples.late(f"memory of {name}"):
            return
        proxy = stage.alone(name)
        time.sleep(SETTLE_SECONDS)
        row = {"idle_kib": proxy.process.resident_kib(), "routes": proxy.routes}
        row["idle_peak_kib"] = proxy.process.resident_peak_kib()
        if name in stage.gateways:
            row["ready_seconds"] = stage.gateways[name].ready_seconds
            row["publish_seconds"] = stage.gateways[name].publish_seconds
        if name != OURS_MANY:
            row["held"] = _held(proxy, options.held)
            reason = proxy.speaks("tls") if name in TLS else ""
            if reason:
                samples.skip(f"memory of a TLS connection: {name} {reason}")
            elif name in TLS:
                row["held_tls"] = _held_tls(stage.alone(name))
        samples.memory[name] = row
    stage.clear()


def _held(proxy: Proxy, counts: list[int]) -> dict[str, float]:
    """KiB for each connection, by how many there should be: a relay may get a few less."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = (most - DESCRIPTORS_SPARE) // (2 if proxy.name == "tcp-relay" else 1)
    before = proxy.process.resident_kib()
    held, kib = [], {}
    try:
        for wanted in counts:
            count = min(wanted, room)
            while len(held) < count:
                held.append(_opened(proxy, "http"))
            time.sleep(SETTLE_SECONDS)
            kib[str(wanted)] = (proxy.process.resident_kib() - before) / count
    finally:
        for connection in held:
            connection.close()
    return kib


def _held_tls(proxy: Proxy) -> dict[str, float]:
    time.sleep(SETTLE_SECONDS)
    before = proxy.process.resident_kib()
    context = tls_context(["http/1.1"])
    held = []
    try:
        while len(held) < HELD_TLS:
            held.append(_opened(proxy, "tls", context))
        time.sleep(SETTLE_SECONDS)
        return {str(HELD_TLS): (proxy.process.resident_kib() - before) / HELD_TLS}
    finally:
        for connection in held:
            connection.close()


def _opened(proxy: Proxy, protocol: str, context=None) -> socket.socket:
    """Connected and asked once: some set aside what they need only with the first request."""
    client = socket.create_connection((ADDRESS, proxy.port(protocol)), TIMEOUT_SECONDS)
    if context:
        client = context.wrap_socket(client)
    client.sendall(REQUEST)
    received = b""
    while not received.endswith(ANSWER_ENDS):
        more = client.recv(4096)
        if not more:
            raise SystemExit(f"{proxy.name} closed a connection that should be held: {received}")
        received += more
    return client

"""SIGTERM in the middle of a load, while the next node listens on the same port: every request is
answered, and whatever a client had to send again had never reached the backend.
"""

from collections import Counter

from clients.backend import Backend
from clients.grpc_load import GrpcLoad
from clients.grpc_server import SERVICE, Server
from clients.load import Load, taken, told
from clients.stage import Stage
from clients.table import Row

ANSWERS_BETWEEN = 100
# The node says with it that the request was not sent on.
DRAINING = {503}


def try_drain(stage: Stage, _: Backend) -> list[Row]:
    journal = stage.directory / "drain.journal"
    with Backend(stage.directory, journal) as backend, Server() as server:
        stage.publish("/drain", f"http://{backend.address}")
        flags = f"--backend-protocol http2 --body-policy unsigned --backend-path /{SERVICE}"
        stage.publish("/drain-grpc", f"http://{server.address}", flags)
        url = f"{stage.clear}/drain/echo"
        kept = Load("kept", url, DRAINING)
        fresh = Load("fresh", url, DRAINING, keeps_alive=False)
        calls = GrpcLoad(stage.gateway.proxy, "/drain-grpc/Unary")
        loads = [kept, fresh, calls]
        with kept, fresh, calls:
            # All connections are the first node's, for there is no other yet.
            _all_go_on(loads)
            stage.gateway.start_another_node("node-2")
            _all_go_on(loads)
            ended = stage.gateway.terminate("node-1")
            _all_go_on(loads)
        verified = backend.verified()
    if ended != 0:
        raise AssertionError(f"the node ended with {ended}")
    times = taken(journal)
    _check(kept, times)
    _check(fresh, times)
    if verified != len(kept.sent) + len(fresh.sent):
        raise AssertionError(f"the backend verified {verified} requests, which is not all of them")
    if calls.failures or server.refused:
        raise AssertionError(f"calls failed: {calls.failures[:3]}, {server.refused[:3]}")
    return [
        Row("http.client", "SIGTERM, connections kept", *_counts(kept, times), _remark(kept)),
        Row("http.client", "SIGTERM, a connection each", *_counts(fresh, times), _remark(fresh)),
        Row("grpcio", "SIGTERM, one channel", calls.calls, server.verified, "none lost"),
    ]


def _all_go_on(loads: list[Load | GrpcLoad]):
    for load in loads:
        load.wait_for_more(ANSWERS_BETWEEN)


def _check(load: Load, times: Counter):
    if lost := load.unanswered():
        raise AssertionError(f"lost in a drain: {len(lost)}, such as {lost.popitem()}")
    if wrong := {each: times[each] for each in load.sent if times[each] != 1}:
        raise AssertionError(f"not taken once: {len(wrong)}, such as {wrong.popitem()}")


def _counts(load: Load, times: Counter) -> tuple[int, int]:
    return len(load.sent), sum(times[each] for each in load.sent)


def _remark(load: Load) -> str:
    return f"none lost, sent again: {told(load.failures())}"

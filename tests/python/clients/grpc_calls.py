"""grpcio on both ends of a node: every shape of a call, with what comes before and after messages.
"""

import queue
import uuid
from contextlib import ExitStack

import grpc

from clients.backend import Backend
from clients.grpc_load import GrpcLoad
from clients.grpc_server import COMPLAINT, MESSAGE_BYTES_MAX, SERVICE, Server
from clients.stage import Stage
from clients.table import Row
from gateway import PATIENCE_SECONDS, until

# The path of the service that is reached over TLS.
ENCRYPTED = "/encrypted"
UNARY_CALLS = 200
SHORT_LIVED = (("grpc.max_connection_age_ms", 100), ("grpc.max_connection_age_grace_ms", 10_000))
CHANNELS, CONNECTIONS = 4, 12
TURNS = 50
LARGE = bytes(range(256)) * 4096
# Long enough to come to the backend on a busy machine.
DEADLINE_SECONDS = 1.5


def try_grpc(stage: Stage, _: Backend) -> list[Row]:
    certificates = stage.certificates
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX)]
    trust = grpc.ssl_channel_credentials(certificates.authority.read_bytes())
    flags = "--backend-protocol http2 --body-policy unsigned"
    with Server() as server, Server(certificates) as encrypted_server:
        stage.publish(f"/{SERVICE}", f"http://{server.address}", flags)
        flags += f" --backend-path /{SERVICE} --backend-ca {certificates.authority}"
        stage.publish(ENCRYPTED, f"https://{encrypted_server.address}", flags)
        _refused_past_the_node(server)
        with (
            grpc.insecure_channel(stage.gateway.proxy, options) as clear,
            grpc.secure_channel(stage.gateway.proxy_tls, trust, options) as encrypted,
        ):
            rows = [
                _row(Calls(server, clear, f"/{SERVICE}"), "HTTP/2 in clear"),
                _row(Calls(server, encrypted, f"/{SERVICE}"), "HTTP/2, TLS"),
                _row(Calls(encrypted_server, encrypted, ENCRYPTED), "HTTP/2, TLS on both sides"),
            ]
    return [*rows, _renewed(stage)]


def _renewed(stage: Stage) -> Row:
    """A backend that ends its connections by their age, as balanced ones do, loses no call."""
    with Server(None, *SHORT_LIVED) as server:
        flags = f"--backend-protocol http2 --body-policy unsigned --backend-path /{SERVICE}"
        stage.publish("/renewed", f"http://{server.address}", flags)
        with ExitStack() as running:
            loads = [GrpcLoad(stage.gateway.proxy, "/renewed/Unary") for _ in range(CHANNELS)]
            for load in loads:
                running.enter_context(load)
            until("connections are renewed", lambda: len(server.peers) >= CONNECTIONS)
        failures = [failure for load in loads for failure in load.failures]
        if failures or server.refused:
            raise AssertionError(f"renewed: {len(failures)}, {failures[:3]}, {server.refused[:3]}")
        calls = sum(load.calls for load in loads)
        remark = f"none lost; the backend ended {len(server.peers) - 1} connections"
        return Row("grpcio", "a backend that goes away", calls, server.verified, remark)


def _row(calls: "Calls", protocol: str) -> Row:
    server = calls.server
    before = server.verified
    for call in [
        calls.many_unary,
        calls.collect,
        calls.spread,
        calls.chat,
        calls.metadata,
        calls.fail,
        calls.break_off,
        calls.deadline,
        calls.cancel,
    ]:
        try:
            call()
        except Exception as failure:
            raise AssertionError(f"{call.__name__} over {protocol}: {failure}") from failure
    if server.refused:
        raise AssertionError(f"refused over {protocol}: {server.refused}")
    remark = "all shapes, trailers, statuses, deadlines"
    return Row("grpcio", protocol, calls.count, server.verified - before, remark)


class Calls:
    """Each method makes calls of one kind, and complains about what comes back."""

    def __init__(self, server: Server, channel: grpc.Channel, path: str):
        self.server, self.channel, self.path = server, channel, path
        self.count = 0

    def many_unary(self):
        unary = self._method("unary_unary", "Unary")
        under_way = [unary.future(b"%d" % number, **PATIENT) for number in range(UNARY_CALLS)]
        self.count += UNARY_CALLS
        _same([call.result() for call in under_way], [b"%d" % n for n in range(UNARY_CALLS)])
        self.count += 2
        _same(unary(LARGE, **PATIENT), LARGE)
        _same(unary(LARGE, compression=grpc.Compression.Gzip, **PATIENT), LARGE)

    def collect(self):
        parts = [LARGE, b"", b"the end"]
        self.count += 1
        _same(self._method("stream_unary", "Collect")(iter(parts), **PATIENT), b"".join(parts))

    def spread(self):
        self.count += 1
        got = list(self._method("unary_stream", "Spread")(b"%d" % TURNS, **PATIENT))
        _same(got, [b"%d" % number for number in range(TURNS)])

    def chat(self):
        """The next message is sent when the answer to the one before has come."""
        messages: queue.Queue = queue.Queue()
        self.count += 1
        answers = self._method("stream_stream", "Chat")(iter(messages.get, None), **PATIENT)
        for number in range(TURNS):
            messages.put(b"%d" % number)
            _same(next(answers), b"you said %d" % number)
        messages.put(None)
        _same(list(answers), [])

    def metadata(self):
        sent = (("x-client", "a, b"), ("x-client-bin", b"\x00\xff"))
        self.count += 1
        call = self._method("unary_unary", "Unary").with_call(b"", metadata=sent, **PATIENT)[1]
        _same(dict(call.initial_metadata())["x-first"], "a, b")
        last = dict(call.trailing_metadata())
        _same((last["x-last"], last["x-last-bin"]), ("a, b", b"\x00\xff"))

    def fail(self):
        failure = self._failure(lambda: self._method("unary_unary", "Fail")(b"", **PATIENT))
        _same((failure.code(), failure.details()), (grpc.StatusCode.FAILED_PRECONDITION, COMPLAINT))
        _same(dict(failure.trailing_metadata())["x-why"], "it says so")

    def break_off(self):
        answers = self._method("unary_stream", "Break")(b"", **PATIENT)
        _same([next(answers), next(answers)], [b"one", b"two"])
        failure = self._failure(lambda: next(answers))
        _same((failure.code(), failure.details()), (grpc.StatusCode.DATA_LOSS, COMPLAINT))

    def deadline(self):
        """The call ends at both ends, and the backend knew when it would."""
        name = f"deadline {uuid.uuid4()}".encode()
        self.count += 1
        call = self._method("unary_unary", "Hang").future(name, timeout=DEADLINE_SECONDS)
        hanging = self.server.hanging[name]
        hanging.wait_for(hanging.begun)
        _same(call.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        hanging.wait_for(hanging.ended)
        # A client rounds what it sends.
        _same(0 < hanging.time_remaining < 2 * DEADLINE_SECONDS, True)

    def cancel(self):
        """The backend is told that the client has gone."""
        name = f"cancel {uuid.uuid4()}".encode()
        self.count += 1
        call = self._method("unary_unary", "Hang").future(name, **PATIENT)
        hanging = self.server.hanging[name]
        hanging.wait_for(hanging.begun)
        call.cancel()
        hanging.wait_for(hanging.ended)

    def _failure(self, call) -> grpc.RpcError:
        self.count += 1
        try:
            got = call()
        except grpc.RpcError as failure:
            return failure
        raise AssertionError(f"it did not fail but gave {got!r}")

    def _method(self, shape: str, name: str):
        return getattr(self.channel, shape)(f"{self.path}/{name}")


PATIENT = {"timeout": PATIENCE_SECONDS}


def _same(got, wanted):
    if got != wanted:
        raise AssertionError(f"{got!r:.200} is not {wanted!r:.200}")


def _refused_past_the_node(server: Server):
    with grpc.insecure_channel(server.address) as channel:
        try:
            channel.unary_unary(f"/{SERVICE}/Unary")(b"", **PATIENT)
        except grpc.RpcError as failure:
            _same((failure.code(), len(server.refused)), (grpc.StatusCode.UNAUTHENTICATED, 1))
            server.refused.clear()
            return
    raise AssertionError("a call past the node was accepted")

"""A gRPC backend in every shape of a call, of bytes: no file of messages is needed. An interceptor
verifies the signature of each call before its method sees it.
"""

import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import grpc

from clients.backend import HOST
from clients.certificates import Certificates
from clients.stage import verified
from countersign_verify import Refused
from gateway import PATIENCE_SECONDS

SERVICE = "countersign.clients.Echo"
THREADS = 16
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
# Not ASCII, and with what a header must escape.
COMPLAINT = "Größe: 100 % zu viel\nund mehr"


class Hanging:
    """A call that hangs until it is told that nobody waits for it."""

    def __init__(self):
        self.begun, self.ended = threading.Event(), threading.Event()
        self.time_remaining: float | None = None

    def wait_for(self, what: threading.Event):
        if not what.wait(PATIENCE_SECONDS):
            is_begun = "has begun" if self.begun.is_set() else "has not begun"
            raise AssertionError(f"a call that hangs {is_begun}, and is to go on")


class Server:
    """`with Server() as server: …`, then `server.address`."""

    def __init__(self, certificates: Certificates | None = None, *options: tuple[str, int]):
        # With certificates it serves over TLS.
        self.certificates = certificates
        self.options = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX), *options]
        # The connections on which calls came.
        self.peers: set[str] = set()
        self.verified = 0
        self.refused: list[str] = []
        # Calls of the method that hangs, by what they ask for.
        self.hanging: dict[bytes, Hanging] = defaultdict(Hanging)

    def __enter__(self) -> "Server":
        self.server = grpc.server(
            ThreadPoolExecutor(THREADS),
            interceptors=[_Verifier(self)],
            options=self.options,
        )
        methods = {
            "Unary": grpc.unary_unary_rpc_method_handler(self._unary),
            "Collect": grpc.stream_unary_rpc_method_handler(self._collect),
            "Spread": grpc.unary_stream_rpc_method_handler(self._spread),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
            "Break": grpc.unary_stream_rpc_method_handler(self._break),
            "Hang": grpc.unary_unary_rpc_method_handler(self._hang),
        }
        handler = grpc.method_handlers_generic_handler(SERVICE, methods)
        self.server.add_generic_rpc_handlers((handler,))
        self.address = f"{HOST}:{self._add_port()}"
        self.server.start()
        return self

    def _add_port(self) -> int:
        if self.certificates is None:
            return self.server.add_insecure_port(f"{HOST}:0")
        files = self.certificates.key, self.certificates.certificate
        pair = tuple(file.read_bytes() for file in files)
        return self.server.add_secure_port(f"{HOST}:0", grpc.ssl_server_credentials([pair]))

    def __exit__(self, *_):
        self.server.stop(grace=None).wait()

    def _unary(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Metadata that the client chose comes back, at the beginning and at the end."""
        self.peers.add(context.peer())
        sent = dict(context.invocation_metadata())
        context.send_initial_metadata((("x-first", sent.get("x-client", "")),))
        last = (("x-last", sent.get("x-client", "")), ("x-last-bin", sent.get("x-client-bin", b"")))
        context.set_trailing_metadata(last)
        return request

    @staticmethod
    def _collect(requests, _) -> bytes:
        return b"".join(requests)

    @staticmethod
    def _spread(request: bytes, _):
        for number in range(int(request)):
            yield b"%d" % number

    @staticmethod
    def _chat(requests, _):
        for request in requests:
            yield b"you said " + request

    @staticmethod
    def _fail(_, context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata((("x-why", "it says so"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, COMPLAINT)

    @staticmethod
    def _break(_, context: grpc.ServicerContext):
        """Ends badly after good messages."""
        yield b"one"
        yield b"two"
        context.abort(grpc.StatusCode.DATA_LOSS, COMPLAINT)

    def _hang(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        call = self.hanging[request]
        call.time_remaining = context.time_remaining()
        if not context.add_callback(call.ended.set):
            call.ended.set()
        call.begun.set()
        call.ended.wait()
        return b""


class _Verifier(grpc.ServerInterceptor):
    def __init__(self, server: Server):
        self.server = server

    def intercept_service(self, continuation, details: grpc.HandlerCallDetails):
        # An interceptor is not told the authority; the node signs that of its target.
        headers = [("host", self.server.address), *details.invocation_metadata]
        try:
            who = verified("POST", details.method, headers)
            if who.payload_signed:
                raise AssertionError("a body that streams cannot be signed")
        except Refused as refused:
            self.server.refused.append(str(refused))
            return grpc.unary_unary_rpc_method_handler(_refuse(refused))
        self.server.verified += 1
        return continuation(details)


def _refuse(refused: Refused):
    def refuse(_, context: grpc.ServicerContext):
        context.abort(grpc.StatusCode.UNAUTHENTICATED, refused.reason.value)

    return refuse

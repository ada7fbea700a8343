"""Calls of gRPC, one after the other on one channel, until they are stopped. grpcio itself sends
again what a node says that it did not take; this load never does.
"""

import threading

import grpc

from gateway import PATIENCE_SECONDS


class GrpcLoad:
    """`with GrpcLoad(address, method) as load: …`, and its end when that is left."""

    def __init__(self, address: str, method: str):
        self.address, self.method = address, method
        self.calls = 0
        self.failures: list[grpc.RpcError] = []
        self.is_stopped = False
        self.change = threading.Condition()
        self.thread = threading.Thread(target=self._client)

    def __enter__(self) -> "GrpcLoad":
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_stopped = True
        self.thread.join()

    def wait_for_more(self, calls: int):
        """Waits until so many more have ended than up to now."""
        with self.change:
            wanted = self.calls + calls
            if not self.change.wait_for(lambda: self.calls >= wanted, PATIENCE_SECONDS):
                raise AssertionError(f"the calls stand still at {self.calls}: {self.failures}")

    def _client(self):
        with grpc.insecure_channel(self.address) as channel:
            unary = channel.unary_unary(self.method)
            while not self.is_stopped:
                try:
                    unary(b"", timeout=PATIENCE_SECONDS)
                except grpc.RpcError as failure:
                    self.failures.append(failure)
                with self.change:
                    self.calls += 1
                    self.change.notify_all()

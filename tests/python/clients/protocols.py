"""The protocols that curl speaks to a node."""

from dataclasses import dataclass

from clients.stage import Stage


@dataclass(frozen=True)
class Protocol:
    name: str
    speaks: str
    flag: str
    is_encrypted: bool = False
    # curl 7.88 breaks its second request on a connection of HTTP/2 by prior knowledge, with any
    # server: https://github.com/curl/curl/pull/10643.
    is_reusing: bool = True

    @property
    def version(self) -> str:
        """Of answers: one of HTTP/1.1 is good for a client of HTTP/1.0, too (RFC 9110, 2.5)."""
        return "1.1" if self.speaks == "1.0" else self.speaks

    def origin(self, stage: Stage) -> str:
        return stage.encrypted if self.is_encrypted else stage.clear

    def curl_flags(self, stage: Stage) -> list[str]:
        flags = ["--silent", "--show-error", self.flag]
        return flags + ["--cacert", str(stage.certificates.authority)] * self.is_encrypted


HTTP1_0 = Protocol("HTTP/1.0", "1.0", "--http1.0", is_reusing=False)
HTTP1 = Protocol("HTTP/1.1", "1.1", "--http1.1")
HTTP2 = Protocol("HTTP/2, prior knowledge", "2", "--http2-prior-knowledge", is_reusing=False)
HTTP1_TLS = Protocol("HTTP/1.1, TLS", "1.1", "--http1.1", is_encrypted=True)
HTTP2_TLS = Protocol("HTTP/2, TLS", "2", "--http2", is_encrypted=True)

PROTOCOLS = [HTTP1_0, HTTP1, HTTP2, HTTP1_TLS, HTTP2_TLS]

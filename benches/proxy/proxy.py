"""A proxy that runs: its process, where it takes which protocol, and what it must prove first."""

import http.client
import socket
import ssl
from dataclasses import dataclass, field

from places import ADDRESS, port
from processes import Process

BODY = b"hello from the backend, 64 bytes of text for the response here\n"
# The connection preface of HTTP/2 with an empty SETTINGS frame; the answer begins with SETTINGS.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SETTINGS = 4
QUICK_SECONDS = 3


@dataclass
class Proxy:
    name: str
    process: Process
    # By protocol: http, h2c, tls; the name of a port.
    listens: dict[str, str]
    # What the Authorization header begins with that the backend gets; none for a relay.
    authorization: str = ""
    # Why a protocol is not there, where that is worth saying.
    lacks: dict[str, str] = field(default_factory=dict)
    # How many routes it can be asked for, by the paths of publish_routes.
    routes: int = 10

    def url(self, protocol: str) -> str:
        scheme = "https" if protocol.startswith("tls") else "http"
        return f"{scheme}://{ADDRESS}:{self.port(protocol)}"

    def port(self, protocol: str) -> int:
        return port(self.listens["tls" if protocol == "tls-h2" else protocol])

    def ready(self) -> bool:
        try:
            socket.create_connection((ADDRESS, self.port("http")), QUICK_SECONDS).close()
            return True
        except OSError:
            return False

    def prove(self) -> None:
        """That it answers with the backend's bytes, and signs as its name promises."""
        for path, wanted in ("/api/v1/orders?id=7", BODY), ("/authorization", None):
            connection = http.client.HTTPConnection(ADDRESS, self.port("http"), timeout=10)
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            fits = body == wanted if wanted else body.startswith(self.authorization.encode())
            if answer.status != 200 or not fits:
                raise SystemExit(f"{self.name} answers {path} with {answer.status}: {body[:200]}")

    def speaks(self, protocol: str) -> str:
        """Nothing, or why it does not."""
        if protocol in self.lacks:
            return self.lacks[protocol]
        if ("tls" if protocol == "tls-h2" else protocol) not in self.listens:
            return "does not listen for it"
        try:
            return getattr(self, "_" + protocol.replace("-", "_"))()
        except OSError as error:
            return f"{error}"

    def _http(self) -> str:
        return ""

    def _h2c(self) -> str:
        with socket.create_connection((ADDRESS, self.port("h2c")), QUICK_SECONDS) as client:
            client.sendall(PREFACE)
            head = client.recv(9)
        return "" if len(head) == 9 and head[3] == SETTINGS else "does not take HTTP/2 in clear"

    def _tls(self, wanted: str = "http/1.1") -> str:
        with socket.create_connection((ADDRESS, self.port("tls")), QUICK_SECONDS) as client:
            with tls_context([wanted]).wrap_socket(client) as client:
                chosen = client.selected_alpn_protocol()
        return "" if chosen == wanted else f"offers {chosen} where {wanted} is asked for"

    def _tls_h2(self) -> str:
        return self._tls("h2")


def tls_context(protocols: list[str]) -> ssl.SSLContext:
    """Takes any certificate: the script made it itself."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(protocols)
    return context

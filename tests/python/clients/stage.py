"""Where the clients are tried: a gateway, its key, and what a backend needs to verify.

Owns the names of APIs; never what is sent to them.
"""

import sys
from pathlib import Path

from clients.certificates import Certificates
from gateway import Gateway

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "verifiers" / "python"))
from countersign_verify import Options, Request, Verified, verify  # noqa: E402

KEY, SECRET = "real-clients-1", "Real_clients-secret!2026"
OPTIONS = Options(unsigned_payload_allowed=True)


class Stage:
    """A gateway that signs with one key, its node with a certificate."""

    def __init__(self, gateway: Gateway, certificates: Certificates):
        self.gateway, self.certificates = gateway, certificates
        self.directory = gateway.directory
        gateway.cli("group create clients")
        create = f"key create clients --type hmac --key {KEY} --secret-stdin"
        gateway.cli(create, stdin=SECRET)

    @property
    def clear(self) -> str:
        return f"http://{self.gateway.proxy}"

    @property
    def encrypted(self) -> str:
        return f"https://{self.gateway.proxy_tls}"

    def publish(self, path: str, backends: str, flags: str = ""):
        """Returns when the node serves everything below the path, and signs for it."""
        name = "api-" + path.strip("/").replace("/", "-")
        create = f"api create {name} --group clients --method ANY --path {path} --match SWA"
        self.gateway.cli(f"{create} {flags} --backend {backends}")
        self.gateway.cli(f"api publish {name} --env RELEASE")
        bound = self.gateway.cli(f"bind clients --api {name} --env RELEASE")
        self.gateway.wait_for(bound["revision"])


def verified(method: str, target: str, headers) -> Verified:
    """Who signed a request of which no body is signed; raises what the verifier raises."""
    return verify(Request(method, target, headers), secrets, OPTIONS)


def secrets(_scheme, key: str) -> str | None:
    return SECRET if key == KEY else None

"""Countersign as it is in earnest: a control plane with published routes, and nodes that have them
from it, with metrics, limits and an access log of every hundredth request."""

import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

from peers import Certificate
from places import at, ours
from processes import Process
from proxy import Proxy

SIGNED = "SDK-HMAC-SHA256 "
ACCESS_LOG_EVERY = 100
PUBLISH_SECONDS = 600


class Gateway:
    """A control plane in a directory of its own, with so many routes, each bound to a key."""

    def __init__(self, name: str, routes: int, directory: Path):
        self.name, self.routes = name, routes
        self.directory = directory / f"{name}-gateway"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        command = [ours("countersign"), "control-plane", "--plaintext", "--data-dir", self.directory / "data"]
        command += ["--listen", at(f"{name} grpc"), "--status-listen", at(f"{name} plane status")]
        self.control_plane = Process("control-plane", command, self.directory)
        try:
            self._publish()
        except BaseException:
            self.control_plane.stop()
            raise

    def _publish(self) -> None:
        self.control_plane.until(_answers(f"{self.name} plane status"), "is not ready")
        began = time.monotonic()
        command = [ours("publish_routes"), self._url(), at("backend"), self.routes]
        publishing = [str(part) for part in command]
        subprocess.run(publishing, check=True, capture_output=True, timeout=PUBLISH_SECONDS)
        self.publish_seconds = time.monotonic() - began

    def node(self, workers: int, certificate: Certificate) -> Proxy:
        """A node; on its first complete snapshot it is ready."""
        name = self.name
        command = [ours("countersign"), "data-plane", "--control-plane", self._url()]
        command += ["--node", name, "--workers", workers, "--access-log-every", ACCESS_LOG_EVERY]
        command += ["--proxy-listen", at(f"{name} http"), "--status-listen", at(f"{name} status")]
        listens, lacks = {"http": f"{name} http", "h2c": f"{name} http"}, {}
        if "--proxy-tls-listen" in _flags():
            command += ["--proxy-tls-listen", at(f"{name} tls")]
            command += ["--proxy-tls-cert", certificate.certificate]
            command += ["--proxy-tls-key", certificate.key]
            listens["tls"] = f"{name} tls"
        else:
            lacks = dict.fromkeys(("tls", "tls-h2"), "this binary has no --proxy-tls-listen")
        began = time.monotonic()
        process = Process(name, command, self.directory)
        proxy = Proxy(name, process, listens, SIGNED, lacks, self.routes)
        try:
            process.until(_answers(f"{name} status"), "is not ready")
        except BaseException:
            process.stop()
            raise
        self.ready_seconds = time.monotonic() - began
        return proxy

    def _url(self) -> str:
        return f"http://{at(f'{self.name} grpc')}"


def _flags() -> str:
    command = [ours("countersign"), "data-plane", "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _answers(port_name: str):
    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://{at(port_name)}/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    return ready

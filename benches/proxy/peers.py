"""The peers, each with its workers and the same listeners: how they are started."""

import shutil
import subprocess
from pathlib import Path

import places
from places import ADDRESS, at, filled, port
from processes import Process
from proxy import Proxy

STATIC = "Basic "
SIGV4 = "AWS4-HMAC-SHA256 "


class Certificate:
    """Signed by itself, and made anew for each run."""

    def __init__(self, directory: Path):
        self.certificate, self.key, self.pem = (
            directory / name for name in ("certificate.pem", "key.pem", "both.pem")
        )
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
            + ["-addext", f"subjectAltName=IP:{ADDRESS},DNS:localhost"]
            + ["-out", str(self.certificate), "-keyout", str(self.key)],
            check=True, capture_output=True,
        )
        self.pem.write_text(self.certificate.read_text() + self.key.read_text())


def backend(directory: Path) -> Process:
    configuration = filled("backend.conf", directory, BACKEND=at("backend"))
    command = [_system("nginx"), "-p", f"{directory}/", "-c", configuration]
    return Process("backend", command, directory)


def nginx(directory: Path, workers: int, certificate: Certificate) -> Proxy:
    configuration = filled("nginx.conf", directory, **_listeners("nginx", workers, certificate))
    command = [_system("nginx"), "-p", f"{directory}/", "-c", configuration]
    process = Process("nginx", command, directory)
    return Proxy("nginx", process, _ports("nginx", "http", "h2c", "tls"), STATIC)


def haproxy(directory: Path, workers: int, certificate: Certificate) -> Proxy:
    configuration = filled("haproxy.cfg", directory, **_listeners("haproxy", workers, certificate))
    process = Process("haproxy", [_system("haproxy"), "-db", "-f", configuration], directory)
    return Proxy("haproxy", process, _ports("haproxy", "http", "h2c", "tls"), STATIC)


def relay(directory: Path, workers: int, certificate: Certificate) -> Proxy:
    configuration = filled("relay.cfg", directory, **_listeners("relay", workers, certificate))
    process = Process("relay", [_system("haproxy"), "-db", "-f", configuration], directory)
    return Proxy("tcp-relay", process, _ports("relay", "http"))


def envoy(directory: Path, workers: int, certificate: Certificate) -> Proxy:
    return _envoy("envoy", "", "", directory, workers, certificate)


def envoy_sigv4(directory: Path, workers: int, certificate: Certificate) -> Proxy:
    filter_ = " ".join((places.PROXY / "peers" / "envoy-signing.yaml").read_text().split())
    return _envoy("envoy-sigv4", SIGV4, filter_, directory, workers, certificate)


def _envoy(name, authorization, signing, directory, workers, certificate) -> Proxy:
    directory = directory / name
    directory.mkdir(exist_ok=True)
    configuration = filled(
        "envoy.yaml", directory, SIGNING=signing, ADDRESS=ADDRESS,
        HTTP_PORT=port(f"{name} http"), TLS_PORT=port(f"{name} tls"), BACKEND_PORT=port("backend"),
        CERTIFICATE=certificate.certificate, KEY=certificate.key,
    )
    command = [places.envoy(), "-c", configuration, "--concurrency", workers]
    process = Process(name, command + ["-l", "error", "--disable-hot-restart"], directory)
    listens = {"http": f"{name} http", "h2c": f"{name} http", "tls": f"{name} tls"}
    return Proxy(name, process, listens, authorization)


def pingora(directory: Path, workers: int, _: Certificate) -> Proxy:
    command = [places.PINGORA, at("pingora"), at("backend"), workers]
    process = Process("pingora", command, directory)
    listens = {"http": "pingora", "h2c": "pingora"}
    lacks = dict.fromkeys(("tls", "tls-h2"), "is built without TLS")
    return Proxy("pingora", process, listens, STATIC, lacks)


def _listeners(name: str, workers: int, certificate: Certificate) -> dict[str, object]:
    return {
        "WORKERS": workers, "BACKEND": at("backend"),
        "HTTP": at(f"{name} http"), "H2C": at(f"{name} h2c"), "TLS": at(f"{name} tls"),
        "CERTIFICATE": certificate.certificate, "KEY": certificate.key, "PEM": certificate.pem,
    }


def _ports(name: str, *protocols: str) -> dict[str, str]:
    return {protocol: f"{name} {protocol}" for protocol in protocols}


def _system(name: str) -> str:
    """What administrators run is not on everybody's path."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not found:
        raise SystemExit(f"{name} is not installed: `benches/proxy/run` installs it")
    return found

"""Everything that runs during a measurement: the backend, the gateways and the proxies that were
asked for. Whatever happens, all of it is ended, each process by its pid."""

import resource
import shutil
import signal

import peers
import places
from cases import OURS, OURS_MANY, ROUTES_FEW, ROUTES_MANY
from countersign import Gateway
from processes import Process
from proxy import Proxy

STARTERS = {
    "tcp-relay": peers.relay, "nginx": peers.nginx, "haproxy": peers.haproxy,
    "pingora": peers.pingora, "envoy": peers.envoy, "envoy-sigv4": peers.envoy_sigv4,
}


class Stage:
    def __enter__(self) -> "Stage":
        # As Ctrl-C: the way out goes through __exit__.
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit("ended")))
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.directory = places.OUTPUT / "work"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.running: dict[str, Proxy] = {}
        self.workers = 0
        self.gateways: dict[str, Gateway] = {}
        self.certificate = peers.Certificate(self.directory)
        self.backend = peers.backend(self.directory)
        return self

    def __exit__(self, *_) -> None:
        self.clear()
        for gateway in self.gateways.values():
            gateway.control_plane.stop()
        self.backend.stop()

    def processes(self) -> list[Process]:
        planes = [gateway.control_plane for gateway in self.gateways.values()]
        return [self.backend, *planes, *(proxy.process for proxy in self.running.values())]

    def proxies(self, names: list[str], workers: int) -> list[Proxy]:
        """Those, with so many workers; what runs already goes on."""
        if workers != self.workers:
            self.clear()
        self.workers = workers
        return [self.running.get(name) or self._start(name) for name in names]

    def alone(self, name: str) -> Proxy:
        """That one, new, with one worker, and no other."""
        self.clear()
        self.workers = 1
        return self._start(name)

    def clear(self) -> None:
        while self.running:
            self.running.popitem()[1].process.stop()

    def _start(self, name: str) -> Proxy:
        if name in (OURS, OURS_MANY):
            proxy = self.gateway(name).node(self.workers, self.certificate)
        else:
            proxy = STARTERS[name](self.directory, self.workers, self.certificate)
        self.running[name] = proxy
        proxy.process.until(proxy.ready, "does not listen")
        proxy.prove()
        return proxy

    def gateway(self, name: str) -> Gateway:
        if name not in self.gateways:
            routes = ROUTES_MANY if name == OURS_MANY else ROUTES_FEW
            print(f"# {name}: publishing {routes:,} routes …", flush=True)
            gateway = Gateway(name, routes, self.directory)
            print(f"# {name}: published in {gateway.publish_seconds:.1f} s", flush=True)
            self.gateways[name] = gateway
        return self.gateways[name]

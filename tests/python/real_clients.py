"""Clients that Countersign did not write, through a real node, to backends that verify what comes.

    real_clients.py BINARY [PART…]            prints a table; all parts unless some are named
"""

import argparse
import sys
import time
import traceback
from pathlib import Path

from clients.backend import HOST, Backend
from clients.certificates import make_certificates
from clients.curl import try_curl
from clients.drain import try_drain
from clients.failover import try_failover
from clients.grpc_calls import try_grpc
from clients.h2load import try_h2load
from clients.languages import try_languages
from clients.large import try_large
from clients.slow_streams import try_slow_streams
from clients.stage import Stage
from clients.table import Row, print_table
from clients.websocket import try_websocket
from gateway import Gateway

# The last one ends the node.
PARTS = {
    "curl": try_curl,
    "h2load": try_h2load,
    "websocket": try_websocket,
    "grpc": try_grpc,
    "languages": try_languages,
    "slow": try_slow_streams,
    "large": try_large,
    "failover": try_failover,
    "drain": try_drain,
}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS])
    given = parser.parse_args()
    rows: list[Row] = []
    failed: list[str] = []
    gateway = Gateway(given.binary)
    certificates = make_certificates(gateway.directory, [gateway.host, HOST])
    gateway.node_flags = ["--proxy-tls-listen", gateway.proxy_tls]
    gateway.node_flags += ["--proxy-tls-cert", str(certificates.certificate)]
    gateway.node_flags += ["--proxy-tls-key", str(certificates.key)]
    with gateway:
        stage = Stage(gateway, certificates)
        for name, part in PARTS.items():
            if given.parts and name not in given.parts:
                continue
            begun = time.monotonic()
            try:
                with Backend(gateway.directory) as backend:
                    rows += part(stage, backend)
            except Exception:
                # Whatever it is, it is that part's, and must not hide the others.
                traceback.print_exc()
                failed.append(name)
            print(f"{name}: {time.monotonic() - begun:.1f} s", flush=True)
    print_table(rows)
    for name in failed:
        print(f"{name} failed")
    return 1 if failed or not all(row.is_full() for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

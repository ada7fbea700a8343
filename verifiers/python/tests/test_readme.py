"""The README's program, run as it stands there."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Dict, Tuple

from .signing import KEY, signed

FOLDER = Path(__file__).parents[1]
TARGET = "/orders?id=7&name=a%20b"


class TestReadme(unittest.TestCase):
    def test_the_program_of_the_readme(self) -> None:
        found = re.search(r"^```python\n(.*?)^```$", (FOLDER / "README.md").read_text(), re.M | re.S)
        assert found is not None
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "backend.py").write_text(found[1])
            environment = {**os.environ, "PYTHONPATH": str(FOLDER), "PORT": str(port)}
            command = [sys.executable, "backend.py"]
            with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as backend:
                try:
                    wait_for(port)
                    self.try_it(port)
                finally:
                    backend.terminate()

    def try_it(self, port: int) -> None:
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = signed("POST", TARGET, b"body", f"127.0.0.1:{port}", date)
        self.assertEqual(send(port, headers, b"body"), (200, f"hello, {KEY}\n".encode()))
        status, answer = send(port, headers, b"bodx")
        self.assertEqual((status, json.loads(answer)["reason"]), (401, "SIGNATURE_MISMATCH"))


def send(port: int, headers: Dict[str, str], body: bytes) -> Tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", TARGET, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise TimeoutError(f"nobody listens on {port}")

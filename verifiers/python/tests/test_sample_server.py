"""The sample server as a process, over raw sockets."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from .signing import KEY, SECRET, signed

FOLDER = Path(__file__).parents[1]


class TestSampleServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".secret") as file:
            file.write(SECRET + "\n")
            file.flush()
            command = [sys.executable, "sample_server.py", "--port", "0", "--key", KEY]
            cls.server = subprocess.Popen(
                [*command, "--secret-file", file.name], cwd=FOLDER, stdout=subprocess.PIPE, text=True
            )
            cls.host = cls.server.stdout.readline().split()[-1]

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.terminate()
        cls.server.wait()
        cls.server.stdout.close()

    def test_every_method_and_target_is_answered(self) -> None:
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH"):
            for target in ("/", "//a//b", "/a%2Fb%zz?x=+%20&&=y&x", "/raw?q={}|"):
                with self.subTest(method, target=target):
                    status, answer = self.send(method, target)
                    self.assertEqual((status, answer["target"]), (200, target))
                    self.assertEqual((answer["method"], answer["key"]), (method, KEY))
        self.assertEqual(self.send("HEAD", "/"), (200, None))

    def test_bodies_come_with_a_length_or_in_chunks(self) -> None:
        body = bytes(range(256)) * 4096
        status, answer = self.send("POST", "/", body, f"Content-Length: {len(body)}\r\n\r\n")
        self.assertEqual((status, answer["body_bytes"]), (200, len(body)))
        chunks = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
        head = "Transfer-Encoding: chunked\r\n\r\n"
        status, answer = self.send("POST", "/", b"abcde", head, sent=chunks)
        self.assertEqual((status, answer["body_bytes"]), (200, 5))

    def test_a_refusal_says_why(self) -> None:
        status, answer = self.send("GET", "/", line="GET /other HTTP/1.1")
        self.assertEqual((status, answer["verified"]), (401, False))
        self.assertEqual(answer["reason"], "SIGNATURE_MISMATCH")

    def send(self, method, target, body=b"", head="\r\n", sent=None, line=None):
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = signed(method, target, body, self.host, date)
        lines = [line or f"{method} {target} HTTP/1.1", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        host, port = self.host.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall("\r\n".join(lines).encode() + b"\r\n" + head.encode() + (sent or body))
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        start, _, rest = answer.partition(b"\r\n\r\n")
        return int(start.split()[1]), json.loads(rest) if rest else None

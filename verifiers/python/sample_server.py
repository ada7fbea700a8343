"""A sample backend: verifies every request, and answers with what it saw or with the reason.

    python sample_server.py --port 9000 --key signature_key1 --secret-file secret
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, List, Optional, Tuple

from countersign_verify import Options, Refused, Request, Verified, verify

BODY_BYTES_MAX = 64 * 1024 * 1024


def main() -> None:
    arguments = parse_arguments()
    secret = Path(arguments.secret_file).read_text(encoding="utf-8")
    if secret.endswith("\n"):
        secret = secret[:-1].removesuffix("\r")
    options = Options(unsigned_payload_allowed=arguments.allow_unsigned_payload)

    class Handler(SampleHandler):
        def verify(self, request: Request) -> Verified:
            known = {arguments.key: secret}
            return verify(request, lambda scheme, key: known.get(key), options)

    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A backend that verifies signatures.")
    parser.add_argument("--port", type=int, default=9000, help="0 for any that is free")
    parser.add_argument("--key", required=True, help="the key that is accepted, HMAC or Basic")
    parser.add_argument("--secret-file", required=True, help="one line end after it is dropped")
    parser.add_argument("--allow-unsigned-payload", action="store_true")
    return parser.parse_args()


class SampleHandler(BaseHTTPRequestHandler):
    """Answers every method on every path."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def verify(self, request: Request) -> Verified:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self) -> None:
        try:
            body = self.read_body()
        except ValueError as error:
            self.close_connection = True
            self.send(400, {"verified": False, "reason": "BODY_BROKEN", "message": str(error)})
            return
        # `self.path` has lost a leading slash where there were two; the request line has all.
        target = self.requestline.split(" ")[1]
        headers = list(self.headers.items())
        try:
            verified = self.verify(Request(self.command, target, headers, io.BytesIO(body)))
        except Refused as refused:
            self.send(refused.status, json.loads(refused.to_json()))
            return
        self.send(200, seen(verified, self.command, target, headers, body))

    def read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(iter(self.read_chunk, b""))
        length = int(self.headers.get("Content-Length", "0"))
        return self.read_whole(length)

    def read_chunk(self) -> bytes:
        size = int(self.rfile.readline(1024).split(b";")[0], 16)
        chunk = self.read_whole(size)
        if size > 0:
            self.rfile.readline(1024)
            return chunk
        while self.rfile.readline(65_537).strip():
            pass
        return b""

    def read_whole(self, length: int) -> bytes:
        if not 0 <= length <= BODY_BYTES_MAX:
            raise ValueError(f"a body of {length} bytes is not read")
        body = self.rfile.read(length)
        if len(body) < length:
            raise ValueError("the body did not arrive whole")
        return body

    def send(self, status: int, answer: dict) -> None:
        body = json.dumps(answer, indent=2).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: a query may hold what is nobody's business."""


def seen(
    verified: Verified, method: str, target: str, headers: List[Tuple[str, str]], body: bytes
) -> dict:
    return {
        "verified": True,
        "key": verified.key,
        "scheme": verified.scheme.value,
        "payload_signed": verified.payload_signed,
        "method": method,
        "target": target,
        "headers": [[name, shown(value)] for name, value in headers],
        "body_bytes": len(body),
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }


def shown(value: str) -> Optional[str]:
    """A header's value; a Basic one without its credentials."""
    return "Basic (redacted)" if value.strip().lower().startswith("basic ") else value


if __name__ == "__main__":
    main()

"""Builds and runs the program in the README as it stands there, against a signed and a changed request.

    python3 readme.py README.md PREFIX_OF_INSTALLATION
"""

import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

import live


def free_port() -> int:
    with socket.socket() as anything:
        anything.bind(("127.0.0.1", 0))
        return anything.getsockname()[1]


PORT = free_port()
HOST = f"127.0.0.1:{PORT}"


def main() -> None:
    text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    fence, code = re.search(r"^```(c|cpp)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE).groups()
    command = re.search(r"^    ((?:cc|c\+\+) .*) && \./hello$", text, re.MULTILINE).group(1)
    prefix = pathlib.Path(sys.argv[2]).resolve()
    environment = dict(os.environ, PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig")
    # The port of the README may be taken.
    code, count = re.subn(r"\b9000\b", str(PORT), code)
    assert count == 1
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / f"hello.{fence}").write_text(code, encoding="utf-8")
        subprocess.run(command, shell=True, cwd=folder, env=environment, check=True)
        process = subprocess.Popen("./hello", cwd=folder, stdin=subprocess.PIPE)
        try:
            wait(process)
            assert ask(b"POST", "/orders?id=7", b"{}") == b"hello, signature_key1\n"
            changed = ask(b"POST", "/orders?id=7", b"[]", sign=b"{}")
            assert b'"SIGNATURE_MISMATCH"' in changed, changed
        finally:
            process.terminate()
            process.wait()
            process.stdin.close()
    print("ok the program in the README")


def wait(process) -> None:
    for _ in range(250):
        assert process.poll() is None, "the program in the README ended by itself"
        try:
            live.Connection(HOST).socket.close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError("the program in the README does not listen on its port")


def ask(method, target, body, sign=None) -> bytes:
    head, _ = live.request(HOST, method.decode(), target, sign or body)
    with live.Connection(HOST) as connection:
        connection.send(head + body)
        length = 0
        for line in iter(connection.file.readline, b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return connection.file.read(length)


if __name__ == "__main__":
    main()

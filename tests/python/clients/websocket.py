"""`websockets` on both ends: the server verifies each handshake before it agrees to it."""

import asyncio
import os
import ssl
from http import HTTPStatus

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.backend import Backend
from clients.stage import Stage, verified
from clients.table import Row
from countersign_verify import Refused
from gateway import PATIENCE_SECONDS

AT_ONCE = 8
MESSAGE_BYTES = 1024 * 1024
# Of an application's own; a client says the first to be sent the other.
BYE, BYE_FROM_SERVER = 4001, 4002


def try_websocket(stage: Stage, backend: Backend) -> list[Row]:
    return asyncio.run(_all(stage, backend))


class Echo:
    """Sends back what it gets, and keeps how each connection ended."""

    def __init__(self):
        self.verified = self.refused = 0
        self.closed: asyncio.Queue = asyncio.Queue()

    async def check(self, connection: ServerConnection, request):
        try:
            verified("GET", request.path, list(request.headers.raw_items()))
        except Refused as refused:
            self.refused += 1
            return connection.respond(HTTPStatus.UNAUTHORIZED, refused.reason.value)
        self.verified += 1
        return None

    async def talk(self, connection: ServerConnection):
        try:
            async for message in connection:
                if message == "close":
                    await connection.close(BYE_FROM_SERVER, "as you wish")
                else:
                    await connection.send(message)
        except ConnectionClosed:
            # Whoever closed it without a code; told below.
            pass
        await connection.wait_closed()
        self.closed.put_nowait((connection.close_code, connection.close_reason))


def newest(_: ServerConnection, offered) -> str | None:
    """Of those that a client offers, if it offers any."""
    return max(offered, default=None)


async def _all(stage: Stage, backend: Backend) -> list[Row]:
    echo = Echo()
    options = {"process_request": echo.check, "select_subprotocol": newest, "max_size": None}
    server = await serve(echo.talk, "127.0.0.1", 0, **options)
    async with server, asyncio.timeout(PATIENCE_SECONDS):
        address = "{}:{}".format(*server.sockets[0].getsockname())
        await asyncio.to_thread(stage.publish, "/ws", f"http://{address}", "--websocket")
        await _refused_past_the_node(echo, address)
        trust = ssl.create_default_context(cafile=stage.certificates.authority)
        rows = [await _row(echo, "ws", f"ws://{stage.gateway.proxy}/ws/echo?room=1%2B1")]
        encrypted = f"wss://{stage.gateway.proxy_tls}/ws/echo?room=1%2B1"
        rows.append(await _row(echo, "wss", encrypted, ssl=trust))
        rows.append(await _not_upgraded(stage, backend))
    return rows


async def _row(echo: Echo, protocol: str, url: str, **how) -> Row:
    """One after the other, then some at a time."""
    before = echo.verified
    await _talk(echo, url, compression=None, **how)
    await _talk(echo, url, compression="deflate", **how)
    await _closed_by_the_server(echo, url, **how)
    await asyncio.gather(*(_one_of_many(url, number, **how) for number in range(AT_ONCE)))
    ended = [await echo.closed.get() for _ in range(AT_ONCE)]
    if ended != [(1000, "")] * AT_ONCE:
        raise AssertionError(f"{protocol}: connections that were closed well ended with {ended}")
    remark = "text, binary, 1 MiB, pings, close codes"
    return Row("websockets", protocol, AT_ONCE + 3, echo.verified - before, remark)


async def _talk(echo: Echo, url: str, compression: str | None, **how):
    large = os.urandom(MESSAGE_BYTES)
    options = {"subprotocols": ["echo.v1", "echo.v2"], "compression": compression, "max_size": None}
    async with connect(url, **options, **how) as connection:
        if connection.subprotocol != "echo.v2":
            raise AssertionError(f"the subprotocol became {connection.subprotocol}")
        for message in ["Grüße", b"\x00\xff", "", large, large[::2].hex()]:
            await connection.send(message)
            if await connection.recv() != message:
                raise AssertionError(f"{len(message)} came back as something else")
        # Fragments arrive as one message.
        await connection.send(part for part in ["one ", "by ", "one"])
        if await connection.recv() != "one by one":
            raise AssertionError("a message in fragments came back as something else")
        await (await connection.ping(b"are you there"))
        await connection.close(BYE, "enough")
    if (ended := await echo.closed.get()) != (BYE, "enough"):
        raise AssertionError(f"the server was told {ended}")


async def _closed_by_the_server(echo: Echo, url: str, **how):
    async with connect(url, **how) as connection:
        await connection.send("close")
        await connection.wait_closed()
        ended = connection.close_code, connection.close_reason
    if ended != (BYE_FROM_SERVER, "as you wish"):
        raise AssertionError(f"the client was told {ended}")
    await echo.closed.get()


async def _one_of_many(url: str, number: int, **how):
    async with connect(url, **how) as connection:
        for turn in range(20):
            message = f"{turn} of {number}"
            await connection.send(message)
            if await connection.recv() != message:
                raise AssertionError("messages of several connections were mixed up")


async def _refused_past_the_node(echo: Echo, address: str):
    try:
        async with connect(f"ws://{address}/ws/echo"):
            raise AssertionError("a handshake past the node was accepted")
    except InvalidStatus as answer:
        if answer.response.status_code != HTTPStatus.UNAUTHORIZED or echo.refused != 1:
            raise


async def _not_upgraded(stage: Stage, backend: Backend) -> Row:
    """Where an API does not allow it, the backend gets the request as any other."""
    await asyncio.to_thread(stage.publish, "/no-ws", f"http://{backend.address}")
    before = backend.verified()
    try:
        async with connect(f"ws://{stage.gateway.proxy}/no-ws/echo"):
            raise AssertionError("an API without --websocket was upgraded")
    except InvalidStatus as answer:
        if answer.response.status_code != HTTPStatus.OK:
            raise
    taken = backend.verified() - before
    return Row("websockets", "an API that does not upgrade", 1, taken, "answered as any other")

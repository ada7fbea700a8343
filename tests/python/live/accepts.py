"""Sends the odd requests through the node, and compares what the backend says that it saw."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from live.exchange import Answer, Connection, Request
from live.languages import Server
from live.limits import drops_empty_headers, library_answer
from live.odd import UNSEEN, Odd, odd_requests
from live.tally import Tally


class Node:
    """A node and the APIs of one language on it."""

    def __init__(self, address: str, prefix: str, servers: dict[str, Server]):
        self.address, self.prefix = address, prefix
        # By API, its backend.
        self.servers = servers

    def request(self, api: str, request: Request) -> Request:
        """The request as a client sends it to the node."""
        headers = (("Host", "shop.example"), *request.headers)
        return request.to(f"{self.prefix}/{api}{request.target}", headers)


async def send_odd_requests(language: str, node: Node, tally: Tally):
    """All over one connection, for as long as all goes well."""
    together: list[list[Odd]] = []
    for odd in odd_requests():
        if odd.pipelined:
            together[-1].append(odd)
        else:
            together.append([odd])
    while together:
        async with Connection(node.address) as connection:
            goes_well = True
            while together and goes_well:
                goes_well = await _send(connection, language, node, together.pop(0), tally)


async def _send(
    connection: Connection, language: str, node: Node, several: list[Odd], tally: Tally
) -> bool:
    """Whether the connection is as good as before."""
    try:
        answers = await connection.ask_all([node.request(odd.api, odd.request) for odd in several])
    except (OSError, EOFError, TimeoutError) as failure:
        for odd in several:
            tally.count(shown(odd), f"no answer, {failure!r}")
        return False
    for odd, answer in zip(several, answers, strict=True):
        by_itself = library_answer(language, odd, f"{node.prefix}/{odd.api}{odd.seen}")
        if by_itself is None:
            tally.count(shown(odd), difference(language, node, odd, answer))
        elif answer.status != by_itself:
            tally.fail(shown(odd), f"its library no longer answers {by_itself}: {answer}")
    return all(answer.status == 200 for answer in answers)


def difference(language: str, node: Node, odd: Odd, answer: Answer) -> str | None:
    """What is wrong with the answer, if something is."""
    if answer.status != 200:
        return f"refused: {answer}"
    if odd.request.expects_continue and not answer.was_continued:
        return "the node did not ask for the body"
    if odd.request.method in UNSEEN:
        return None
    if answer.told is None:
        return "the answer is no JSON object"
    expected = {
        "verified": True,
        "key": node.servers[odd.api].key,
        "scheme": "Basic" if odd.api == "basic" else "SDK-HMAC-SHA256",
        "payload_signed": odd.payload_signed,
        "method": odd.request.method,
        "target": f"{node.prefix}/{odd.api}{odd.seen}",
        "body_bytes": len(odd.request.body),
        "body_sha256": hashlib.sha256(odd.request.body).hexdigest(),
    }
    for name, value in expected.items():
        if answer.told.get(name) != value:
            return f"{name} is {answer.told.get(name)!r:.300}, not {value!r:.300}"
    expected = {"host": node.servers[odd.api].address, **_looked_for(odd.request)}
    seen = _joined(answer.told["headers"])
    for name, value in expected.items():
        wanted = None if value == "" and drops_empty_headers(language) else value
        if seen.get(name) != wanted:
            return f"the header {name} is {seen.get(name)!r:.300}, not {wanted!r:.300}"
    return None


def _looked_for(request: Request) -> dict[str, str]:
    """Headers that are for the backend; not text beyond ASCII, which is shown in many ways."""
    return {
        name: value
        for name, value in _joined(request.headers).items()
        if name.startswith("x-") and not name.startswith("x-sdk-") and value.isascii()
    }


def _joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of repeated ones only the values in their order are told, for some interfaces join them."""
    values = defaultdict(list)
    for name, value in headers:
        values[name.lower()].append(value.strip(" \t"))
    return {name: ", ".join(several) for name, several in values.items()}


def shown(odd: Odd) -> str:
    request = odd.request
    body = f", {len(request.body)} bytes {request.framing}" if request.body else ""
    headers = f", {request.headers!r:.100}" if request.headers else ""
    return f"{request.method} {odd.api} {request.target!r:.100}{body}{headers}"

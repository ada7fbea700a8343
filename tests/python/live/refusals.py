"""Sends the tampered requests past the node, and compares the reasons."""

import asyncio

from live.captured import Captured, Tampered
from live.exchange import Answer, Connection
from live.limits import is_as_sent, outcomes
from live.tally import Tally
from live.tampered import tampered_requests

# Connections to one server at a time.
AT_ONCE = 4


async def send_tampered_requests(
    language: str, addresses: tuple[str, str], known: Captured, accepts: Tally, refusals: Tally
):
    """Each over a connection of its own, to the strict server or the lenient one."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(tampered: Tampered):
        async with room:
            problem = await _problem(language, addresses, known, tampered)
        tally = accepts if tampered.reason is None else refusals
        if not is_as_sent(language, tampered):
            tally.count(tampered.says, problem)
        elif problem is not None:
            tally.fail(tampered.says, problem)

    await asyncio.gather(*(one(tampered) for tampered in tampered_requests(known)))


async def _problem(language: str, addresses, known: Captured, tampered: Tampered) -> str | None:
    try:
        async with Connection(addresses[tampered.lenient]) as connection:
            answer = await connection.ask(tampered.request)
    except (OSError, EOFError, TimeoutError) as failure:
        return f"no answer, {failure!r}"
    outcome = _outcome(answer)
    wanted = {"200"} if is_as_sent(language, tampered) else outcomes(language, tampered)
    if outcome not in wanted:
        return f"{answer}, not {' or '.join(sorted(wanted))}"
    told = answer.told or {}
    if known.secret in str(told):
        return "the answer holds the secret"
    if "reason" in told and not (told["verified"] is False and told["message"]):
        return f"not the answer of a refusal: {told}"
    return None


def _outcome(answer: Answer) -> str:
    """`200`, a reason with the status that belongs to it, or what a library answered by itself."""
    reason = (answer.told or {}).get("reason")
    usual = 413 if reason == "BODY_TOO_LARGE" else 401
    return reason if reason is not None and answer.status == usual else str(answer.status)

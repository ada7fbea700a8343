"""One backend of two is killed in the middle of a load, and revived: nothing is lost but what it
may already have taken, and that must not be sent twice.
"""

from collections import Counter

from clients.backend import Backend
from clients.load import CLIENTS, Load, Sent, taken, told
from clients.stage import Stage
from clients.table import Row
from gateway import until

ANSWERS_BETWEEN = 200


def try_failover(stage: Stage, _: Backend) -> list[Row]:
    journal = stage.directory / "failover.journal"
    with Backend(stage.directory, journal) as stays, Backend(stage.directory, journal) as dies:
        backends = f"http://{stays.address} http://{dies.address}"
        stage.publish("/failover", backends, "--retries 2 --body-policy required")
        # The clients send nothing again: here that is the node's part.
        with Load("failover", f"{stage.clear}/failover/echo", again_after=set()) as load:
            load.wait_for_more(ANSWERS_BETWEEN)
            dies.kill()
            load.wait_for_more(ANSWERS_BETWEEN)
            dies.revive()
            until("the revived backend gets requests", lambda: dies.verified() > 0)
            load.wait_for_more(ANSWERS_BETWEEN)
        # Neither had to refuse one.
        stays.verified(), dies.verified()
    times, lost = taken(journal), load.unanswered()
    _check(load, times, lost)
    twice = sum(times[each] > 1 for each in load.sent)
    in_vain = told(Counter(f"{each.method} {each.status}" for each in lost.values()))
    remark = f"lost: {in_vain}; taken by both: {twice}"
    count = len(load.sent) - len(lost)
    verified = sum(times[each] > 0 for each in load.sent if each not in lost)
    return [Row("http.client", "a backend of two killed, revived", count, verified, remark)]


def _check(load: Load, times: Counter, lost: dict[str, Sent]):
    for each, sent in load.sent.items():
        if sent.failures:
            raise AssertionError(f"{each}: the node hung up on its client: {sent}")
        if sent.method == "POST" and times[each] > 1:
            raise AssertionError(f"{each} was taken {times[each]} times, and is no safe request")
    if saved := {each: sent for each, sent in lost.items() if sent.method == "GET"}:
        raise AssertionError(f"a retry would have saved {saved}")
    # Each client waited for one request at most when the backend died.
    if len(lost) > CLIENTS or any(sent.status != 502 for sent in lost.values()):
        raise AssertionError(f"more is lost than was under way: {lost}")

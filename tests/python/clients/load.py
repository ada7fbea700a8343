"""A load of requests that goes on until it is stopped, by clients that try again what was not
answered. Each request has an id of its own, which the backend writes down.
"""

import http.client
import itertools
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from gateway import PATIENCE_SECONDS

CLIENTS = 8
TRIES_MAX = 10
# The connection ended, or was never there, before a byte of an answer: none is under way.
UNANSWERED = (ConnectionError, http.client.RemoteDisconnected)


@dataclass
class Sent:
    method: str
    # The last answer's; none where every try ended without one.
    status: int | None = None
    tries: int = 0
    # By what went wrong before.
    failures: list[str] = field(default_factory=list)


class Load:
    """`with Load(name, url, {503}) as load: …`, and its end when that is left."""

    def __init__(self, name: str, url: str, again_after: set[int], keeps_alive: bool = True):
        # Ids begin with the name.
        self.name, self.keeps_alive = name, keeps_alive
        _, _, self.address, path = url.split("/", 3)
        self.path = f"/{path}"
        # Statuses after which a request is sent again.
        self.again_after = again_after
        self.sent: dict[str, Sent] = {}
        self.numbers = itertools.count()
        self.answered = 0
        self.is_stopped = False
        self.change = threading.Condition()
        self.broken: list[BaseException] = []
        self.threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_stopped = True
        for thread in self.threads:
            thread.join()
        if self.broken:
            raise self.broken[0]

    def wait_for_more(self, answers: int):
        """Waits until so many more were answered than up to now."""
        with self.change:
            wanted = self.answered + answers
            come = self.change.wait_for(
                lambda: self.answered >= wanted or self.broken, PATIENCE_SECONDS
            )
        if not come or self.broken:
            raise AssertionError(f"the load stands still at {self.answered} answers: {self.broken}")

    def failures(self) -> Counter:
        return Counter(failure for sent in self.sent.values() for failure in sent.failures)

    def unanswered(self) -> dict[str, Sent]:
        """Those that did not get 200 in the end."""
        return {id: sent for id, sent in self.sent.items() if sent.status != 200}

    def _client(self):
        host, port = self.address.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_SECONDS)
        try:
            while not self.is_stopped:
                self._request(connection)
                with self.change:
                    self.answered += 1
                    self.change.notify_all()
        except BaseException as failure:
            with self.change:
                self.broken.append(failure)
                self.change.notify_all()
        finally:
            connection.close()

    def _request(self, connection: http.client.HTTPConnection):
        number = next(self.numbers)
        # Every second one is not safe to repeat by itself.
        sent = Sent("POST" if number % 2 else "GET")
        identity = f"{self.name}-{number}"
        self.sent[identity] = sent
        body = b"paid" if sent.method == "POST" else None
        headers = {} if self.keeps_alive else {"Connection": "close"}
        while sent.tries < TRIES_MAX:
            sent.tries += 1
            try:
                connection.request(sent.method, f"{self.path}?id={identity}", body, headers)
                answer = connection.getresponse()
            except UNANSWERED as failure:
                connection.close()
                sent.failures.append(type(failure).__name__)
                continue
            answer.read()
            sent.status = answer.status
            if answer.status not in self.again_after:
                return
            sent.failures.append(str(answer.status))


def taken(journal: Path) -> Counter:
    """How many times the backends took each id."""
    return Counter(line.split()[1] for line in journal.read_text().splitlines())


def told(failures: Counter) -> str:
    return ", ".join(f"{count} × {what}" for what, count in sorted(failures.items())) or "none"

"""How many of how many went as they should."""

import sys


class Tally:
    # Of one language and kind, so that a server that does nothing right stays readable.
    SHOWN_MAX = 12

    def __init__(self, language: str):
        self.language = language
        self.tried = self.good = 0
        self.failures = 0

    def count(self, says: str, problem: str | None):
        """Counts one; where there is a problem it is told on standard error."""
        self.tried += 1
        if problem is None:
            self.good += 1
        else:
            self.fail(says, problem)

    def fail(self, says: str, problem: str):
        """Something went wrong that is not one of those that are counted."""
        self.failures += 1
        if self.failures <= self.SHOWN_MAX:
            print(f"{self.language}: {says}: {problem}", file=sys.stderr)

    def is_full(self) -> bool:
        return self.good == self.tried > 0 and self.failures == 0

    def __str__(self) -> str:
        return f"{self.good}/{self.tried}"

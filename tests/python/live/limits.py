"""What the libraries that the sample servers stand on answer by themselves or cannot tell, as the
READMEs of their languages have it. By rule: everything that is in no rule must be as in all others.
"""

from collections.abc import Callable

from live.captured import Tampered
from live.odd import Odd

LINE_BYTES_MAX_HTTPLIB = 8192


def _has_long_line(odd: Odd, _target: str) -> bool:
    lines = (f"{name}: {value}" for name, value in odd.request.headers)
    return any(len(line) > LINE_BYTES_MAX_HTTPLIB for line in lines)


# Of what the node lets through, what a library answers by itself, and the status. These requests
# are not among the accepted ones of the language, but it must still be so.
ANSWERED_BY_LIBRARY: dict[str, list[tuple[Callable[[Odd, str], bool], int]]] = {
    "cpp": [
        (lambda odd, target: len(target) > LINE_BYTES_MAX_HTTPLIB, 414),
        (lambda odd, target: target.count("?") > 1, 400),
        (_has_long_line, 400),
    ],
}

DROPS_EMPTY_HEADERS = {"cpp"}

# Of the tampered ones, what comes in place of the contract's reason.
REFUSED_OTHERWISE: dict[str, dict[str, set[str]]] = {
    # net/http says 400 before any handler.
    "go": {"no host": {"400"}, "repeated host": {"400"}},
    # PHP's own server joins repeated headers.
    "php": {
        "repeated host": {"SIGNATURE_MISMATCH"},
        "repeated header": {"SIGNATURE_MISMATCH", "DATE_MALFORMED", "MALFORMED_AUTHORIZATION"},
    },
    "cpp": {"empty header": {"MISSING_AUTHORIZATION"}},
}


def library_answer(language: str, odd: Odd, target: str) -> int | None:
    """The status that the language's library must answer by itself; none where it passes it on."""
    for applies, status in ANSWERED_BY_LIBRARY.get(language, []):
        if applies(odd, target):
            return status
    return None


def drops_empty_headers(language: str) -> bool:
    """Whether a header without a value is seen by nobody behind the language's library."""
    return language in DROPS_EMPTY_HEADERS


def is_as_sent(language: str, tampered: Tampered) -> bool:
    """Whether the language cannot see that the request was changed, nor can anybody behind it."""
    return tampered.rule == "one more, empty" and drops_empty_headers(language)


def outcomes(language: str, tampered: Tampered) -> set[str]:
    """How a tampered request may end: `200`, a reason, or the status of a library."""
    otherwise = REFUSED_OTHERWISE.get(language, {}).get(tampered.rule or "")
    return otherwise or {tampered.reason or "200"}

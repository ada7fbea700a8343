"""A request as it arrived, and what a verifier insists on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

Text = Union[str, bytes]

#: What counts as white space in a header; ``bytes.strip()`` would take vertical tabs too.
WHITE_SPACE = b" \t\n\f\r"


@dataclass(frozen=True)
class Request:
    """A request as it arrived. Text stands for bytes, as HTTP libraries decode them (ISO-8859-1).

    ``target`` is path and query with nothing decoded; ``headers`` are pairs, repeated ones
    repeated; ``body`` is bytes, or anything with ``read(size)``.
    """

    method: str
    target: Text
    headers: Iterable[Tuple[Text, Text]]
    body: Any = b""


@dataclass(frozen=True)
class Options:
    """What a verifier insists on; ``verifiers/README.md`` explains each."""

    signature_header: str = "authorization"
    clock_skew_seconds_max: int = 900
    required_headers: Sequence[str] = ()
    unsigned_payload_allowed: bool = False
    body_bytes_max: int = 12 * 1024 * 1024
    #: ``guard(key, signature, expires_at)`` says whether the signature is new.
    replay_guard: Optional[Callable[[str, str, int], Any]] = None


Headers = Mapping[bytes, List[bytes]]


def by_name(headers: Iterable[Tuple[Text, Text]]) -> Headers:
    """All values of each header, by its name in lower case."""
    found: Dict[bytes, List[bytes]] = {}
    for name, value in headers:
        found.setdefault(as_bytes(name).lower(), []).append(as_bytes(value))
    return found


def as_bytes(text: Text) -> bytes:
    """The bytes that a server decoded, by ISO-8859-1 or else by UTF-8."""
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")

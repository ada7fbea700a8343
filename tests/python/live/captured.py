"""Signed requests as a backend saw them, and what one of them becomes when it is tampered with."""

from dataclasses import dataclass, replace

from apigateway_sdk_python import signer

from live.exchange import Answer, Request

GET = Request("GET", "/orders/a%20b?b=2&a=1&a=3&empty=&plus=1%2B2", (("Accept", "text/plain"),))
POST = Request("POST", "/orders?id=7", (("Content-Type", "application/json"),), b'{"amount": 100}')
# What is sent to which API; the answers tell what the node signed.
TO_TAMPER_WITH = (("normal", GET), ("normal", POST), ("unsigned", POST))

FRAMING = ("content-length", "transfer-encoding", "connection")
MALFORMED, MISMATCH = "MALFORMED_AUTHORIZATION", "SIGNATURE_MISMATCH"


@dataclass(frozen=True)
class Captured:
    """Requests as a backend verified them."""

    key: str
    secret: str
    get: Request
    post: Request
    # Signed as `UNSIGNED-PAYLOAD`.
    unsigned: Request


@dataclass(frozen=True)
class Tampered:
    says: str
    request: Request
    # The contract's; none: it is to be accepted, for nothing that is signed was changed.
    reason: str | None
    # To the server that allows unsigned payloads, instead of the one that does not.
    lenient: bool = False
    # Under this name `limits.py` knows what some servers' libraries make of it.
    rule: str | None = None


def captured(sent: Request, answer: Answer) -> Request:
    """The request as the backend saw it, which is what the node signed."""
    told = answer.told or {}
    if answer.status != 200 or told.get("verified") is not True:
        raise AssertionError(f"what was to be tampered with is refused itself: {answer}")
    headers = tuple((name, value) for name, value in told["headers"] if name.lower() not in FRAMING)
    return replace(sent, target=told["target"], headers=headers)


def sign(known: Captured, method: str, target: str, body: bytes, headers=None) -> Request:
    """Signed by the public signer."""
    host = known.get.header("host")
    made = signer.HttpRequest(method, f"http://{host}{target}", headers or {})
    made.body = body
    public = signer.Signer()
    public.Key, public.Secret = known.key, known.secret
    public.Sign(made)
    pairs = tuple((name, value) for name, value in made.headers.items() if name not in FRAMING)
    return Request(method, target, pairs, body, framing="length" if body else "usual")


def swapped(text: str, old: str, new: str) -> str:
    if old not in text:
        raise AssertionError(f"{old!r} is not in {text!r}: nothing would be changed")
    return text.replace(old, new, 1)

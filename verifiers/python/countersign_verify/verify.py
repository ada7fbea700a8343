"""The verifier: whether a request that arrived is the one that was signed, and if not, why."""

from __future__ import annotations

import enum
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, List, Optional, Tuple, Union

from .canonical import canonical_request, string_to_sign
from .claim import BasicClaim, HmacClaim, parse_claim, parse_date
from .refused import Reason, Refused
from .request import WHITE_SPACE, Options, Request, as_bytes, by_name

DATE_HEADER = "x-sdk-date"
CONTENT_HEADER = "x-sdk-content-sha256"
UNSIGNED_PAYLOAD = b"UNSIGNED-PAYLOAD"


class Scheme(str, enum.Enum):
    """The two ways to sign. A key is good for one of them."""

    HMAC = "SDK-HMAC-SHA256"
    BASIC = "Basic"


#: The secrets of a key: several while one replaces another, none where it is unknown.
Secrets = Union[None, str, bytes, Iterable[Union[str, bytes]]]
Lookup = Callable[[Scheme, str], Secrets]


@dataclass(frozen=True)
class Verified:
    """Who signed a request."""

    key: str
    scheme: Scheme
    #: Whether the signature covers the body; never for Basic.
    payload_signed: bool
    #: The body where it was read to be hashed; None where it was left in its stream.
    body: Optional[bytes] = field(default=None, repr=False, compare=False)


def verify(
    request: Request, lookup: Lookup, options: Options = Options(), *, now: Optional[float] = None
) -> Verified:
    """Says who signed the request, or raises :class:`Refused` with the one reason why not.

    A stream is read only if its bytes are needed and all else is right; what was read is the
    ``body`` of the result. ``now`` is in Unix seconds, by default the system's.
    """
    verification = Verification(request, options, now)
    verification.use(lookup(verification.scheme, verification.key))
    body = None
    if verification.needs_body:
        body = request.body
        if not isinstance(body, (bytes, bytearray, memoryview)):
            body = read_body(body, options.body_bytes_max)
        body = bytes(body)
    verified = verification.finish(body)
    if verification.replay is not None and options.replay_guard is not None:
        verification.check_replay(options.replay_guard(*verification.replay))
    return verified


def read_body(stream: Any, bytes_max: int) -> bytes:
    """Reads to the end, or one byte further than the limit."""
    pieces: List[bytes] = []
    room = bytes_max + 1
    while room > 0:
        piece = stream.read(min(room, 65_536))
        if not piece:
            break
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)


class Verification:
    """The verification of one request in steps, between which the caller does the I/O.

    1. the constructor reads the signature header; ``scheme`` and ``key`` say whose secrets to find
    2. :meth:`use` takes them and looks at all that needs no body
    3. :meth:`finish` takes the body if ``needs_body``, else None, and compares
    4. ``replay``, where it is not None, is what to ask a replay guard; :meth:`check_replay` takes
       the answer
    """

    def __init__(self, request: Request, options: Options, now: Optional[float] = None) -> None:
        self._request = request
        self._options = options
        self._now = int(time.time() if now is None else now)
        self._headers = by_name(request.headers)
        self._claim = self._read_claim()
        self._secrets: List[bytes] = []
        self._signed: List[Tuple[str, bytes]] = []
        self._date = b""
        self._expires_at = 0
        self._sent_payload: Optional[bytes] = None
        self.key = self._claim.key
        self.scheme = Scheme.BASIC if isinstance(self._claim, BasicClaim) else Scheme.HMAC
        self.needs_body = False
        self.replay: Optional[Tuple[str, str, int]] = None

    def use(self, secrets: Secrets) -> None:
        """Takes the secrets of the key, and refuses what can be refused without the body."""
        if secrets is None or isinstance(secrets, (str, bytes)):
            secrets = [secrets or b""]
        found = (text.encode() if isinstance(text, str) else text for text in secrets)
        # An empty secret, from a variable that is not set, would let everybody in.
        self._secrets = [secret for secret in found if secret]
        if not self._secrets:
            raise Refused(
                Reason.UNKNOWN_KEY, "the verifier knows no secret for the key that the request names"
            )
        if isinstance(self._claim, HmacClaim):
            self._read_signed_headers(self._claim)
            self._check_date()
            self._read_payload()

    def finish(self, body: Optional[bytes]) -> Verified:
        """Compares the signature, and the body with its hash."""
        if isinstance(self._claim, BasicClaim):
            return self._finish_basic(self._claim)
        if self.needs_body and body is None:
            raise TypeError("the body is needed: nobody may handle what was not verified")
        if body is not None and len(body) > self._options.body_bytes_max:
            raise too_large(self._options.body_bytes_max)
        return self._finish_hmac(self._claim, body)

    def check_replay(self, is_new: Any) -> None:
        """Takes the answer of a replay guard."""
        if not is_new:
            raise Refused(Reason.REPLAYED, "the signature was used before")

    def _read_claim(self) -> Union[HmacClaim, BasicClaim]:
        name = self._options.signature_header.lower()
        values = self._headers.get(name.encode(), [])
        if not values:
            raise Refused(
                Reason.MISSING_AUTHORIZATION,
                f"the request has no {name} header; only requests through the gateway are accepted",
            )
        claim = parse_claim(values[0]) if len(values) == 1 else None
        if claim is None:
            raise Refused(
                Reason.MALFORMED_AUTHORIZATION,
                f"the {name} header is sent twice, or is neither `SDK-HMAC-SHA256 Access=…, "
                "SignedHeaders=…, Signature=…` nor `Basic …`",
            )
        return claim

    def _read_signed_headers(self, claim: HmacClaim) -> None:
        for name in claim.signed_headers:
            values = self._headers.get(name.encode(), [])
            if len(values) > 1:
                raise _repeated(name)
            if values:
                self._signed.append((name, values[0]))
            elif name != DATE_HEADER:  # whose absence has a reason of its own
                raise Refused(
                    Reason.SIGNED_HEADER_MISSING,
                    f"the header `{name}` is among the signed headers, but the request does not "
                    "carry it",
                )
        for name in ("host", *self._options.required_headers):
            if name.lower() not in claim.signed_headers:
                raise Refused(
                    Reason.SIGNED_HEADER_MISSING,
                    f"the header `{name}` must be signed, but the signed headers do not name it",
                )

    def _check_date(self) -> None:
        value = dict(self._signed).get(DATE_HEADER)
        if value is None:
            raise Refused(
                Reason.DATE_MISSING_OR_UNSIGNED,
                f"the request carries no `{DATE_HEADER}`, or does not sign it",
            )
        self._date = value.strip(WHITE_SPACE)
        signed_at = parse_date(self._date)
        if signed_at is None:
            raise Refused(
                Reason.DATE_MALFORMED,
                f"the `{DATE_HEADER}` is no moment in the form YYYYMMDDTHHMMSSZ",
            )
        seconds = abs(signed_at - self._now)
        seconds_max = self._options.clock_skew_seconds_max
        if seconds > seconds_max:
            side = "ahead of this clock" if signed_at > self._now else "ago"
            raise Refused(
                Reason.CLOCK_SKEW,
                f"the request was signed {seconds} s {side}, more than the {seconds_max} s allowed; "
                "compare the clocks",
            )
        self._expires_at = signed_at + seconds_max

    def _read_payload(self) -> None:
        values = self._headers.get(CONTENT_HEADER.encode(), [])
        if len(values) > 1:
            raise _repeated(CONTENT_HEADER)
        self._sent_payload = values[0].strip(WHITE_SPACE) if values else None
        self.needs_body = self._sent_payload != UNSIGNED_PAYLOAD
        if not self.needs_body and not self._options.unsigned_payload_allowed:
            raise Refused(
                Reason.UNSIGNED_PAYLOAD,
                "the signature does not cover the body, and this verifier asks that it does",
            )

    def _finish_basic(self, claim: BasicClaim) -> Verified:
        if not self._matches(lambda secret: secret, claim.password):
            raise _mismatch("the secret differs")
        return Verified(claim.key, Scheme.BASIC, payload_signed=False)

    def _finish_hmac(self, claim: HmacClaim, body: Optional[bytes]) -> Verified:
        body_hash = hashlib.sha256(body or b"").hexdigest().encode()
        payload = body_hash if self._sent_payload is None else self._sent_payload
        target = as_bytes(self._request.target)
        canonical = canonical_request(self._request.method, target, self._signed, payload)
        text = string_to_sign(self._date, canonical)

        def signature_of(secret: bytes) -> bytes:
            return hmac.new(secret, text, hashlib.sha256).digest()

        if not self._matches(signature_of, bytes.fromhex(claim.signature)):
            raise _mismatch(
                "the secret differs, or the method, path, query, a signed header or the body was "
                "changed on the way"
            )
        if self.needs_body and payload.lower() != body_hash:
            raise Refused(
                Reason.BODY_MISMATCH,
                f"the body is not the one whose hash `{CONTENT_HEADER}` carries",
            )
        self.replay = (claim.key, claim.signature, self._expires_at)
        return Verified(claim.key, Scheme.HMAC, self.needs_body, body)

    def _matches(self, signature_of: Callable[[bytes], bytes], sent: bytes) -> bool:
        return any(hmac.compare_digest(signature_of(secret), sent) for secret in self._secrets)


def too_large(bytes_max: int) -> Refused:
    return Refused(Reason.BODY_TOO_LARGE, f"the body is larger than {bytes_max} bytes")


def _repeated(name: str) -> Refused:
    return Refused(
        Reason.SIGNED_HEADER_REPEATED,
        f"the header `{name}` is sent twice, so it cannot be told which one was signed",
    )


def _mismatch(why: str) -> Refused:
    return Refused(Reason.SIGNATURE_MISMATCH, f"the signature does not fit the request: {why}")

"""Why a request is refused, with names that scripts may rely on.

Never carries a secret, nor the signature that would have been right.
"""

from __future__ import annotations

import enum
import json


class Reason(str, enum.Enum):
    """The reasons, in the order in which they are looked for."""

    MISSING_AUTHORIZATION = "MISSING_AUTHORIZATION"
    MALFORMED_AUTHORIZATION = "MALFORMED_AUTHORIZATION"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    SIGNED_HEADER_MISSING = "SIGNED_HEADER_MISSING"
    SIGNED_HEADER_REPEATED = "SIGNED_HEADER_REPEATED"
    DATE_MISSING_OR_UNSIGNED = "DATE_MISSING_OR_UNSIGNED"
    DATE_MALFORMED = "DATE_MALFORMED"
    CLOCK_SKEW = "CLOCK_SKEW"
    UNSIGNED_PAYLOAD = "UNSIGNED_PAYLOAD"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    SIGNATURE_MISMATCH = "SIGNATURE_MISMATCH"
    BODY_MISMATCH = "BODY_MISMATCH"
    REPLAYED = "REPLAYED"


class Refused(Exception):
    """The request is not to be trusted, for exactly one ``reason``."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason.value}: {message}")
        self.reason = reason
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status to answer with."""
        return 413 if self.reason is Reason.BODY_TOO_LARGE else 401

    def to_json(self) -> bytes:
        """The body to answer with."""
        answer = {"verified": False, "reason": self.reason.value, "message": self.message}
        return json.dumps(answer, indent=2).encode() + b"\n"

"""The signature header and the date, read strictly. Never decides whether what they say is true."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import date as civil_date
from typing import List, Optional, Union

from .canonical import ALGORITHM
from .request import WHITE_SPACE

_SCHEME = re.compile(r"([^ \t]*)[ \t][ \t\n\f\r]*(.*)", re.DOTALL)
_FIELDS = re.compile(r"Access=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})")
_NAME = re.compile(r"[a-z0-9!#$%&'*+\-.^_`|~]+")
_DATE = re.compile(rb"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")


@dataclass(frozen=True)
class HmacClaim:
    """``SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…``"""

    key: str
    signed_headers: List[str]
    signature: str


@dataclass(frozen=True)
class BasicClaim:
    """``Basic base64(key:secret)``"""

    key: str
    password: bytes = field(repr=False)


def parse_claim(value: bytes) -> Optional[Union[HmacClaim, BasicClaim]]:
    """Reads a signature header in one of its two forms; anything else is none."""
    try:
        text = value.strip(WHITE_SPACE).decode("utf-8")
    except UnicodeDecodeError:
        return None
    parts = _SCHEME.fullmatch(text)
    if parts is None:
        return None
    scheme, rest = parts.groups()
    if scheme == ALGORITHM:
        return _parse_hmac(rest)
    if scheme.lower() == "basic":
        return _parse_basic(rest)
    return None


def parse_date(value: bytes) -> Optional[int]:
    """The Unix seconds of ``YYYYMMDDTHHMMSSZ``, where there is such a moment."""
    parts = _DATE.fullmatch(value)
    if parts is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in parts.groups())
    if hour > 23 or minute > 59 or second > 59:
        return None
    try:
        # Python has no year 0; 2000 is as long, and 5 × 146097 days later.
        days = civil_date(year or 2000, month, day).toordinal() - (0 if year else 5 * 146_097)
    except ValueError:
        return None
    return (days - _EPOCH) * 86_400 + hour * 3_600 + minute * 60 + second


_EPOCH = civil_date(1970, 1, 1).toordinal()


def _parse_hmac(text: str) -> Optional[HmacClaim]:
    fields = _FIELDS.fullmatch(text)
    if fields is None:
        return None
    key, names, signature = fields.groups()
    signed_headers = names.split(";")
    if not all(_NAME.fullmatch(name) for name in signed_headers):
        return None
    if any(before >= after for before, after in zip(signed_headers, signed_headers[1:])):
        return None
    return HmacClaim(key, signed_headers, signature)


def _parse_basic(text: str) -> Optional[BasicClaim]:
    try:
        credentials = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Python forgives stray bits and padding; what is written again has none.
    if base64.b64encode(credentials).decode() != text or b":" not in credentials:
        return None
    key, _, password = credentials.partition(b":")
    try:
        return BasicClaim(key.decode("utf-8"), password)
    except UnicodeDecodeError:
        return None

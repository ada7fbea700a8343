"""Each way of changing who a request says that it comes from."""

import base64
from collections.abc import Iterator
from dataclasses import replace

from live.captured import MALFORMED, MISMATCH, Captured, Tampered, sign, swapped
from live.exchange import Request


def tampered_authorizations(known: Captured) -> Iterator[Tampered]:
    yield from _header(known)
    yield from _fields(known)
    yield from _basic(known)


def _header(known: Captured) -> Iterator[Tampered]:
    """The header as a whole."""
    get = known.get
    signed = get.header("authorization")
    none = get.without_header("authorization")
    yield Tampered("no Authorization", none, "MISSING_AUTHORIZATION")
    post = known.post.without_header("authorization")
    yield Tampered("a POST without Authorization", post, "MISSING_AUTHORIZATION")
    scheme, access, names, signature = signed.replace(",", "").split(" ")
    for says, value in (
        ("empty", ""),
        ("cut off", signed[:40]),
        ("without a signature", f"{scheme} {access}, {names}"),
        ("of another scheme", signed.replace("SHA256", "SHA512")),
        ("in lower case", signed.lower()),
        ("a bearer token", "Bearer " + signed.split("Signature=")[1]),
        ("with more at its end", signed + ", More=1"),
        ("in another order", f"{scheme} {signature}, {names}, {access}"),
        ("with a comma after the scheme", signed.replace(f"{scheme} ", f"{scheme}, ")),
        ("without spaces", signed.replace(" ", "")),
        ("twice in one", f"{signed}, {signed}"),
    ):
        changed = none.and_header("Authorization", value)
        rule = None if value else "empty header"
        yield Tampered(f"Authorization {says}", changed, MALFORMED, rule=rule)
    for says, value, rule in (
        ("the same", signed, "repeated header"),
        ("a bearer token", "Bearer 1", "repeated header"),
        ("nothing", "", "one more, empty"),
    ):
        twice = get.and_header("Authorization", value)
        yield Tampered(f"Authorization twice, then {says}", twice, MALFORMED, rule=rule)


def _fields(known: Captured) -> Iterator[Tampered]:
    """The parts of the header."""
    get, key = known.get, known.key
    signed = get.header("authorization")
    signature = signed.split("Signature=")[1]
    other = known.post.header("authorization").split("Signature=")[1]
    names = "SignedHeaders=host;x-sdk-date"
    flipped = ("0" if signature[0] != "0" else "1") + signature[1:]
    for says, old, new, reason in (
        ("another key", key, key + "2", "UNKNOWN_KEY"),
        ("the key in upper case", key, key.upper(), "UNKNOWN_KEY"),
        ("the key with a space", f"Access={key}", f"Access={key} ", "UNKNOWN_KEY"),
        ("no key", f"Access={key}", "Access=", MALFORMED),
        ("the date unsigned", names, "SignedHeaders=host", "DATE_MISSING_OR_UNSIGNED"),
        ("the host unsigned", names, "SignedHeaders=x-sdk-date", "SIGNED_HEADER_MISSING"),
        ("one more signed", names, "SignedHeaders=accept;host;x-sdk-date", MISMATCH),
        ("a signed one that is not there", names, names + ";x-zero", "SIGNED_HEADER_MISSING"),
        ("names not in order", names, "SignedHeaders=x-sdk-date;host", MALFORMED),
        ("names in upper case", names, "SignedHeaders=Host;X-Sdk-Date", MALFORMED),
        ("a name twice", names, "SignedHeaders=host;host;x-sdk-date", MALFORMED),
        ("an empty name", names, "SignedHeaders=host;;x-sdk-date", MALFORMED),
        ("no names", names, "SignedHeaders=", MALFORMED),
        ("names with commas", names, "SignedHeaders=host,x-sdk-date", MALFORMED),
        ("a truncated signature", signature, signature[:-1], MALFORMED),
        ("half a signature", signature, signature[:32], MALFORMED),
        ("no signature", signature, "", MALFORMED),
        ("a longer signature", signature, signature + "0", MALFORMED),
        ("a signature in upper case", signature, signature.upper(), MALFORMED),
        ("a signature that is not hex", signature, "g" + signature[1:], MALFORMED),
        ("a signature with another digit", signature, flipped, MISMATCH),
        ("another request's signature", signature, other, MISMATCH),
        ("a signature of zeros", signature, "0" * 64, MISMATCH),
    ):
        changed = get.with_header("authorization", swapped(signed, old, new))
        yield Tampered(says, changed, reason)
    wrong = ("another", known.secret + "\n", known.secret.lower(), "")
    for secret in wrong:
        signed_wrongly = sign(replace(known, secret=secret), "GET", "/wrong", b"")
        yield Tampered(f"signed with the secret {secret!r:.12}", signed_wrongly, MISMATCH)


def _basic(known: Captured) -> Iterator[Tampered]:
    key, secret = known.key, known.secret

    def request(value: str) -> Request:
        headers = (("Host", known.get.header("host")), ("Authorization", value))
        return Request("POST", "/basic", headers, b"{}")

    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    good = encoded(f"{key}:{secret}")
    yield Tampered("Basic as it should be", request(f"Basic {good}"), None)
    yield Tampered("basic in lower case", request(f"basic {good}"), None)
    for says, value, reason in (
        ("a wrong password", "Basic " + encoded(f"{key}:{secret}!"), MISMATCH),
        ("the password with a line end", "Basic " + encoded(f"{key}:{secret}\n"), MISMATCH),
        ("the password in lower case", "Basic " + encoded(f"{key}:{secret.lower()}"), MISMATCH),
        ("no password", "Basic " + encoded(f"{key}:"), MISMATCH),
        ("another user", "Basic " + encoded(f"other:{secret}"), "UNKNOWN_KEY"),
        ("no user", "Basic " + encoded(f":{secret}"), "UNKNOWN_KEY"),
        ("no colon", "Basic " + encoded(key + secret), MALFORMED),
        ("no credentials", "Basic", MALFORMED),
        ("credentials as text", f"Basic {key}:{secret}", MALFORMED),
        ("base64 with more at its end", f"Basic {good}!", MALFORMED),
        ("base64 without its first letter", f"Basic {good[1:]}", MALFORMED),
    ):
        yield Tampered(f"Basic: {says}", request(value), reason)

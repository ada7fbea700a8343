"""Signed requests, taken from what a backend saw of them, and each changed in one way.

They go past the node, directly to the backend, which must say why it refuses each of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from live.captured import MISMATCH, Captured, Tampered, sign, swapped
from live.tampered_authorization import tampered_authorizations

DATE_FORM = "%Y%m%dT%H%M%SZ"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
BODY_BYTES_MAX = 12 * 1024 * 1024


def tampered_requests(known: Captured) -> list[Tampered]:
    """Each way of changing a signed request, and what says that nothing was changed."""
    return [
        *_untouched(known),
        *_request_line(known),
        *_hosts_and_dates(known),
        *_bodies(known),
        *_payload_headers(known),
        *tampered_authorizations(known),
    ]


def _untouched(known: Captured) -> Iterator[Tampered]:
    """A verifier that refuses everything is none."""
    yield Tampered("the GET as it was", known.get, None)
    yield Tampered("the POST as it was", known.post, None)
    yield Tampered("the unsigned one as it was", known.unsigned, None, lenient=True)
    chunked = replace(known.post, framing="chunked", chunk_bytes=4)
    yield Tampered("the POST in chunks", chunked, None)
    reordered = replace(known.get, target=swapped(known.get.target, "b=2&a=1", "a=1&b=2"))
    yield Tampered("parameters in another order", reordered, None)
    unsigned_header = known.get.and_header("X-Other", "1")
    yield Tampered("a header that is not signed", unsigned_header, None)
    hashed = known.get.and_header("X-Sdk-Content-Sha256", EMPTY_SHA256)
    yield Tampered("the body's hash told as well", hashed, None)


def _request_line(known: Captured) -> Iterator[Tampered]:
    get, post = known.get, known.post
    yield Tampered("GET as DELETE", replace(get, method="DELETE"), MISMATCH)
    yield Tampered("GET as OPTIONS", replace(get, method="OPTIONS"), MISMATCH)
    yield Tampered("POST as PUT", replace(post, method="PUT"), MISMATCH)
    yield Tampered("POST as PATCH", replace(post, method="PATCH"), MISMATCH)
    for old, new in (
        ("/orders/", "/refunds/"),
        ("/orders/", "/orders/x/"),
        ("/orders/", "/"),
        ("/orders/", "//orders/"),
        ("/orders/", "/./orders/"),
        ("/orders/", "/Orders/"),
        ("a%20b", "a%2520b"),
        ("a%20b", "a+b"),
        ("b=2", "b=3"),
        ("b=2", "c=2"),
        ("b=2", "B=2"),
        ("b=2&", ""),
        ("b=2&", "b=2&b=2&"),
        ("b=2", "b=%32%20"),
        ("b=2&a=1", "b=1&a=2"),
        ("a=1&a=3", "a=1%26a=3"),
        ("a=1&a=3", "a=1"),
        ("a=1", "a==1"),
        ("empty=", "empty=0"),
        ("empty=&", ""),
        ("1%2B2", "1%202"),
        ("1%2B2", "1%252B2"),
        ("?", "%3F"),
        ("?", "?&admin&"),
    ):
        changed = replace(get, target=swapped(get.target, old, new))
        yield Tampered(f"{old} as {new or 'nothing'} in the target", changed, MISMATCH)
    without = replace(get, target=get.target.split("?")[0])
    yield Tampered("the target without its query", without, MISMATCH)


def _hosts_and_dates(known: Captured) -> Iterator[Tampered]:
    get = known.get
    host, date = get.header("host"), get.header("x-sdk-date")
    other_host = get.with_header("host", "other.example")
    yield Tampered("another host", other_host, MISMATCH)
    portless = get.with_header("host", host.split(":")[0])
    yield Tampered("the host without its port", portless, MISMATCH)
    yield Tampered("no host", get.without_header("host"), "SIGNED_HEADER_MISSING", rule="no host")
    old = replace(get.without_header("host"), version="HTTP/1.0")
    yield Tampered("no host, in HTTP/1.0", old, "SIGNED_HEADER_MISSING")
    for first, second in ((host, host), (host, "other.example"), ("other.example", host)):
        twice = get.with_header("host", first).and_header("Host", second)
        says = f"two hosts, {'the same' if first == second else 'one of them changed'}"
        yield Tampered(says, twice, "SIGNED_HEADER_REPEATED", rule="repeated host")

    moment = datetime.strptime(date, DATE_FORM)
    for says, by, reason in (
        ("a second later", timedelta(seconds=1), MISMATCH),
        ("sixteen minutes ago", timedelta(minutes=-16), "CLOCK_SKEW"),
        ("in seventeen minutes", timedelta(minutes=17), "CLOCK_SKEW"),
        ("a day ago", timedelta(days=-1), "CLOCK_SKEW"),
        ("in a hundred years", timedelta(days=36_525), "CLOCK_SKEW"),
    ):
        changed = get.with_header("x-sdk-date", (moment + by).strftime(DATE_FORM))
        yield Tampered(f"the date {says}", changed, reason)
    for form in (
        "%Y-%m-%dT%H:%M:%SZ",
        "%a, %d %b %Y %H:%M:%S GMT",
        "%Y%m%dT%H%M%S",
        "%Y%m%dt%H%M%Sz",
        "%Y1332T%H%M%SZ",
        "%Y%m%dT%H%M%S+0000",
        "now",
    ):
        changed = get.with_header("x-sdk-date", moment.strftime(form))
        yield Tampered(f"a date like {moment.strftime(form)}", changed, "DATE_MALFORMED")
    yield Tampered("no date", get.without_header("x-sdk-date"), "DATE_MISSING_OR_UNSIGNED")
    twice = get.and_header("X-Sdk-Date", date)
    yield Tampered("the date twice", twice, "SIGNED_HEADER_REPEATED", rule="repeated header")
    other = get.and_header("X-Sdk-Date", "20000101T000000Z")
    yield Tampered("two dates", other, "SIGNED_HEADER_REPEATED", rule="repeated header")


def _bodies(known: Captured) -> Iterator[Tampered]:
    post = known.post
    for says, body in (
        ("changed", post.body.replace(b"100", b"900")),
        ("cut", post.body[:-1]),
        ("longer", post.body + b"\n"),
        ("missing", b""),
        ("written otherwise", post.body.replace(b" ", b"")),
        ("another", bytes(1024 * 1024)),
    ):
        changed = replace(post, body=body, framing="length")
        yield Tampered(f"the body {says}", changed, MISMATCH)
        yield Tampered(f"the body {says}, in chunks", replace(changed, framing="chunked"), MISMATCH)
    waits = replace(post, body=post.body + b"!", expects_continue=True)
    yield Tampered("the body changed, after 100-continue", waits, MISMATCH)
    yield Tampered("a GET with a body", replace(known.get, body=b"body"), MISMATCH)
    large = replace(post, body=bytes(BODY_BYTES_MAX + 1), expects_continue=True)
    yield Tampered("a body over the limit", large, "BODY_TOO_LARGE")


def _payload_headers(known: Captured) -> Iterator[Tampered]:
    name, unsigned = "X-Sdk-Content-Sha256", known.unsigned
    marked = known.post.and_header(name, "UNSIGNED-PAYLOAD")
    yield Tampered("marked as unsigned", marked, "UNSIGNED_PAYLOAD")
    yield Tampered("marked as unsigned, where it is allowed", marked, MISMATCH, lenient=True)
    yield Tampered("an unsigned one", unsigned, "UNSIGNED_PAYLOAD")
    elsewhere = replace(unsigned, target=unsigned.target + "/x")
    yield Tampered("an unsigned one, elsewhere", elsewhere, MISMATCH, lenient=True)
    bare = unsigned.without_header(name)
    yield Tampered("an unsigned one without the mark", bare, "SIGNED_HEADER_MISSING", lenient=True)
    other = unsigned.with_header(name, "unsigned-payload")
    yield Tampered("an unsigned one in lower case", other, MISMATCH, lenient=True)
    twice = unsigned.and_header(name, "UNSIGNED-PAYLOAD")
    yield Tampered(
        "the mark twice", twice, "SIGNED_HEADER_REPEATED", lenient=True, rule="repeated header"
    )
    hashed = known.post.and_header(name, EMPTY_SHA256)
    yield Tampered("the hash of another body", hashed, MISMATCH)
    hashed = sign(known, "POST", "/body", b"signed", {name: EMPTY_SHA256})
    yield Tampered("signed with the hash of another body", hashed, "BODY_MISMATCH")

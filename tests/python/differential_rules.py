"""Where a public signer is known to sign otherwise than docs/signing.md says: by rule.

A rule looks at the request alone. The test holds it to both directions: a signer differs exactly
where one of its rules applies, and each rule is at least once the only one that does.
docs/signing.md, "Where the public signers differ", tells each rule by its name.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from differential_signers import (
    CONTENT_HEADER,
    ApigatewaySdkPython,
    HuaweicloudSdkCore,
    Huaweicloudsdkcore,
    Signed,
)

# What Node's `url.parse` escapes in a path, of what can stand in one unescaped.
ESCAPED_BY_URL_PARSE = frozenset("\"'<>^`{|}")


@dataclass(frozen=True)
class Rule:
    name: str
    # What in the signer's source makes it so.
    why: str
    applies: Callable[[Signed], bool]


def _path_is_not_utf8(request: Signed) -> bool:
    return not _is_utf8(request.path)


def _query_is_not_utf8(request: Signed) -> bool:
    # A parameter without a name is not signed, or a matter of its own rule.
    named = (part for part in request.query.split("&") if not part.startswith("="))
    return not all(_is_utf8(part) for part in named)


def _parameter_without_name(request: Signed) -> bool:
    return any(name == "" for name, _ in request.parameters)


def _unsigned_empty_body(request: Signed) -> bool:
    return CONTENT_HEADER in request.headers and not request.body


def _escape_in_path(request: Signed) -> bool:
    return "%" in request.path


def _quote_or_brace_in_path(request: Signed) -> bool:
    return not ESCAPED_BY_URL_PARSE.isdisjoint(request.path)


def _order_by_utf16(request: Signed) -> bool:
    def by_utf16(parameter: tuple[str, str]) -> tuple[bytes, bytes]:
        name, value = parameter
        return name.encode("utf-16-be"), value.encode("utf-16-be")

    return sorted(request.parameters) != sorted(request.parameters, key=by_utf16)


def _body_not_as_stringified(request: Signed) -> bool:
    if CONTENT_HEADER in request.headers or not request.body or _falsy_json_body(request):
        return False
    try:
        text = request.body.decode()
        return _stringified(_parsed(text)) != text
    except ValueError:
        return True


def _falsy_json_body(request: Signed) -> bool:
    if CONTENT_HEADER in request.headers or not request.body:
        return False
    try:
        value = _parsed(request.body.decode())
    except ValueError:
        return False
    # Empty arrays and objects are true in JavaScript.
    return not value and not isinstance(value, (list, dict))


RULES: dict[str, list[Rule]] = {
    ApigatewaySdkPython.name: [
        Rule(
            "path-not-utf8",
            "unquote() reads bytes that are not UTF-8 as U+FFFD, and that is what is signed",
            _path_is_not_utf8,
        ),
        Rule("query-not-utf8", "the same, in names and values", _query_is_not_utf8),
    ],
    Huaweicloudsdkcore.name: [
        Rule(
            "path-not-utf8",
            "unquote() reads bytes that are not UTF-8 as U+FFFD, and that is what is signed",
            _path_is_not_utf8,
        ),
        Rule("query-not-utf8", "takes names and values as text", _query_is_not_utf8),
        Rule(
            "nameless-parameter",
            "signs every parameter that it is given, one without a name too",
            _parameter_without_name,
        ),
        Rule(
            "unsigned-empty-body",
            "_process_hash_payload() looks for a body before it looks for X-Sdk-Content-Sha256",
            _unsigned_empty_body,
        ),
    ],
    HuaweicloudSdkCore.name: [
        Rule(
            "path-escaped-twice",
            "CanonicalURI() escapes the path without unescaping it first",
            _escape_in_path,
        ),
        Rule(
            "path-tidied",
            "url.parse() escapes some characters before CanonicalURI() does it again",
            _quote_or_brace_in_path,
        ),
        Rule("query-not-utf8", "takes names and values as text", _query_is_not_utf8),
        Rule(
            "nameless-parameter",
            "signs every parameter that it is given, one without a name too",
            _parameter_without_name,
        ),
        Rule(
            "utf16-order",
            "sort() compares UTF-16 units: U+10000 and above come before U+E000 to U+FFFF",
            _order_by_utf16,
        ),
        Rule(
            "body-stringified",
            "buildPayloadHash() hashes JSON.stringify(data), whatever the body's type",
            _body_not_as_stringified,
        ),
        Rule(
            "body-falsy",
            "buildPayloadHash() takes data that is false, null, 0 or \"\" for no body",
            _falsy_json_body,
        ),
    ],
}


def undocumented(page: str) -> list[str]:
    """What docs/signing.md does not tell of the rules."""
    section = page.partition("## Where the public signers differ")[2].partition("\n## ")[0]
    names = {rule.name for rules in RULES.values() for rule in rules}
    return [
        f"docs/signing.md does not tell the rule {name}"
        for name in sorted(names)
        if f"`{name}`" not in section
    ]


def _is_utf8(escaped: str) -> bool:
    try:
        unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        return False
    return True


def _parsed(text: str):
    """What `JSON.parse` makes of a text; `ValueError` where it throws."""

    def number(digits: str) -> int | float:
        value = float(digits)
        return int(value) if value.is_integer() else value

    def refused(word: str):
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, parse_float=number, parse_constant=refused)


def _stringified(value) -> str:
    """What `JSON.stringify` makes of it, but for numbers beyond 2^53, names that are numbers,
    and lone surrogates, which the random bodies have none of."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

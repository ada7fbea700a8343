//! Requests that are refused for a signed header, the date, the body or a replay.

use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::case::{Case, KEY, SECRET};
use crate::request::{Options, Request};
use crate::tampered::mismatch;

pub(crate) fn cases() -> Vec<Case> {
    [signed_headers(), dates(), clocks(), payloads(), bodies(), replays()]
        .into_iter()
        .flatten()
        .collect()
}

pub(crate) const BODY: &[u8] = b"{\"n\":1}";

/// What the gateway sends.
pub(crate) fn post() -> Request {
    Request::new("POST", "/orders?id=7&name=a+b")
        .header("Content-Type", "application/json")
        .body(BODY)
}

fn signed_headers() -> Vec<Case> {
    let missing = |request: Request, id: &str, says: &str| {
        request.refused("SIGNED_HEADER_MISSING", &format!("header-{id}"), says)
    };
    let repeated = |request: Request, id: &str, says: &str| {
        request.refused("SIGNED_HEADER_REPEATED", &format!("header-{id}"), says)
    };
    let signed = || post().signed();
    let with_type = || post().signed_by(KEY, SECRET, &["content-type", "host", "x-sdk-date"]);
    let required = Options { required_headers: &["x-tenant"], ..Options::default() };
    let many: Vec<_> = (0..2000).map(|number| format!("x-{number:04}")).collect();
    let many = format!("host;{};x-sdk-date", many.join(";"));
    let unsigned = || post().header("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD").signed();
    let date = "20261123T120000Z";
    let underscore =
        signed().without("x-sdk-date").without("host").header("HTTP_HOST", "backend.example.com");
    vec![
        missing(signed().without("host"), "host-missing", "no host"),
        missing(
            with_type().without("content-type"),
            "type-missing",
            "a signed header was taken away",
        ),
        missing(signed().claiming("host;", ""), "host-unsigned", "the host is not signed"),
        missing(
            post().signed_by(KEY, SECRET, &["x-sdk-date"]),
            "date-alone",
            "only the date is signed, rightly",
        ),
        missing(
            signed().options(required),
            "required-unsigned",
            "a header that must be signed is not",
        ),
        missing(
            unsigned().without("x-sdk-content-sha256"),
            "content-missing",
            "the mark of an unsigned body was taken away",
        ),
        missing(
            signed().claiming("host;x-sdk-date", &many),
            "many-missing",
            "2000 signed headers that are not there",
        ),
        missing(underscore, "look-alike", "a header that a CGI would call the same"),
        missing(
            with_type().without("content-type").header("Host", "b"),
            "missing-first",
            "looked for in the order of the names",
        ),
        repeated(
            signed().header("host", "backend.example.com"),
            "host-twice",
            "two hosts, the same",
        ),
        repeated(
            signed().header("HOST", "evil.example.com"),
            "host-other",
            "two hosts that differ",
        ),
        repeated(signed().header("x-sdk-date", date), "date-twice", "two dates"),
        repeated(
            with_type().header("content-type", "text/plain"),
            "type-twice",
            "a signed header was added again",
        ),
        repeated(
            signed().header("x-sdk-content-sha256", "a").header("x-sdk-content-sha256", "b"),
            "content-twice",
            "two content hashes, though none is signed",
        ),
        repeated(
            unsigned().header("x-sdk-content-sha256", "UNSIGNED-PAYLOAD"),
            "unsigned-twice",
            "two marks of an unsigned body",
        ),
        repeated(
            signed().header("host", "b").without("x-sdk-date"),
            "twice-first",
            "a repeated header outranks a missing date",
        ),
    ]
}

fn dates() -> Vec<Case> {
    let missing = |request: Request, id: &str, says: &str| {
        request.refused("DATE_MISSING_OR_UNSIGNED", &format!("date-{id}"), says)
    };
    let mut cases = vec![
        missing(post().signed().without("x-sdk-date"), "missing", "no date"),
        missing(post().signed().claiming(";x-sdk-date", ""), "unsigned", "the date is not signed"),
        missing(
            post().signed_by(KEY, SECRET, &["host"]),
            "host-alone",
            "only the host is signed, rightly",
        ),
        missing(
            post().signed().without("x-sdk-date").header("Date", "20261123T120000Z"),
            "elsewhere",
            "the date in another header",
        ),
    ];
    let forms: [(&str, &[u8], &str); 14] = [
        ("empty", b"", "an empty date"),
        ("http", b"Mon, 23 Nov 2026 12:00:00 GMT", "the form of HTTP dates"),
        ("iso", b"2026-11-23T12:00:00Z", "the long form of ISO 8601"),
        ("unix", b"1795435200", "seconds since 1970"),
        ("no-zone", b"20261123T120000", "no zone"),
        ("offset", b"20261123T120000+0000", "an offset for a zone"),
        ("lower", b"20261123t120000z", "letters in lower case"),
        ("space", b"20261123 120000Z", "a space for the T"),
        ("fraction", b"20261123T120000.000Z", "a fraction"),
        ("sign", b"+2026112T120000Z", "a sign among the digits"),
        ("superscript", b"2026112\xb3T120000Z", "a digit that is none"),
        ("february", b"20260230T120000Z", "the 30th of February"),
        ("hour", b"20261123T240000Z", "the 24th hour"),
        ("leap-second", b"20261123T115960Z", "a leap second"),
    ];
    cases.extend(forms.into_iter().map(|(id, date, says)| {
        let request = post().replaced("x-sdk-date", date).signed();
        request.refused("DATE_MALFORMED", &format!("date-{id}"), says)
    }));
    cases
}

fn clocks() -> Vec<Case> {
    let skew = |seconds| Options { clock_skew_seconds_max: Some(seconds), ..Options::default() };
    let of = |date: &str| post().replaced("x-sdk-date", date).signed();
    [
        (post().signed().now(901), "late", "signed 901 s ago"),
        (post().signed().now(-901), "early", "signed 901 s ahead"),
        (post().signed().now(86_400), "day", "signed a day ago"),
        (post().signed().now(1).options(skew(0)), "none", "a second, where none is allowed"),
        (
            post().signed().now(61).options(skew(60)),
            "option",
            "a second more than a skew of one's own",
        ),
        (of("00000101T000000Z"), "year-zero", "the first moment that can be written"),
        (of("99991231T235959Z"), "year-last", "the last moment that can be written"),
        (post().signed().body("other").now(901), "first", "a late clock outranks a tampered body"),
    ]
    .map(|(request, id, says)| request.refused("CLOCK_SKEW", &format!("clock-{id}"), says))
    .into()
}

fn payloads() -> Vec<Case> {
    let unsigned = || post().header("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD");
    let large = Options { body_bytes_max: Some(3), ..Options::default() };
    let hashed = post().header("X-Sdk-Content-Sha256", "0".repeat(64)).signed();
    let refused = |request: Request, id: &str, says: &str| {
        request.refused("UNSIGNED_PAYLOAD", &format!("payload-{id}"), says)
    };
    let too_large = |request: Request, id: &str, says: &str| {
        request.options(large.clone()).refused("BODY_TOO_LARGE", &format!("payload-{id}"), says)
    };
    vec![
        refused(unsigned().signed(), "unsigned", "an unsigned body, which nobody allowed"),
        refused(unsigned().body("").signed(), "unsigned-empty", "no body, and that unsigned"),
        refused(
            unsigned().signed().target("/other"),
            "unsigned-first",
            "an unsigned body outranks a tampered target",
        ),
        refused(
            unsigned().signed().options(large.clone()),
            "unsigned-large",
            "an unsigned body is not read",
        ),
        refused(
            post().signed().header("x-sdk-content-sha256", " UNSIGNED-PAYLOAD "),
            "unsigned-added",
            "the mark added on the way",
        ),
        too_large(post().body("1234").signed(), "large", "one byte more than the limit"),
        too_large(
            post().signed().target("/other"),
            "large-first",
            "a large body outranks a tampered target",
        ),
        too_large(hashed, "large-hashed", "a large body outranks a hash that differs"),
    ]
}

fn bodies() -> Vec<Case> {
    let hash = HEXLOWER.encode(&Sha256::digest(BODY));
    let base64 = STANDARD.encode(Sha256::digest(BODY));
    let hashed = |value: &str| post().header("X-Sdk-Content-Sha256", value).signed();
    let unsigned = Options { unsigned_payload_allowed: true, ..Options::default() };
    [
        (hashed(&hash).body("other"), "body", "a body that is not the one of the signed hash"),
        (hashed(&hash).body(""), "none", "no body to a signed hash"),
        (hashed(&hash[..63]), "cut", "a hash cut short"),
        (hashed(&base64), "base64", "a hash in base64"),
        (hashed(""), "empty", "an empty hash, signed"),
        (
            hashed("unsigned-payload").options(unsigned),
            "lower-case",
            "the mark of an unsigned body in lower case",
        ),
    ]
    .map(|(request, id, says)| request.refused("BODY_MISMATCH", &format!("content-{id}"), says))
    .into()
}

fn replays() -> Vec<Case> {
    let seen = || Options { replay_guard_answers: Some(false), ..Options::default() };
    let again = post().signed().options(seen());
    let tampered = post().signed().target("/other").options(seen());
    vec![
        again.refused("REPLAYED", "replay", "the guard has seen it"),
        mismatch(tampered, "replay-tampered", "a guard is asked about good signatures only"),
    ]
}

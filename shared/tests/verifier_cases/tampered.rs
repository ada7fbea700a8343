//! Requests that were changed after they were signed, or signed with another secret.

use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::case::{Case, KEY, SECRET};
use crate::refusals::{BODY, post};
use crate::request::{Options, Request};

pub(crate) fn cases() -> Vec<Case> {
    [tampered_targets(), tampered_parts(), wrong_secrets()].into_iter().flatten().collect()
}

fn tampered_targets() -> Vec<Case> {
    [
        ("path", "/orders?id=7", "/order?id=7", "another path"),
        ("path-case", "/orders", "/Orders", "a path in another case"),
        ("path-more", "/orders", "/orders/7", "a segment more"),
        ("path-less", "/orders/7", "/orders", "a segment less"),
        ("path-slashes", "/a/b", "/a//b", "a slash twice"),
        ("path-last-slashes", "/a/", "/a//", "two slashes at the end"),
        ("path-dots", "/a/b", "/a/./b", "a dot segment"),
        ("path-up", "/a", "/b/../a", "a way round"),
        ("path-space", "/a%20b", "/a+b", "a plus for a space"),
        ("path-unescaped", "/%2541", "/%41", "an escape undone once too often"),
        ("path-escaped", "/a%20b", "/a%2520b", "an escape done twice"),
        ("path-percent", "/100%25", "/100%2525", "a percent sign escaped again"),
        ("path-not-utf8", "/%FF", "/%FE", "bytes that are no text still differ"),
        ("path-replacement", "/%FF", "/%EF%BF%BD", "a replacement character is no other byte"),
        ("path-overlong", "/a/b", "/a%C0%AFb", "an overlong slash is no slash"),
        ("path-nul", "/a", "/a%00", "a NUL behind"),
        ("path-unicode-form", "/caf%C3%A9", "/cafe%CC%81", "the same letter composed otherwise"),
        ("query", "/s?id=7", "/s?id=8", "another value"),
        ("query-name", "/s?id=7", "/s?ID=7", "a name in another case"),
        ("query-more", "/s?id=7", "/s?id=7&admin=1", "a parameter more"),
        ("query-less", "/s?id=7&a=1", "/s?id=7", "a parameter less"),
        ("query-added", "/s", "/s?a", "a query where there was none"),
        ("query-dropped", "/s?a", "/s", "the query taken away"),
        ("query-twice", "/s?a=1", "/s?a=1&a=1", "a parameter twice"),
        ("query-once", "/s?a=1&a=1", "/s?a=1", "a parameter only once"),
        ("query-swapped", "/s?a=1&b=2", "/s?a=2&b=1", "values exchanged"),
        ("query-joined", "/s?a=1&b=2", "/s?a=1%26b=2", "an escaped separator"),
        ("query-plus", "/s?q=a%20b", "/s?q=a+b", "a plus for a space"),
        ("query-escaped-plus", "/s?q=a+b", "/s?q=a%20b", "a space for a plus"),
        ("query-unescaped", "/s?q=%2541", "/s?q=%41", "an escape undone once too often"),
        (
            "query-not-utf8",
            "/s?q=%FF",
            "/s?q=%EF%BF%BD",
            "a replacement character is no other byte",
        ),
        ("query-mark", "/s?a=1", "/s%3Fa=1", "an escaped question mark"),
        ("query-semicolon", "/s?a=1&b=2", "/s?a=1;b=2", "a semicolon for an ampersand"),
        ("query-fragment", "/s?a=1", "/s?a=1#b", "a fragment"),
        ("query-value-space", "/s?a=1", "/s?a=1%20", "a space behind a value"),
    ]
    .into_iter()
    .map(|(id, signed, sent, says)| {
        mismatch(Request::new("GET", signed).signed().target(sent), &format!("tampered-{id}"), says)
    })
    .collect()
}

fn tampered_parts() -> Vec<Case> {
    let signed = || post().signed();
    let hex = signed().stages.unwrap().signature;
    let turned = |digit: &str| if digit == "0" { "1" } else { "0" };
    let (first, last) = (&hex[..1], &hex[63..]);
    let with_type = || post().signed_by(KEY, SECRET, &["content-type", "host", "x-sdk-date"]);
    let spaced = post().header("X-Tenant", "a  b").signed_by(
        KEY,
        SECRET,
        &["host", "x-sdk-date", "x-tenant"],
    );
    let unsigned = || Options { unsigned_payload_allowed: true, ..Options::default() };
    let uncovered = post().signed().header("x-sdk-content-sha256", "UNSIGNED-PAYLOAD");
    let hash = HEXLOWER.encode(&Sha256::digest(BODY));
    let upper_hash = post()
        .header("X-Sdk-Content-Sha256", &hash)
        .signed()
        .replaced("x-sdk-content-sha256", hash.to_uppercase());
    [
        ("method", signed().method("PUT"), "another method"),
        ("method-head", Request::new("GET", "/").signed().method("HEAD"), "HEAD for GET"),
        ("host", signed().replaced("host", "evil.example.com"), "another host"),
        (
            "host-port",
            signed().replaced("host", "backend.example.com:80"),
            "a port that goes without saying",
        ),
        ("host-case", signed().replaced("host", "Backend.example.com"), "the host in another case"),
        ("date", signed().replaced("x-sdk-date", "20261123T120001Z"), "a second later"),
        ("type", with_type().replaced("content-type", "text/plain"), "a signed header's value"),
        (
            "type-case",
            with_type().replaced("content-type", "Application/json"),
            "a signed header's case",
        ),
        ("header-spaces", spaced.replaced("x-tenant", "a b"), "inner spaces made one"),
        (
            "header-nbsp",
            with_type().replaced("content-type", b"application/json\xa0"),
            "a byte that is no white space",
        ),
        (
            "names-more",
            signed().claiming("host;", "content-type;host;"),
            "a header signed that was not",
        ),
        ("names-less", with_type().claiming("content-type;", ""), "a header not signed that was"),
        ("body", signed().body(b"{\"n\":2}"), "another body"),
        ("body-less", signed().body(BODY.split_at(6).0), "a body cut short"),
        ("body-more", signed().body([BODY, b"\n"].concat()), "a line end behind the body"),
        ("body-none", signed().body(""), "no body"),
        ("body-added", Request::new("POST", "/").signed().body(" "), "a body where there was none"),
        ("content-added", uncovered.options(unsigned()), "the body's hash replaced by a mark"),
        (
            "content-hash-added",
            signed().header("x-sdk-content-sha256", "0".repeat(64)),
            "a content hash added",
        ),
        ("content-case", upper_hash, "a signed content hash in another case"),
        (
            "signature-first",
            signed()
                .claiming(&format!("Signature={first}"), &format!("Signature={}", turned(first))),
            "the first digit",
        ),
        (
            "signature-last",
            signed().claiming(&hex, &format!("{}{}", &hex[..63], turned(last))),
            "the last digit",
        ),
        ("signature-zero", signed().claiming(&hex, &"0".repeat(64)), "a signature of zeros"),
    ]
    .into_iter()
    .map(|(id, request, says)| mismatch(request, &format!("tampered-{id}"), says))
    .collect()
}

fn wrong_secrets() -> Vec<Case> {
    let signed = |key: &str, secret: &str| post().signed_by(key, secret, &["host", "x-sdk-date"]);
    let basic = |credentials: &str| {
        post().header("Authorization", format!("Basic {}", STANDARD.encode(credentials)))
    };
    [
        ("other", signed(KEY, "signature_secret2"), "the secret of another key"),
        (
            "key-swapped",
            post().signed().claiming(KEY, "signature_key2"),
            "another known key put in its place",
        ),
        ("newline", signed(KEY, "signature_secret1\n"), "a line end behind the secret"),
        ("trimmed", signed("newline_key", "ends_in_newline"), "a secret without its line end"),
        ("empty", signed(KEY, ""), "an empty secret"),
        ("case", signed(KEY, "Signature_secret1"), "a secret in another case"),
        ("retired", signed("rotating_key", "secret_before_all"), "none of several secrets"),
        (
            "joined",
            signed("rotating_key", "secret_of_today,secret_of_yesterday"),
            "several secrets as one",
        ),
        ("basic", basic("basic_key:basic_secret3"), "another password"),
        ("basic-empty", basic("basic_key:"), "an empty password"),
        ("basic-less", basic("basic_key:basic_secret"), "a password cut short"),
        ("basic-more", basic("basic_key:basic_secret1\n"), "a line end behind the password"),
        (
            "basic-not-utf8",
            post().header("Authorization", format!("Basic {}", STANDARD.encode(b"basic_key:\xff"))),
            "a password that is no UTF-8",
        ),
        ("basic-colon", basic("colon_key:a"), "a password cut at its colon"),
    ]
    .into_iter()
    .map(|(id, request, says)| mismatch(request, &format!("secret-{id}"), says))
    .collect()
}

pub(crate) fn mismatch(request: Request, id: &str, says: &str) -> Case {
    request.refused("SIGNATURE_MISMATCH", id, says)
}

//! Requests that are refused for their signature header or its key alone.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::case::{Case, HMAC, KEY, SECRET};
use crate::refusals::post;
use crate::request::{Options, Request};

pub(crate) fn cases() -> Vec<Case> {
    [
        missing_authorization(),
        malformed_claims(),
        malformed_headers(),
        malformed_basic(),
        unknown_keys(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn missing_authorization() -> Vec<Case> {
    const CODE: &str = "MISSING_AUTHORIZATION";
    let elsewhere = Options { signature_header: Some("x-gateway-signature"), ..Options::default() };
    vec![
        post().refused(CODE, "no-authorization", "no signature at all"),
        Request { headers: Vec::new(), ..post() }.refused(CODE, "no-headers", "no header at all"),
        post().signed().options(elsewhere).refused(
            CODE,
            "elsewhere",
            "the signature in another header than the configured one",
        ),
    ]
}

fn malformed_claims() -> Vec<Case> {
    let signed = post().signed();
    let hex = signed.stages.as_ref().unwrap().signature.clone();
    let claim = |key: &str, names: &str, signature: &str| {
        format!("{HMAC} Access={key}, SignedHeaders={names}, Signature={signature}")
    };
    let good = claim(KEY, "host;x-sdk-date", &hex);
    let named = |names: &str| claim(KEY, names, &hex);
    let signature = |signature: &str| claim(KEY, "host;x-sdk-date", signature);
    let upper_digit = hex.replacen(|digit: char| digit.is_ascii_lowercase(), "F", 1);
    [
        ("empty", String::new(), "an empty header"),
        ("scheme-alone", HMAC.into(), "the scheme and nothing"),
        ("scheme-bearer", "Bearer abc".into(), "another scheme"),
        ("scheme-case", good.replace(HMAC, "sdk-hmac-sha256"), "the scheme in lower case"),
        ("scheme-other", good.replace("SDK-HMAC-SHA256", "SDK-HMAC-SM3"), "another algorithm"),
        ("scheme-comma", good.replace("256 ", "256, "), "a comma after the scheme"),
        ("scheme-glued", good.replace("256 ", "256"), "no space after the scheme"),
        (
            "order",
            format!("{HMAC} SignedHeaders=host;x-sdk-date, Access={KEY}, Signature={hex}"),
            "fields in another order",
        ),
        ("no-access", good.replace(&format!("Access={KEY}, "), ""), "no key"),
        ("no-names", good.replace("SignedHeaders=host;x-sdk-date, ", ""), "no signed headers"),
        ("no-signature", good.replace(&format!(", Signature={hex}"), ""), "no signature"),
        ("field-case", good.replace("Access=", "access="), "a field in lower case"),
        ("field-space", good.replace("Access=", "Access ="), "a space before an equals sign"),
        ("two-spaces", good.replace(", Signed", ",  Signed"), "two spaces after a comma"),
        ("tab", good.replace(", Signature", ",\tSignature"), "a tab after a comma"),
        ("semicolons", good.replace(", ", "; "), "fields parted by semicolons"),
        ("more", format!("{good}, More=1"), "a field too many"),
        ("last-comma", format!("{good},"), "a comma at the end"),
        ("quoted", good.replace(&hex, &format!("\"{hex}\"")), "a quoted signature"),
        ("twice", format!("{good}, {good}"), "two signatures in one header"),
        ("key-empty", claim("", "host;x-sdk-date", &hex), "an empty key"),
        ("names-empty", named(""), "no name"),
        ("names-order", named("x-sdk-date;host"), "names out of order"),
        ("names-twice", named("host;host;x-sdk-date"), "a name twice"),
        ("names-case", named("Host;X-Sdk-Date"), "names in upper case"),
        ("names-gap", named("host;;x-sdk-date"), "an empty name between"),
        ("names-first", named(";host;x-sdk-date"), "an empty name before"),
        ("names-last", named("host;x-sdk-date;"), "an empty name behind"),
        ("names-space", named("host; x-sdk-date"), "a space between the names"),
        ("names-byte", named("host;x-(sdk);x-sdk-date"), "a byte no name has"),
        ("signature-empty", signature(""), "an empty signature"),
        ("signature-short", signature(&hex[..62]), "a signature cut by a byte"),
        ("signature-odd", signature(&hex[..63]), "a signature cut by a digit"),
        ("signature-half", signature(&hex[..32]), "half a signature"),
        ("signature-long", signature(&format!("{hex}00")), "a signature with a byte more"),
        ("signature-upper", signature(&hex.to_uppercase()), "a signature in upper case"),
        ("signature-upper-digit", signature(&upper_digit), "one digit in upper case"),
        ("signature-digit", signature(&format!("{}g", &hex[..63])), "a digit that is none"),
        (
            "signature-wide",
            signature(&hex.replacen(|digit: char| digit.is_ascii_digit(), "\u{ff11}", 1)),
            "a wide digit",
        ),
        ("signature-base64", signature(&STANDARD.encode([7; 32])), "a signature in base64"),
        ("percent", good.replace("host;", "host%3B"), "an escape in the header"),
        (
            "huge",
            format!("{HMAC} Access={}", "a".repeat(32_000)),
            "32000 bytes of key and nothing else",
        ),
    ]
    .into_iter()
    .map(|(id, value, says)| malformed(signed.clone().replaced("authorization", value), id, says))
    .collect()
}

fn malformed_headers() -> Vec<Case> {
    let signed = post().signed();
    let value = signed.value("authorization").unwrap().to_vec();
    let around = |before: &[u8], after: &[u8]| {
        signed.clone().replaced("authorization", [before, &value, after].concat())
    };
    let bytes = value.iter().map(|byte| if *byte == b'_' { 0xff } else { *byte });
    let not_utf8: Vec<u8> = bytes.collect();
    vec![
        malformed(
            signed.clone().header("AUTHORIZATION", &value),
            "repeated",
            "the header twice, the same",
        ),
        malformed(
            signed.clone().header("authorization", "Bearer abc"),
            "repeated-other",
            "two that differ",
        ),
        malformed(
            signed.clone().replaced("authorization", not_utf8),
            "not-utf8",
            "a key that is no UTF-8",
        ),
        malformed(around(b"\xa0", b""), "nbsp-before", "a byte that is no white space, before"),
        malformed(around(b"", b"\xc2\x85"), "nel-after", "a line end of Unicode, behind"),
        malformed(around(b"", b"\x0b"), "vt-after", "a vertical tab behind"),
        malformed(around(b"", b"\x00"), "nul-after", "a NUL behind"),
    ]
}

fn malformed_basic() -> Vec<Case> {
    let good = STANDARD.encode("basic_key:basic_secret1");
    let (half, rest) = good.split_at(8);
    [
        ("basic-alone", "Basic".to_owned(), "the scheme and nothing"),
        ("basic-glued", format!("Basic{good}"), "no space after the scheme"),
        ("basic-long-s", format!("Ba\u{17f}ic {good}"), "a letter whose upper case is S"),
        ("basic-dotless-i", format!("Bas\u{131}c {good}"), "a letter whose upper case is I"),
        ("basic-not-base64", "Basic ????".into(), "bytes that are no base64"),
        (
            "basic-url-alphabet",
            format!(
                "Basic {}",
                STANDARD.encode("k:\u{fb}\u{ff}??>>").replace('/', "_").replace('+', "-")
            ),
            "the alphabet of URLs",
        ),
        ("basic-unpadded", "Basic YmFzaWNfa2V5OmI".into(), "no padding"),
        ("basic-padding", format!("Basic {good}===="), "too much padding"),
        ("basic-trailing-bits", "Basic YmFzaWNfa2V5OmJ=".into(), "bits after the last byte"),
        ("basic-space", format!("Basic {half} {rest}"), "a space within"),
        ("basic-more", format!("Basic {good}, a=b"), "something behind"),
        ("basic-no-colon", format!("Basic {}", STANDARD.encode("basic_key")), "no colon"),
        (
            "basic-not-utf8",
            format!("Basic {}", STANDARD.encode(b"\xffkey:basic_secret1")),
            "a key that is no UTF-8",
        ),
        ("basic-plain", "Basic basic_key:basic_secret1".into(), "not encoded"),
    ]
    .into_iter()
    .map(|(id, value, says)| malformed(post().header("Authorization", value), id, says))
    .collect()
}

fn malformed(request: Request, id: &str, says: &str) -> Case {
    request.refused("MALFORMED_AUTHORIZATION", &format!("malformed-{id}"), says)
}

fn unknown_keys() -> Vec<Case> {
    let keys = [
        ("other", "nobodys_key", "a key that nobody has"),
        ("case", "Signature_Key1", "a key in another case"),
        ("space", "signature_key1 ", "a key with a space behind"),
        ("quoted", "\"signature_key1\"", "a key in quotes"),
        ("retired", "retired_key", "a key without secrets"),
        ("scheme", "basic_key", "a key of the other scheme"),
        ("property", "constructor", "a key that names a property"),
        ("prototype", "__proto__", "a key that names a prototype"),
        ("huge", &"k".repeat(32_000), "a key of 32000 bytes"),
    ]
    .map(|(id, key, says)| (post().signed_by(key, SECRET, &["host", "x-sdk-date"]), id, says));
    let basic = |credentials: &str| {
        post().header("Authorization", format!("Basic {}", STANDARD.encode(credentials)))
    };
    let first = post().signed_by("nobodys_key", SECRET, &["host", "x-sdk-date"]);
    let empty = post().signed_by("empty_key", "", &["host", "x-sdk-date"]);
    let others = [
        (empty, "empty", "a key whose secret is empty, signed with it"),
        (basic("empty_basic_key:"), "basic-empty-secret", "a Basic key whose secret is empty"),
        (
            first.without("host").now(5000),
            "first",
            "an unknown key outranks a missing header and a late clock",
        ),
        (basic("nobodys_key:basic_secret1"), "basic", "a Basic key that nobody has"),
        (basic(":basic_secret1"), "basic-empty", "an empty user name"),
        (
            basic("signature_key1:signature_secret1"),
            "basic-scheme",
            "a key of the other scheme as Basic",
        ),
        (basic("\u{feff}basic_key:basic_secret1"), "basic-bom", "a byte order mark before the key"),
    ];
    let named = |(request, id, says): (Request, &str, &str)| {
        request.refused("UNKNOWN_KEY", &format!("unknown-{id}"), says)
    };
    keys.into_iter().chain(others).map(named).collect()
}

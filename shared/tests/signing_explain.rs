//! Signatures made with a mistake, each by hand and not by the code that looks for it: the
//! mistake is named.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use countersign_shared::secret::Secret;
use countersign_shared::signing::explain::{Explanation, Questioned, explain};
use countersign_shared::signing::{Received, Refusal};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const KEY: &str = "orders-2026";
const SECRET: &str = "a-secret-of-the-orders";
const DATE: &str = "20261123T120000Z";

/// What is signed, and what is sent. As it stands, the signature fits.
struct Signer {
    method: &'static str,
    uri: &'static str,
    query: &'static str,
    host: &'static str,
    mark: &'static str,
    body_hash: String,
    date: &'static str,
    secret: Vec<u8>,
    body: Vec<u8>,
    target: &'static str,
}

fn signer() -> Signer {
    Signer {
        method: "POST",
        uri: "/v2/a%20b%28c%29/",
        query: "a=1%2B2&b=%2Fx%20y&b=z&c=",
        host: "shop.example.com:8443",
        mark: "Two  Words",
        body_hash: hash(JSON),
        date: DATE,
        secret: SECRET.into(),
        body: JSON.into(),
        target: "/v2/a%20b(c)?b=z&c&b=/x%20y&a=1+2",
    }
}

const JSON: &str = "{\"n\": [1, 2], \"s\": \"x\"}";

impl Signer {
    fn explained(&self) -> Explanation {
        let canonical = format!(
            "{}\n{}\n{}\nhost:{}\nx-mark:{}\nx-sdk-date:{}\n\nhost;x-mark;x-sdk-date\n{}",
            self.method, self.uri, self.query, self.host, self.mark, self.date, self.body_hash
        );
        let text = format!("SDK-HMAC-SHA256\n{}\n{}", self.date, hash(&canonical));
        let mac = Hmac::<Sha256>::new_from_slice(&self.secret).unwrap().chain_update(text);
        let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
        let value = format!(
            "SDK-HMAC-SHA256 Access={KEY}, SignedHeaders=host;x-mark;x-sdk-date, Signature={signature}"
        );
        let headers: [(&str, &[u8]); 5] = [
            ("Host", b"shop.example.com:8443"),
            ("X-Mark", b"Two  Words"),
            ("X-Sdk-Date", DATE.as_bytes()),
            ("X-Forwarded-Host", b"www.example.com"),
            ("Authorization", value.as_bytes()),
        ];
        let questioned = Questioned {
            received: Received { method: "post", target: self.target, headers: &headers },
            body: &self.body,
            signature_header: "authorization",
            other_hosts: &["internal:1234"],
        };
        explain(&questioned, &Secret::new(SECRET.into())).unwrap()
    }
}

fn hash(text: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

#[test]
fn a_signature_that_fits_needs_no_cause() {
    let explained = signer().explained();
    assert!(explained.fits(), "{}", String::from_utf8_lossy(&explained.canonical_request));
    assert_eq!(explained.causes, [] as [Vec<_>; 0]);
}

#[test]
fn each_mistake_is_named() {
    let with = |change: fn(&mut Signer)| {
        let mut signer = signer();
        change(&mut signer);
        signer
    };
    for (code, signer) in [
        ("METHOD_CHANGED", with(|s| s.method = "GET")),
        ("METHOD_LOWER_CASE", with(|s| s.method = "post")),
        ("PATH_WITHOUT_FINAL_SLASH", with(|s| s.uri = "/v2/a%20b%28c%29")),
        ("PATH_PREFIX_REMOVED", with(|s| s.uri = "/a%20b%28c%29/")),
        ("PATH_DECODED", with(|s| s.uri = "/v2/a b(c)/")),
        ("PATH_AS_SENT", with(|s| s.uri = "/v2/a%20b(c)")),
        ("PATH_ESCAPED_TWICE", with(|s| s.uri = "/v2/a%2520b%2528c%2529/")),
        ("PATH_ESCAPED_LIKE_JAVASCRIPT", with(|s| s.uri = "/v2/a%20b(c)/")),
        ("QUERY_MISSING", with(|s| s.query = "")),
        ("QUERY_UNSORTED", with(|s| s.query = "b=z&c=&b=%2Fx%20y&a=1%2B2")),
        ("QUERY_SORTED_BY_NAME_ONLY", with(|s| s.query = "a=1%2B2&b=z&b=%2Fx%20y&c=")),
        ("QUERY_AS_SENT", with(|s| s.query = "b=z&c&b=/x%20y&a=1+2")),
        ("QUERY_PLUS_READ_AS_SPACE", with(|s| s.query = "a=1%202&b=%2Fx%20y&b=z&c=")),
        ("QUERY_SPACE_WRITTEN_AS_PLUS", with(|s| s.query = "a=1%2B2&b=%2Fx+y&b=z&c=")),
        ("QUERY_PLUS_NOT_ESCAPED", with(|s| s.query = "a=1+2&b=%2Fx%20y&b=z&c=")),
        ("QUERY_ESCAPED_TWICE", with(|s| s.query = "a=1%252B2&b=%252Fx%2520y&b=z&c=")),
        ("ESCAPES_IN_LOWER_CASE", with(|s| s.query = "a=1%2b2&b=%2fx%20y&b=z&c=")),
        ("QUERY_SLASH_NOT_ESCAPED", with(|s| s.query = "a=1%2B2&b=/x%20y&b=z&c=")),
        ("QUERY_EMPTY_VALUES_DROPPED", with(|s| s.query = "a=1%2B2&b=%2Fx%20y&b=z")),
        ("QUERY_EQUALS_SIGN_DROPPED", with(|s| s.query = "a=1%2B2&b=%2Fx%20y&b=z&c")),
        ("QUERY_REPEATED_NAMES_DROPPED", with(|s| s.query = "a=1%2B2&b=%2Fx%20y&c=")),
        ("HOST_PORT", with(|s| s.host = "shop.example.com")),
        ("HOST_OTHER", with(|s| s.host = "www.example.com")),
        ("HOST_OTHER", with(|s| s.host = "internal:1234")),
        ("HEADER_NOT_TRIMMED", with(|s| s.mark = " Two  Words")),
        ("HEADER_SPACES_MERGED", with(|s| s.mark = "Two Words")),
        ("HEADER_LOWER_CASE", with(|s| s.mark = "two  words")),
        ("HEADER_EMPTY", with(|s| s.mark = "")),
        ("BODY_MISSING", with(|s| s.body_hash = hash(""))),
        ("BODY_UNSIGNED", with(|s| s.body_hash = "UNSIGNED-PAYLOAD".into())),
        ("BODY_HASH_UPPER_CASE", with(|s| s.body_hash = hash(JSON).to_uppercase())),
        ("BODY_LINE_END", with(|s| s.body_hash = hash(format!("{JSON}\n")))),
        ("BODY_JSON_REWRITTEN", with(|s| s.body_hash = hash("{\"n\":[1,2],\"s\":\"x\"}"))),
        (
            "BODY_LINE_ENDS_CONVERTED",
            with(|s| {
                s.body = b"a\r\nb\r\n".into();
                s.body_hash = hash("a\nb\n");
            }),
        ),
        (
            "BODY_CHARSET",
            with(|s| {
                s.body = "gr\u{fc}n".into();
                s.body_hash = hash(b"gr\xfcn");
            }),
        ),
        (
            "BODY_FORM_REWRITTEN",
            with(|s| {
                s.body = b"a=b+c".into();
                s.body_hash = hash("a=b%20c");
            }),
        ),
        ("BODY_MARK", with(|s| s.body_hash = hash(format!("\u{feff}{JSON}")))),
        ("DATE_OTHER", with(|s| s.date = "20261123T120001Z")),
        ("DATE_TIME_ZONE", with(|s| s.date = "20261123T200000Z")),
        ("SECRET_LINE_END", with(|s| s.secret.push(b'\n'))),
        ("SECRET_QUOTED", with(|s| s.secret = format!("\"{SECRET}\"").into())),
        ("SECRET_IS_THE_KEY", with(|s| s.secret = KEY.into())),
    ] {
        let explained = signer.explained();
        assert!(!explained.fits(), "{code}");
        let codes: Vec<Vec<&str>> = explained
            .causes
            .iter()
            .map(|cause| cause.iter().map(|mistake| mistake.code).collect())
            .collect();
        assert!(codes.contains(&vec![code]), "{code}: {codes:?}");
    }
}

#[test]
fn two_mistakes_made_together_are_found() {
    let mut signer = signer();
    signer.secret.push(b'\n');
    signer.host = "shop.example.com";
    let explained = signer.explained();
    let codes: Vec<&str> = explained.causes[0].iter().map(|mistake| mistake.code).collect();
    assert_eq!((explained.causes.len(), codes), (1, vec!["HOST_PORT", "SECRET_LINE_END"]));
}

#[test]
fn what_is_no_known_mistake_has_no_cause_and_shows_no_secret() {
    let mut signer = signer();
    signer.secret = b"quite another secret".into();
    let explained = signer.explained();
    assert!(!explained.fits());
    assert!(explained.causes.is_empty());
    assert!(!format!("{explained:?}").contains(SECRET));
}

#[test]
fn a_request_without_a_signature_is_refused_with_the_verifiers_reason() {
    let explained = |headers: &[(&str, &[u8])]| {
        let received = Received { method: "GET", target: "/", headers };
        let questioned =
            Questioned { received, body: b"", signature_header: "authorization", other_hosts: &[] };
        explain(&questioned, &Secret::new(SECRET.into())).unwrap_err().code()
    };
    let missing = Refusal::MissingAuthorization { header: "authorization".into() };
    assert_eq!(explained(&[]), missing.code());
    assert_eq!(explained(&[("authorization", b"Basic YTpi")]), "MALFORMED_AUTHORIZATION");
    let hex = "0".repeat(64);
    let value = format!("SDK-HMAC-SHA256 Access=k, SignedHeaders=host, Signature={hex}");
    let authorization = ("authorization", value.as_bytes());
    assert_eq!(explained(&[authorization]), "SIGNED_HEADER_MISSING");
    assert_eq!(explained(&[authorization, ("host", b"h")]), "DATE_MISSING_OR_UNSIGNED");
}

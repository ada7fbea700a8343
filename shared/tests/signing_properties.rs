//! What holds for every request: cleaning and normalising settle, what is signed verifies,
//! and what was changed on the way does not.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use countersign_shared::secret::Secret;
use countersign_shared::signing::{
    CanonicalRequest, HmacSigner, Payload, QueryMode, Received, Refusal, SdkDate, SignRequest,
    Target, UNSIGNED_PAYLOAD, VerifyOptions, clean_path, normalize_query, verify,
};
use proptest::prelude::*;

#[path = "../../tests/tests/parsers/edits.rs"]
mod edits;
use edits::{changed, edits};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_clean_path_has_no_dot_segment_in_any_spelling(raw in raw_path()) {
        if let Ok(clean) = clean_path(&raw) {
            let decoded = decode(&clean, false);
            let mut segments = decoded.split(|byte| *byte == b'/');
            prop_assert!(segments.all(|segment| segment != b"." && segment != b".."), "{}", clean);
            prop_assert!(clean.starts_with('/'));
            prop_assert!(clean.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(!decoded.contains(&b'\\') && !decoded.contains(&0));
        }
    }

    #[test]
    fn a_clean_path_stays_as_it_is(raw in raw_path()) {
        if let Ok(clean) = clean_path(&raw) {
            prop_assert_eq!(clean_path(&clean).unwrap(), &*clean);
        }
    }

    #[test]
    fn a_path_is_changed_only_where_it_has_dot_segments(raw in "/[a-z/]{0,9}(%2F|%c3%A9|[a-z;])*") {
        prop_assert_eq!(clean_path(&raw).unwrap(), raw.as_str());
    }

    #[test]
    fn a_normal_query_stays_as_it_is(raw in raw_query()) {
        let normal = normalize_query(&raw);
        prop_assert_eq!(normalize_query(&normal), &*normal);
    }

    #[test]
    fn a_normal_query_means_what_the_form_meant(raw in raw_query()) {
        let normal = normalize_query(&raw);
        prop_assert_eq!(parameters(&normal, false), parameters(&raw, true));
        prop_assert_eq!(parameters(&normal, true), parameters(&raw, true));
    }

    #[test]
    fn the_canonical_query_is_sorted_by_what_it_means(raw in raw_query()) {
        let mut canonical = Vec::new();
        let (query, payload) = (raw.as_str(), b"".as_slice());
        CanonicalRequest { method: "GET", path: "/", query, headers: &[], payload }
            .write(&mut canonical);
        let canonical = String::from_utf8(canonical).unwrap();
        let written = canonical.split('\n').nth(2).unwrap();
        let mut sorted = parameters(&raw, false);
        sorted.sort();
        prop_assert_eq!(parameters(written, false), sorted);
        prop_assert!(written.is_empty() || written.split('&').all(|one| one.contains('=')));
        prop_assert_eq!(normalize_query(written), written);
    }

    #[test]
    fn what_is_signed_verifies(request in request()) {
        let authorization = request.sign();
        prop_assert_eq!(request.verify(&authorization), Ok(()));
    }

    #[test]
    fn what_was_changed_on_the_way_does_not(request in request(), other in request()) {
        let authorization = request.sign();
        for (changed, is_same) in [
            (Request { method: other.method.clone(), ..request.clone() },
                other.method == request.method),
            (Request { target: other.target.clone(), ..request.clone() },
                meaning(&other.target) == meaning(&request.target)),
            (Request { host: other.host.clone(), ..request.clone() }, other.host == request.host),
            (Request { date: other.date, ..request.clone() }, other.date == request.date),
            (Request { body: other.body.clone(), ..request.clone() },
                other.body == request.body || request.is_unsigned),
        ] {
            let expected = if is_same { Ok(()) } else { Err(Refusal::SignatureMismatch) };
            prop_assert_eq!(changed.verify(&authorization), expected, "{:?}", changed);
        }
    }

    #[test]
    fn no_header_makes_the_verifier_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
        let request = sample();
        prop_assert!(request.verify(&value).is_err());
        prop_assert!(request.verify(&[b"SDK-HMAC-SHA256 Access=", &*value].concat()).is_err());
        prop_assert!(request.verify(&[b"Basic ", &*value].concat()).is_err());
    }

    /// Each part of it is signed or is the signature, so that what passes says what was signed.
    #[test]
    fn a_changed_authorization_is_refused_or_says_the_same(
        request in request(), edits in edits(3),
    ) {
        let good = request.sign();
        let bytes = changed(&good, &edits);
        if request.verify(&bytes).is_ok() {
            let parts = |text: &[u8]| {
                let text = String::from_utf8(text.to_vec()).unwrap();
                text.split([' ', ',', '\t']).filter(|it| !it.is_empty()).map(str::to_owned).collect::<Vec<_>>()
            };
            prop_assert_eq!(parts(&bytes), parts(&good));
        }
    }

    #[test]
    fn a_changed_target_is_refused_or_stays_as_it_is_made(
        path in raw_path(), query in raw_query(), edits in edits(4),
    ) {
        let bytes = changed(format!("{path}?{query}").as_bytes(), &edits);
        let text = String::from_utf8_lossy(&bytes);
        let (path, query) = text.split_once('?').map_or((&*text, None), |(path, query)| (path, Some(query)));
        let Ok(clean) = clean_path(path) else { return Ok(()) };
        if let Ok(target) = Target::join("", &clean, query, QueryMode::Normalize) {
            let (path, query) = target.as_str().split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
            let again = Target::join("", &clean_path(path).unwrap(), query, QueryMode::Normalize).unwrap();
            prop_assert_eq!(again.as_str(), target.as_str());
        }
    }

    #[test]
    fn a_date_is_read_as_it_was_written(seconds in -62_167_219_200_i64..=253_402_300_799) {
        let date = SdkDate::from_unix_seconds(seconds);
        prop_assert_eq!(date.unix_seconds(), seconds);
        prop_assert_eq!(SdkDate::parse(date.as_bytes()), Some(date));
    }

    #[test]
    fn dates_sort_as_they_are_written(one in 0_i64..4_000_000_000, more in 1_i64..90_000) {
        let (one, other) = (SdkDate::from_unix_seconds(one), SdkDate::from_unix_seconds(one + more));
        prop_assert!(one.as_bytes() < other.as_bytes());
    }
}

const KEY: &str = "signature_key1";

#[derive(Clone, Debug)]
struct Request {
    method: String,
    target: Target,
    host: String,
    date: SdkDate,
    body: Vec<u8>,
    is_unsigned: bool,
}

impl Request {
    fn sign(&self) -> Vec<u8> {
        let payload = if self.is_unsigned { Payload::Unsigned } else { Payload::of(&self.body) };
        let request = SignRequest {
            method: &self.method,
            target: &self.target,
            host: &self.host,
            date: &self.date,
            payload,
        };
        let mut authorization = b"kept".to_vec();
        HmacSigner::new(KEY, &secret()).sign(&request, &mut authorization);
        authorization.split_off(4)
    }

    fn verify(&self, authorization: &[u8]) -> Result<(), Refusal> {
        let mut headers = vec![
            ("host", self.host.as_bytes()),
            ("x-sdk-date", self.date.as_bytes().as_slice()),
            ("authorization", authorization),
        ];
        if self.is_unsigned {
            headers.push(("x-sdk-content-sha256", UNSIGNED_PAYLOAD.as_bytes()));
        }
        let received =
            Received { method: &self.method, target: self.target.as_str(), headers: &headers };
        let options = VerifyOptions { unsigned_payload_allowed: true, ..VerifyOptions::default() };
        let secret = secret();
        verify(&received, &self.body, self.date.unix_seconds(), &options, |_, key| {
            (key == KEY).then_some(&secret)
        })
        .map(drop)
    }
}

fn secret() -> Secret {
    Secret::new("signature_secret1".into())
}

fn sample() -> Request {
    Request {
        method: "GET".into(),
        target: Target::join("", "/", None, QueryMode::Normalize).unwrap(),
        host: "backend.example.com".into(),
        date: SdkDate::from_unix_seconds(1_795_435_200),
        body: Vec::new(),
        is_unsigned: false,
    }
}

fn request() -> impl Strategy<Value = Request> {
    let mode = prop_oneof![Just(QueryMode::Normalize), Just(QueryMode::Raw)];
    let query = prop::option::of("[ -\"$-~]{0,20}".prop_map(|query| query.replace(' ', "+")));
    let target = (raw_path(), query, mode).prop_filter_map("refused", |(path, query, mode)| {
        Target::join("", &clean_path(&path).ok()?, query.as_deref(), mode).ok()
    });
    let body = prop::collection::vec(any::<u8>(), 0..40);
    let seconds = 0_i64..4_000_000_000;
    ("GET|POST|PUT|DELETE", target, "[a-z]{1,5}(:[1-9])?", seconds, body, any::<bool>()).prop_map(
        |(method, target, host, seconds, body, is_unsigned)| {
            let date = SdkDate::from_unix_seconds(seconds);
            Request { method, target, host, date, body, is_unsigned }
        },
    )
}

fn raw_path() -> impl Strategy<Value = String> {
    let segment = "\\.|\\.\\.|%2e|%2E\\.|[a-c]|%2F|%2f|%41|%5c|\\\\|;|\\+|//|%|%c3%A9|[ -~]";
    prop::collection::vec((segment, "/?"), 0..8)
        .prop_map(|pieces| pieces.iter().flat_map(|(a, b)| [a.as_str(), b.as_str()]).collect())
        .prop_map(|path: String| format!("/{path}"))
}

fn raw_query() -> impl Strategy<Value = String> {
    let piece = "[ab]|=|=|&|&|\\+|%20|%2B|%2b|%26|%3D|%|%4|%ff|%FF|é|~|%7e|\\PC";
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// A name and a value, decoded.
type Parameter = (Vec<u8>, Vec<u8>);

/// What a signature can tell apart of a target: a final `/` and the order of a query it cannot.
fn meaning(target: &Target) -> (Vec<u8>, Vec<Parameter>) {
    let mut path = decode(target.path(), false);
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    let mut query = parameters(target.query(), false);
    query.sort();
    (path, query)
}

/// A second, plainer reading of a query, to hold the first against.
fn parameters(query: &str, is_form: bool) -> Vec<Parameter> {
    let split = query.split('&').map(|one| one.split_once('=').unwrap_or((one, "")));
    split
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (decode(name, is_form), decode(value, is_form)))
        .collect()
}

fn decode(text: &str, is_form: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let escape = text.as_bytes().get(at + 1..at + 3).and_then(|hex| {
            let hex = std::str::from_utf8(hex).ok().filter(|hex| !hex.contains('+'))?;
            u8::from_str_radix(hex, 16).ok()
        });
        match (text.as_bytes()[at], escape) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) if is_form => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    out
}

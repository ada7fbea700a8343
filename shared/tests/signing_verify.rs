//! What a verifier refuses, and by which name.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use countersign_shared::secret::Secret;
use countersign_shared::signing::{
    BasicSigner, HmacSigner, Payload, QueryMode, Received, Refusal, Scheme, SdkDate, SignRequest,
    Target, UNSIGNED_PAYLOAD, Verified, VerifyOptions, verify,
};
use sha2::{Digest, Sha256};

const NOW: i64 = 1_795_435_200;
const KEY: &str = "signature_key1";
const BODY: &[u8] = b"{\"n\":1}";

/// A signed request as it arrives, whose parts a test then changes.
#[derive(Clone)]
struct Arrived {
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    options: VerifyOptions<'static>,
}

#[test]
fn a_signed_request_is_accepted() {
    let verified = signed(Payload::of(BODY)).verify().unwrap();
    assert_eq!((&*verified.key, verified.scheme), (KEY, Scheme::Hmac));
    assert!(verified.payload_signed);
    assert_eq!(verified.mark.unwrap().good_until, NOW + 900, "no longer than the clock allows");
}

#[test]
fn any_of_several_secrets_will_do() {
    let (old, new) = (secret("the_secret_before"), secret("signature_secret1"));
    let outcome = signed(Payload::of(BODY)).verify_with(|_, _| [&old, &new]);
    assert!(outcome.is_ok());
}

#[test]
fn no_signature_header_is_missing() {
    let arrived = signed(Payload::of(BODY)).without("authorization");
    let missing = Refusal::MissingAuthorization { header: "authorization".into() };
    assert_eq!(arrived.refusal(), missing);
    assert_eq!(missing.code(), "MISSING_AUTHORIZATION");
}

#[test]
fn the_signature_may_travel_in_a_header_of_another_name() {
    let mut arrived = signed(Payload::of(BODY));
    arrived.options.signature_header = "X-Gateway-Signature";
    assert_eq!(arrived.code(), "MISSING_AUTHORIZATION");
    let value = arrived.value("authorization");
    let moved = arrived.without("authorization").with("x-gateway-signature", &value);
    assert!(moved.verify().is_ok());
    assert!(moved.with("authorization", b"Bearer of the application").verify().is_ok());
}

#[test]
fn a_repeated_signature_header_is_malformed() {
    let arrived = signed(Payload::of(BODY));
    let value = arrived.value("authorization");
    assert_eq!(arrived.with("AUTHORIZATION", &value).code(), "MALFORMED_AUTHORIZATION");
}

#[test]
fn a_signature_header_in_any_other_form_is_malformed() {
    let hex = "0".repeat(64);
    for value in [
        String::new(),
        "Bearer abc".into(),
        "SDK-HMAC-SHA256".into(),
        format!("sdk-hmac-sha256 Access=k, SignedHeaders=host;x-sdk-date, Signature={hex}"),
        format!("SDK-HMAC-SHA256 Access=, SignedHeaders=host;x-sdk-date, Signature={hex}"),
        format!("SDK-HMAC-SHA256, Access=k, SignedHeaders=host;x-sdk-date, Signature={hex}"),
        format!("SDK-HMAC-SHA256 SignedHeaders=host;x-sdk-date, Access=k, Signature={hex}"),
        format!("SDK-HMAC-SHA256 Access=k,  SignedHeaders=host;x-sdk-date, Signature={hex}"),
        format!("SDK-HMAC-SHA256 Access=k, SignedHeaders=, Signature={hex}"),
        format!("SDK-HMAC-SHA256 Access=k, SignedHeaders=x-sdk-date;host, Signature={hex}"),
        format!("SDK-HMAC-SHA256 Access=k, SignedHeaders=host;host, Signature={hex}"),
        format!("SDK-HMAC-SHA256 Access=k, SignedHeaders=Host;x-sdk-date, Signature={hex}"),
        format!("SDK-HMAC-SHA256 Access=k, SignedHeaders=host;;x-sdk-date, Signature={hex}"),
        format!("SDK-HMAC-SHA256 Access=k, SignedHeaders=host;x-sdk-date, Signature={hex}0"),
        format!("SDK-HMAC-SHA256 Access=k, SignedHeaders=host;x-sdk-date, Signature={hex}, More=1"),
        format!("SDK-HMAC-SHA256 Access=k, SignedHeaders=host, Signature={}", "A".repeat(64)),
        format!("SDK-HMAC-SHA256 Access=k, SignedHeaders=host;x-sdk-date, Signature={}", "0"),
        "Basic".into(),
        "Basic ????".into(),
        "Basic bm9jb2xvbg==".into(),
        "Basic /zpwYXNzd29yZA==".into(),
    ] {
        let arrived = signed(Payload::of(BODY)).replaced("authorization", value.as_bytes());
        assert_eq!(arrived.code(), "MALFORMED_AUTHORIZATION", "{value}");
    }
}

#[test]
fn the_commas_need_no_space_after_them() {
    let arrived = signed(Payload::of(BODY));
    let value = String::from_utf8(arrived.value("authorization")).unwrap();
    let value = value.replace(", ", ",").replace("256 A", "256 \t A");
    assert!(arrived.replaced("authorization", value.as_bytes()).verify().is_ok());
}

#[test]
fn a_key_without_secrets_is_unknown() {
    let outcome = signed(Payload::of(BODY)).verify_with(|_, _| []);
    assert_eq!(outcome, Err(Refusal::UnknownKey));
    assert_eq!(Refusal::UnknownKey.code(), "UNKNOWN_KEY");
}

#[test]
fn a_key_is_good_for_its_own_scheme_only() {
    let secret = secret("signature_secret1");
    let basic = signed(Payload::of(BODY))
        .replaced("authorization", BasicSigner::new(KEY, &secret).authorization().as_bytes());
    let outcome = basic.verify_with(|scheme, _| (scheme == Scheme::Hmac).then_some(&secret));
    assert_eq!(outcome, Err(Refusal::UnknownKey));
}

#[test]
fn a_signed_header_that_does_not_arrive_is_missing() {
    assert_eq!(
        signed(Payload::of(BODY)).without("host").refusal(),
        Refusal::SignedHeaderMissing { name: "host".into() }
    );
    assert_eq!(signed(Payload::of(BODY)).without("host").code(), "SIGNED_HEADER_MISSING");
}

#[test]
fn host_must_be_signed() {
    let arrived = signed(Payload::of(BODY)).naming("x-sdk-date");
    assert_eq!(arrived.refusal(), Refusal::RequiredHeaderUnsigned { name: "host".into() });
    assert_eq!(arrived.code(), "SIGNED_HEADER_MISSING");
}

#[test]
fn a_signed_header_that_arrives_twice_is_refused() {
    for name in ["Host", "X-Sdk-Date"] {
        let arrived = signed(Payload::of(BODY));
        let value = arrived.value(name);
        assert_eq!(arrived.with(name, &value).code(), "SIGNED_HEADER_REPEATED", "{name}");
    }
    let twice = signed(Payload::Unsigned).with("X-Sdk-Content-Sha256", UNSIGNED_PAYLOAD.as_bytes());
    assert_eq!(twice.code(), "SIGNED_HEADER_REPEATED");
}

#[test]
fn the_date_must_arrive_and_be_signed() {
    let arrived = signed(Payload::of(BODY));
    assert_eq!(arrived.clone().without("x-sdk-date").code(), "DATE_MISSING_OR_UNSIGNED");
    assert_eq!(arrived.naming("host").code(), "DATE_MISSING_OR_UNSIGNED");
}

#[test]
fn the_date_must_be_a_date() {
    let arrived = signed(Payload::of(BODY)).replaced("x-sdk-date", b"20260230T120000Z");
    assert_eq!(arrived.code(), "DATE_MALFORMED");
}

#[test]
fn the_clocks_may_differ_by_fifteen_minutes_either_way() {
    for (seconds, is_accepted) in [(-901, false), (-900, true), (900, true), (901, false)] {
        let arrived = signed_at(NOW + seconds, Payload::of(BODY));
        assert_eq!(arrived.verify().is_ok(), is_accepted, "{seconds}");
    }
    let early = signed_at(NOW + 901, Payload::of(BODY)).refusal();
    assert_eq!(early, Refusal::ClockSkew { seconds: 901, max_seconds: 900, is_early: true });
    assert_eq!(early.code(), "CLOCK_SKEW");
    assert!(early.to_string().starts_with("the request was signed 901 s ahead of this clock"));
    let late = signed_at(NOW - 901, Payload::of(BODY)).refusal();
    assert!(late.to_string().starts_with("the request was signed 901 s ago"));

    let mut arrived = signed_at(NOW - 901, Payload::of(BODY));
    arrived.options.clock_skew_seconds_max = 901;
    assert!(arrived.verify().is_ok());
}

#[test]
fn another_secret_is_a_mismatch() {
    let other = secret("signature_secret2");
    let outcome = signed(Payload::of(BODY)).verify_with(|_, _| [&other]);
    assert_eq!(outcome, Err(Refusal::SignatureMismatch));
    assert_eq!(Refusal::SignatureMismatch.code(), "SIGNATURE_MISMATCH");
}

#[test]
fn an_unsigned_payload_is_refused_unless_allowed() {
    let mut arrived = signed(Payload::Unsigned);
    assert_eq!(arrived.code(), "UNSIGNED_PAYLOAD");
    arrived.options.unsigned_payload_allowed = true;
    assert!(!arrived.verify().unwrap().payload_signed);
    assert_eq!(arrived.without("x-sdk-content-sha256").code(), "SIGNED_HEADER_MISSING");
}

#[test]
fn nobody_can_mark_a_signed_payload_unsigned() {
    let mut arrived =
        signed(Payload::of(BODY)).with("x-sdk-content-sha256", UNSIGNED_PAYLOAD.as_bytes());
    arrived.options.unsigned_payload_allowed = true;
    assert_eq!(arrived.code(), "SIGNATURE_MISMATCH");
}

#[test]
fn a_body_that_is_not_the_one_in_the_content_header_is_refused() {
    let body_hash = data_encoding::HEXLOWER.encode(&Sha256::digest(BODY));
    let mut arrived = signed(Payload::of(BODY)).with("x-sdk-content-sha256", body_hash.as_bytes());
    assert!(arrived.verify().is_ok());
    arrived.body.push(b' ');
    assert_eq!(arrived.code(), "BODY_MISMATCH");
}

#[test]
fn a_basic_key_is_its_secret() {
    let secret = secret("signature_secret1");
    let signer = BasicSigner::new(KEY, &secret);
    assert_eq!(signer.authorization(), "Basic c2lnbmF0dXJlX2tleTE6c2lnbmF0dXJlX3NlY3JldDE=");
    assert_eq!(format!("{signer:?}"), "BasicSigner(redacted)");

    let arrived =
        signed(Payload::of(BODY)).replaced("authorization", signer.authorization().as_bytes());
    let scheme = Scheme::Basic;
    let verified = Verified { key: KEY.into(), scheme, payload_signed: false, mark: None };
    assert_eq!(arrived.verify(), Ok(verified));
    let any_case = arrived
        .clone()
        .replaced("authorization", signer.authorization().replace("Basic ", "basic  ").as_bytes());
    assert!(any_case.verify().is_ok());

    let other = self::secret("signature_secret2");
    assert_eq!(arrived.verify_with(|_, _| [&other]), Err(Refusal::SignatureMismatch));
    assert_eq!(arrived.verify_with(|_, _| []), Err(Refusal::UnknownKey));
}

#[test]
fn a_signer_shows_nothing_of_its_secret() {
    let signer = HmacSigner::new(KEY, &secret("signature_secret1"));
    let shown = format!("{signer:?}");
    assert!(shown.contains(KEY) && !shown.contains("secret"), "{shown}");
}

fn signed(payload: Payload) -> Arrived {
    signed_at(NOW, payload)
}

fn signed_at(unix_seconds: i64, payload: Payload) -> Arrived {
    let date = SdkDate::from_unix_seconds(unix_seconds);
    let request = SignRequest {
        method: "POST",
        target: &Target::join("", "/orders", Some("id=7"), QueryMode::Normalize).unwrap(),
        host: "backend.example.com:8443",
        date: &date,
        payload,
    };
    let mut authorization = Vec::new();
    HmacSigner::new(KEY, &secret("signature_secret1")).sign(&request, &mut authorization);
    let arrived =
        Arrived { headers: Vec::new(), body: BODY.into(), options: VerifyOptions::default() }
            .with("Host", b"backend.example.com:8443")
            .with("X-Sdk-Date", date.as_bytes())
            .with("Content-Type", b"application/json")
            .with("Authorization", &authorization);
    match payload {
        Payload::Unsigned => arrived.with("x-sdk-content-sha256", UNSIGNED_PAYLOAD.as_bytes()),
        _ => arrived,
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

impl Arrived {
    fn verify(&self) -> Result<Verified, Refusal> {
        let secret = secret("signature_secret1");
        self.verify_with(|_, key| (key == KEY).then_some(&secret))
    }

    fn verify_with<'s, S: IntoIterator<Item = &'s Secret>>(
        &self,
        secrets_of: impl FnOnce(Scheme, &str) -> S,
    ) -> Result<Verified, Refusal> {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let request = Received { method: "POST", target: "/orders?id=7", headers: &headers };
        verify(&request, &self.body, NOW, &self.options, secrets_of)
    }

    fn refusal(&self) -> Refusal {
        self.verify().unwrap_err()
    }

    fn code(&self) -> &'static str {
        self.refusal().code()
    }

    fn value(&self, name: &str) -> Vec<u8> {
        let is_named = |(sent, _): &&(String, Vec<u8>)| sent.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_named).unwrap().1.clone()
    }

    fn with(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(sent, _)| !sent.eq_ignore_ascii_case(name));
        self
    }

    fn replaced(self, name: &str, value: &[u8]) -> Self {
        self.without(name).with(name, value)
    }

    /// Rewrites the list of signed headers.
    fn naming(self, names: &str) -> Self {
        let value = String::from_utf8(self.value("authorization")).unwrap();
        let value = value.replace("host;x-sdk-date", names);
        self.replaced("authorization", value.as_bytes())
    }
}

//! The vectors made by the public signers, on every stage: canonical request, string to sign,
//! signature, and back through the verifier.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign_shared::secret::Secret;
use countersign_shared::signing::{
    CanonicalRequest, HmacSigner, Payload, QueryMode, Received, Refusal, SdkDate, SignRequest,
    Target, VerifyOptions, string_to_sign, verify,
};
use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body_b64: String,
    key: String,
    secret: String,
    date: String,
    canonical_request: String,
    string_to_sign: String,
    signature: String,
    authorization: String,
}

#[test]
fn every_stage_is_what_the_public_signers_made() {
    assert_eq!(vectors().len(), 18);
    for vector in vectors() {
        let mut names: Vec<_> =
            vector.headers.iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        names.sort();
        let headers: Vec<_> =
            names.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let (path, query) = vector.path_and_query();
        let body_hash = HEXLOWER.encode(&vector.body_sha256());
        let payload = vector.header("x-sdk-content-sha256").unwrap_or(&body_hash).as_bytes();
        let mut canonical = Vec::new();
        CanonicalRequest { method: &vector.method, path, query, headers: &headers, payload }
            .write(&mut canonical);
        assert_eq!(String::from_utf8_lossy(&canonical), vector.canonical_request, "{}", vector.id);

        let text = string_to_sign(&vector.date(), &canonical);
        assert_eq!(String::from_utf8_lossy(&text), vector.string_to_sign, "{}", vector.id);

        let signature = HmacSigner::new(&vector.key, &vector.secret()).signature(&text);
        assert_eq!(HEXLOWER.encode(&signature), vector.signature, "{}", vector.id);
    }
}

/// The signer signs the headers it sends and no others, so the vectors with more are left out,
/// and so is the one that sends a real hash, which the gateway never does.
#[test]
fn the_signer_writes_the_whole_header() {
    let ours = ["host", "x-sdk-date", "x-sdk-content-sha256"];
    let mut count = 0;
    for vector in vectors() {
        let is_other = |(name, _): &(String, String)| !ours.contains(&&*name.to_lowercase());
        if vector.headers.iter().any(is_other) || vector.id == "18-content-sha256" {
            continue;
        }
        let (path, query) = vector.path_and_query();
        let payload = match vector.header("x-sdk-content-sha256") {
            Some(_) => Payload::Unsigned,
            None => Payload::of(&vector.body()),
        };
        let request = SignRequest {
            method: &vector.method,
            target: &Target::join("", path, Some(query), QueryMode::Raw).unwrap(),
            host: vector.header("host").unwrap(),
            date: &vector.date(),
            payload,
        };
        let mut value = Vec::new();
        HmacSigner::new(&vector.key, &vector.secret()).sign(&request, &mut value);
        assert_eq!(String::from_utf8(value).unwrap(), vector.authorization, "{}", vector.id);
        count += 1;
    }
    assert_eq!(count, 14);
}

#[test]
fn the_verifier_accepts_what_the_public_signers_made() {
    for vector in vectors() {
        let outcome = verify_vector(&vector, vector.target(), &vector.body());
        assert_eq!(outcome, Ok(vector.key.clone()), "{}", vector.id);
    }
}

#[test]
fn the_verifier_refuses_another_query_and_another_body() {
    for vector in vectors() {
        let separator = if vector.target().contains('?') { '&' } else { '?' };
        let target = format!("{}{separator}more=1", vector.target());
        let outcome = verify_vector(&vector, &target, &vector.body());
        assert_eq!(outcome, Err(Refusal::SignatureMismatch), "{}", vector.id);

        let expected = match vector.header("x-sdk-content-sha256") {
            None => Err(Refusal::SignatureMismatch),
            Some("UNSIGNED-PAYLOAD") => Ok(vector.key.clone()),
            Some(_) => Err(Refusal::BodyMismatch),
        };
        let outcome = verify_vector(&vector, vector.target(), b"another body");
        assert_eq!(outcome, expected, "{}", vector.id);
    }
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../tests/vectors/sdk-hmac-sha256.json");
    serde_json::from_str::<File>(text).unwrap().vectors
}

fn verify_vector(vector: &Vector, target: &str, body: &[u8]) -> Result<String, Refusal> {
    let sent = vector.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let signature = ("Authorization", vector.authorization.as_bytes());
    let headers: Vec<_> = sent.chain([signature]).collect();
    let request = Received { method: &vector.method, target, headers: &headers };
    let options = VerifyOptions { unsigned_payload_allowed: true, ..VerifyOptions::default() };
    let secret = vector.secret();
    verify(&request, body, vector.date().unix_seconds(), &options, |_, key| {
        (key == vector.key).then_some(&secret)
    })
    .map(|verified| verified.key)
}

impl Vector {
    fn target(&self) -> &str {
        let after_scheme = self.url.strip_prefix("http://").unwrap();
        after_scheme.find('/').map_or("", |slash| &after_scheme[slash..])
    }

    fn path_and_query(&self) -> (&str, &str) {
        self.target().split_once('?').unwrap_or((self.target(), ""))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let is_named = |(sent, _): &&(String, String)| sent.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_named).map(|(_, value)| value.as_str())
    }

    fn body(&self) -> Vec<u8> {
        STANDARD.decode(&self.body_b64).unwrap()
    }

    fn body_sha256(&self) -> [u8; 32] {
        Sha256::digest(self.body()).into()
    }

    fn date(&self) -> SdkDate {
        SdkDate::parse(self.date.as_bytes()).unwrap()
    }

    fn secret(&self) -> Secret {
        Secret::new(self.secret.clone())
    }
}

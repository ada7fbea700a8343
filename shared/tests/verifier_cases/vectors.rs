//! The vectors made by the public signers, as cases.

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign_shared::signing::SdkDate;
use serde::Deserialize;

use crate::case::{Case, HMAC};
use crate::request::{NOW, Options, Request, Stages};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    title: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body_b64: String,
    key: String,
    date: String,
    canonical_request: String,
    string_to_sign: String,
    signature: String,
    authorization: String,
}

pub(crate) fn cases() -> Vec<Case> {
    let text = include_str!("../../../tests/vectors/sdk-hmac-sha256.json");
    serde_json::from_str::<File>(text).unwrap().vectors.into_iter().map(case).collect()
}

fn case(vector: Vector) -> Case {
    let after_scheme = vector.url.strip_prefix("http://").unwrap();
    let target = after_scheme.find('/').map_or("", |slash| &after_scheme[slash..]);
    let date = SdkDate::parse(vector.date.as_bytes()).unwrap();
    let mut request = Request::new(&vector.method, target).without("host").without("x-sdk-date");
    for (name, value) in &vector.headers {
        request = request.header(name, value);
    }
    let is_unsigned = request.value("x-sdk-content-sha256") == Some(b"UNSIGNED-PAYLOAD");
    let mut request = request
        .header("Authorization", vector.authorization)
        .body(STANDARD.decode(vector.body_b64).unwrap())
        .now(date.unix_seconds() - NOW)
        .options(Options { unsigned_payload_allowed: is_unsigned, ..Options::default() });
    request.stages = Some(Stages {
        canonical_request: vector.canonical_request.into(),
        string_to_sign: vector.string_to_sign.into(),
        signature: vector.signature,
    });
    let id = format!("vector-{}", vector.id);
    request.verified(&vector.key, HMAC, !is_unsigned, &id, &vector.title)
}

//! Every case that all verifiers share, put to [`Verifier`] as it is, and once more as a request of
//! the crate `http`, where that can hold it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic and tells a count"
)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use countersign_verify::{
    Received, Rejected, ReplayGuard, ReplayMark, Scheme, Secret, Verified, VerifiedBody, Verifier,
};
use http::Request;
use http::request::Parts;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Map, Value, json};

const CASES: &str = include_str!("../../cases/cases.json");

/// How many of a kind there are, and how many came out as expected.
#[derive(Default)]
struct Tally {
    passed: usize,
    all: usize,
}

#[tokio::test]
async fn the_verifier_answers_every_case_as_expected() {
    let file: Value = serde_json::from_str(CASES).unwrap();
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut as_http = 0;
    for case in file["cases"].as_array().unwrap() {
        let tally = tallies.entry(case["kind"].as_str().unwrap()).or_default();
        tally.all += 1;
        let outcomes = outcomes(&file["keys"], case).await;
        as_http += outcomes.len() - 1;
        if outcomes.iter().all(|outcome| *outcome == case["expected"]) {
            tally.passed += 1;
        } else {
            wrong.push(format!("{}: {outcomes:?}, not {}", case["id"], case["expected"]));
        }
    }
    assert!(as_http > 300, "{as_http} cases could be held by `http`");
    let told = |kind| format!("{}/{}", tallies[kind].passed, tallies[kind].all);
    println!(
        "CASES vectors={} accepts={} refusals={}",
        told("vector"),
        told("accept"),
        told("refuse")
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tallies.values().all(|tally| tally.all >= 18), "cases are missing");
}

/// As the case has it, and as `http` does.
async fn outcomes(keys: &Value, case: &Value) -> Vec<Value> {
    let body = Bytes::from(STANDARD.decode(case["body_b64"].as_str().unwrap()).unwrap());
    let verifier = verifier(keys.clone(), case["options"].as_object().unwrap());
    let now = case["now"].as_i64().unwrap();
    let target = String::from_utf8(bytes_of(&case["target"])).unwrap();
    let pairs = case["headers"].as_array().unwrap();
    let headers: Vec<_> = pairs.iter().map(|pair| (text(&pair[0]), bytes_of(&pair[1]))).collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();

    let received = Received { method: text(&case["method"]), target: &target, headers: &headers };
    let verdict = verifier.verify_received(&received, Full::new(body.clone()), now).await;
    let mut outcomes = vec![outcome(verdict, &body).await];
    if let Some(head) = held_by_http(&received) {
        let verdict = verifier.verify(&head, Full::new(body.clone()), now).await;
        outcomes.push(outcome(verdict, &body).await);
    }
    outcomes
}

async fn outcome(
    verdict: Result<(Verified, VerifiedBody<Full<Bytes>>), Rejected<Infallible>>,
    body: &Bytes,
) -> Value {
    match verdict {
        Ok((verified, rest)) => {
            let rest = rest.collect().await.unwrap().to_bytes();
            assert_eq!(rest, body, "the body stays readable");
            let scheme = name_of(verified.scheme);
            let payload_signed = verified.payload_signed;
            json!({ "key": verified.key, "scheme": scheme, "payload_signed": payload_signed })
        }
        Err(Rejected::Refused(refusal)) => json!({ "refused": refusal.code() }),
        Err(Rejected::Body(never)) => match never {},
    }
}

/// The request as a server hands it over, if it can say all of it.
fn held_by_http(received: &Received<'_>) -> Option<Parts> {
    let mut request = Request::builder().method(received.method).uri(received.target);
    for (name, value) in received.headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).ok()?.into_parts();
    let says_all = head.uri.path_and_query().is_some_and(|held| held == received.target);
    says_all.then_some(head)
}

/// One character below U+0100 is one byte.
fn bytes_of(value: &Value) -> Vec<u8> {
    text(value).chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn verifier(keys: Value, options: &Map<String, Value>) -> Verifier {
    let mut verifier = Verifier::new(move |scheme, key: &str| secrets(&keys, scheme, key));
    for (name, value) in options {
        verifier = match name.as_str() {
            "signature_header" => verifier.signature_header(value.as_str().unwrap()),
            "clock_skew_seconds_max" => verifier.clock_skew_seconds_max(value.as_u64().unwrap()),
            "unsigned_payload_allowed" => verifier.allow_unsigned_payload(),
            "body_bytes_max" => verifier.body_bytes_max(value.as_u64().unwrap()),
            "replay_guard_answers" => verifier.replay_guard(Says(value.as_bool().unwrap())),
            "required_headers" => {
                value.as_array().unwrap().iter().fold(verifier, |verifier, name| {
                    verifier.required_header(name.as_str().unwrap())
                })
            }
            _ => panic!("an option that this test does not know: {name}"),
        };
    }
    verifier
}

fn secrets(keys: &Value, scheme: Scheme, key: &str) -> Vec<Arc<Secret>> {
    let is_asked = |entry: &&Value| entry["scheme"] == name_of(scheme) && entry["key"] == key;
    let found = keys.as_array().unwrap().iter().find(is_asked);
    let texts = found.and_then(|entry| entry["secrets"].as_array()).into_iter().flatten();
    texts.map(|text| Arc::new(Secret::new(text.as_str().unwrap().to_owned()))).collect()
}

fn name_of(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Hmac => "SDK-HMAC-SHA256",
        Scheme::Basic => "Basic",
    }
}

/// A guard that gives one answer.
struct Says(bool);

impl ReplayGuard for Says {
    fn is_new<'a>(
        &'a self,
        _: &'a str,
        _: ReplayMark,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(ready(self.0))
    }
}

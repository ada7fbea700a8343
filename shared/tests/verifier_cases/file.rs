//! The file of cases as text: one field a line, all ASCII, so that every change can be read.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::case::{Case, Expected, KEYS};
use crate::request::{Options, Request};

pub(crate) fn written(cases: &[Case]) -> String {
    let keys = KEYS.iter().map(|(scheme, key, secrets)| {
        sorted(&json!({ "scheme": scheme, "key": key, "secrets": secrets })).to_string()
    });
    let cases = cases.iter().map(case);
    let text = format!(
        "{{\n\"about\": {},\n\"keys\": [\n{}\n],\n\"cases\": [\n{}\n]\n}}\n",
        Value::from(
            "What every verifier accepts and refuses; README.md beside this says how to read it."
        ),
        keys.collect::<Vec<_>>().join(",\n"),
        cases.collect::<Vec<_>>().join(",\n"),
    );
    ascii(&text)
}

/// The order of fields must not hang on how the JSON library was built.
fn sorted(value: &Value) -> Value {
    let mut value = value.clone();
    value.sort_all_objects();
    value
}

fn case(case: &Case) -> String {
    let request = &case.request;
    let kind = match case.expected {
        _ if case.id.starts_with("vector-") => "vector",
        Expected::Verified { .. } => "accept",
        Expected::Refused(_) => "refuse",
    };
    let expected = match &case.expected {
        Expected::Refused(code) => json!({ "refused": code }),
        Expected::Verified { key, scheme, payload_signed } => {
            json!({ "key": key, "scheme": scheme, "payload_signed": payload_signed })
        }
    };
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| json!([name, byte_text(value)])).collect();
    let mut fields = vec![
        ("id", json!(case.id)),
        ("says", json!(case.says)),
        ("kind", json!(kind)),
        ("method", json!(request.method)),
        ("target", json!(byte_text(request.target.as_bytes()))),
        ("headers", json!(headers)),
        ("body_b64", json!(STANDARD.encode(&request.body))),
        ("now", json!(request.now)),
        ("options", options(&request.options)),
        ("expected", expected),
    ];
    if let Some(stages) = stages(request) {
        fields.push(("stages", stages));
    }
    let lines: Vec<_> =
        fields.iter().map(|(name, value)| format!("  \"{name}\": {}", sorted(value))).collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

/// Only what differs from the defaults.
fn options(options: &Options) -> Value {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.into(), value);
        }
    };
    set("signature_header", options.signature_header.map(Value::from));
    set("clock_skew_seconds_max", options.clock_skew_seconds_max.map(Value::from));
    let has_required = !options.required_headers.is_empty();
    set("required_headers", has_required.then(|| json!(options.required_headers)));
    set("unsigned_payload_allowed", options.unsigned_payload_allowed.then_some(json!(true)));
    set("body_bytes_max", options.body_bytes_max.map(Value::from));
    set("replay_guard_answers", options.replay_guard_answers.map(Value::from));
    Value::Object(fields)
}

fn stages(request: &Request) -> Option<Value> {
    let stages = request.stages.as_ref()?;
    Some(json!({
        "canonical_request": byte_text(&stages.canonical_request),
        "string_to_sign": byte_text(&stages.string_to_sign),
        "signature": stages.signature,
    }))
}

/// Bytes as text, one character below U+0100 for each.
fn byte_text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Escapes what a reader of the file would not see.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\x7f' {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").unwrap();
            }
        }
    }
    out
}

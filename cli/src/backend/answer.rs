//! The sample backend's answers, all JSON. Never shows a Basic header, which is the secret itself.

use axum::body::Body;
use axum::response::Response;
use countersign_shared::signing::ALGORITHM;
use countersign_verify::{Refusal, Scheme, Verified};
use data_encoding::HEXLOWER;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// 200: what was seen.
pub(super) fn verified(verified: &Verified, seen: &Parts, body: &[u8]) -> Response {
    let scheme = match verified.scheme {
        Scheme::Hmac => ALGORITHM,
        Scheme::Basic => "Basic",
    };
    let headers: Vec<Value> = seen
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), shown(value.as_bytes())]))
        .collect();
    let target = seen.uri.path_and_query().map_or("/", |target| target.as_str());
    let body = json!({
        "verified": true,
        "key": verified.key,
        "scheme": scheme,
        "payload_signed": verified.payload_signed,
        "method": seen.method.as_str(),
        "target": target,
        "headers": headers,
        "body_bytes": body.len(),
        "body_sha256": HEXLOWER.encode(&Sha256::digest(body)),
    });
    answer(StatusCode::OK, &body)
}

/// 401, or 413 for a body that is too large: why not.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNAUTHORIZED,
    };
    not_verified(status, refusal.code(), &refusal.to_string())
}

pub(super) fn broken_body(why: &str) -> Response {
    let message = format!("the body did not arrive whole: {why}");
    not_verified(StatusCode::BAD_REQUEST, "BODY_BROKEN", &message)
}

fn not_verified(status: StatusCode, reason: &str, message: &str) -> Response {
    answer(status, &json!({ "verified": false, "reason": reason, "message": message }))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(laid_out(body)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// One field a line, and one header a line: to be read by people, and by `sed`.
fn laid_out(body: &Value) -> String {
    let Value::Object(fields) = body else { return format!("{body}\n") };
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| match value {
            Value::Array(items) if !items.is_empty() => {
                let items: Vec<String> = items.iter().map(|item| format!("    {item}")).collect();
                format!("  {name:?}: [\n{}\n  ]", items.join(",\n"))
            }
            value => format!("  {name:?}: {value}"),
        })
        .collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

/// A header's value; a Basic one, whatever header it travels in, without its credentials.
fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    match text.split_once(' ') {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("basic") => format!("{scheme} (redacted)"),
        _ => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_one_header_a_line_and_is_json() {
        let body = json!({ "verified": true, "headers": [["host", "a\"b"], ["x", ""]], "n": 1 });
        let text = laid_out(&body);
        assert_eq!(
            text,
            "{\n  \"verified\": true,\n  \"headers\": [\n    [\"host\",\"a\\\"b\"],\n    \
             [\"x\",\"\"]\n  ],\n  \"n\": 1\n}\n"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), body);
    }

    #[test]
    fn basic_credentials_are_not_shown_in_any_header() {
        assert_eq!(shown(b"BASIC b3JkZXJz"), "BASIC (redacted)");
        assert_eq!(shown(b"SDK-HMAC-SHA256 Access=a"), "SDK-HMAC-SHA256 Access=a");
        assert_eq!(shown(b"basic"), "basic");
    }
}

//! What a client is told whose request is not let through.

use std::fmt::Display;

use countersign_shared::signing::Refusal;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::verifier::Rejected;

/// 401, or 413 for a body that is too large, with the reason as JSON.
pub(crate) fn rejected<E: Display, B: From<String>>(rejected: &Rejected<E>) -> Response<B> {
    match rejected {
        Rejected::Refused(refusal @ Refusal::BodyTooLarge { .. }) => {
            answer(StatusCode::PAYLOAD_TOO_LARGE, refusal.code(), &refusal.to_string())
        }
        Rejected::Refused(refusal) => {
            answer(StatusCode::UNAUTHORIZED, refusal.code(), &refusal.to_string())
        }
        Rejected::Body(error) => {
            let message = format!("the body did not arrive whole: {error}");
            answer(StatusCode::BAD_REQUEST, "BODY_BROKEN", &message)
        }
    }
}

fn answer<B: From<String>>(status: StatusCode, reason: &str, message: &str) -> Response<B> {
    let body = json!({ "verified": false, "reason": reason, "message": message });
    let mut response = Response::new(B::from(format!("{body}\n")));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

//! A request that does not reach its handler, and what its client is told.

use std::fmt::Display;

use countersign_shared::signing::Refusal;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

/// Why a request does not reach its handler.
#[derive(Debug)]
pub enum Rejected<E> {
    Refused(Refusal),
    /// The body broke off while it was read.
    Body(E),
}

impl<E> From<Refusal> for Rejected<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E: Display> Rejected<E> {
    /// 401, or 413 for a body that is too large, with the reason as JSON.
    pub(crate) fn answer<B: From<String>>(&self) -> Response<B> {
        match self {
            Self::Refused(refusal @ Refusal::BodyTooLarge { .. }) => {
                answer(StatusCode::PAYLOAD_TOO_LARGE, refusal.code(), &refusal.to_string())
            }
            Self::Refused(refusal) => {
                answer(StatusCode::UNAUTHORIZED, refusal.code(), &refusal.to_string())
            }
            Self::Body(error) => {
                let message = format!("the body did not arrive whole: {error}");
                answer(StatusCode::BAD_REQUEST, "BODY_BROKEN", &message)
            }
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

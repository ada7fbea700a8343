//! gRPC's own way to say that something went wrong: status 200, and the error in `grpc-status` and
//! `grpc-message`. What a backend answers goes on as it is.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::answer::AnswerBody;
use super::refusal::Told;

const GRPC: &str = "application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// What a message may not hold as it is.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// Whether these are the headers of a call, or of its answer.
pub(super) fn is_call(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let rest = content_type.and_then(|value| value.strip_prefix(GRPC));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// Says a refusal as a caller understands it; any other answer stays.
pub(super) fn translate(response: &mut Response<AnswerBody>) {
    let Some(Told { code, message }) = response.extensions_mut().remove() else { return };
    let status = status_of(response.status());
    let message = utf8_percent_encode(&format!("{code}: {message}"), ESCAPED).to_string();
    *response.status_mut() = StatusCode::OK;
    *response.body_mut() = AnswerBody::Whole(None);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    headers.insert(GRPC_STATUS, HeaderValue::from(status));
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert(GRPC_MESSAGE, message);
    }
}

/// As gRPC's own rules translate HTTP's statuses, but where ours say more.
fn status_of(status: StatusCode) -> u16 {
    const UNKNOWN: u16 = 2;
    const DEADLINE_EXCEEDED: u16 = 4;
    const RESOURCE_EXHAUSTED: u16 = 8;
    const UNIMPLEMENTED: u16 = 12;
    const INTERNAL: u16 = 13;
    const UNAVAILABLE: u16 = 14;
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => UNIMPLEMENTED,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            RESOURCE_EXHAUSTED
        }
        StatusCode::GATEWAY_TIMEOUT => DEADLINE_EXCEEDED,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
        status if status.is_client_error() || status == StatusCode::INTERNAL_SERVER_ERROR => {
            INTERNAL
        }
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::refusal::Refusal;

    #[test]
    fn a_call_is_told_by_its_content_type() {
        let is_call = |content_type: &'static str| {
            let headers = [(CONTENT_TYPE, HeaderValue::from_static(content_type))];
            super::is_call(&headers.into_iter().collect())
        };
        assert!(is_call("application/grpc"));
        assert!(is_call("application/grpc+proto"));
        assert!(is_call("application/grpc;x=y"));
        assert!(!is_call("application/grpc-web"));
        assert!(!is_call("application/json"));
    }

    #[test]
    fn a_refusal_becomes_a_status_and_a_message() {
        let id = HeaderValue::from_static("1");
        let mut response = Refusal::bad_request("100% wrong").into_response(&id);
        translate(&mut response);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[GRPC_STATUS], "13");
        assert_eq!(response.headers()[GRPC_MESSAGE], "BAD_REQUEST: 100%25 wrong");
        let mut answered = Response::new(AnswerBody::Whole(None));
        *answered.status_mut() = StatusCode::NOT_FOUND;
        translate(&mut answered);
        assert_eq!(answered.status(), StatusCode::NOT_FOUND, "a backend's answer stays");
    }
}

//! gRPC's own way to say that something went wrong: status 200, and the error in `grpc-status` and
//! `grpc-message`. What a backend answers goes on as it is.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::answer::{AnswerBody, Reply};
use super::fields::Fields;

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
pub(super) fn translate(reply: &mut Reply) {
    let (Some(told), Fields::Map(headers)) = (&reply.told, &mut reply.fields) else { return };
    let status = status_of(reply.status);
    let message = format!("{}: {}", told.code, told.message);
    let message = utf8_percent_encode(&message, ESCAPED).to_string();
    reply.status = StatusCode::OK;
    reply.body = AnswerBody::Whole(None);
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
    use crate::proxy::request_id::RequestId;

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
        let id = RequestId::Theirs(HeaderValue::from_static("1"));
        let mut reply = Refusal::bad_request("100% wrong").into_reply(id.clone());
        translate(&mut reply);
        assert_eq!(reply.status, StatusCode::OK);
        let headers = reply.fields.into_map();
        assert_eq!(headers[GRPC_STATUS], "13");
        assert_eq!(headers[GRPC_MESSAGE], "BAD_REQUEST: 100%25 wrong");
        let mut answered = Reply { told: None, ..Refusal::ApiNotFound.into_reply(id) };
        translate(&mut answered);
        assert_eq!(answered.status, StatusCode::NOT_FOUND, "a backend's answer stays");
    }
}

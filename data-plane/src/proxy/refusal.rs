//! Why a request is not answered by a backend: the one list of the proxy's own answers, their
//! statuses and codes. The codes are stable; people match on them. It decides nothing.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{AnswerBody, Reply};
use super::fields::Fields;
use super::request_id::RequestId;

/// One variant per thing that a caller can do differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request is malformed.
    BadRequest(Cow<'static, str>),
    /// Where a message ends is in doubt, so nothing more is read from this connection.
    BadFraming(&'static str),
    ApiNotFound,
    MethodNotAllowed,
    /// The client was too slow with this.
    RequestTimeout(&'static str),
    BodyTooLarge {
        bytes_max: usize,
    },
    UriTooLong,
    TooManyRequests {
        retry_after_seconds: u64,
    },
    ExpectationFailed,
    HeadersTooLarge,
    SigningFailed,
    BackendUnreachable,
    BackendAnswerBroken,
    NoConfiguration,
    Overloaded,
    Draining,
    BackendTimeout,
}

impl Refusal {
    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::BadRequest(message.into())
    }

    pub(super) fn code(&self) -> &'static str {
        self.parts().1
    }

    /// Whether what follows on the connection may be something else than a request: the rest of a
    /// body, or what a client that takes CONNECT for granted sends through its tunnel.
    fn closes(&self) -> bool {
        matches!(
            self,
            Self::BadFraming(_)
                | Self::BodyTooLarge { .. }
                | Self::RequestTimeout(_)
                | Self::MethodNotAllowed
        )
    }

    fn parts(&self) -> (StatusCode, &'static str, Cow<'static, str>) {
        let (status, code, message) = match self {
            Self::BadRequest(message) => {
                return (StatusCode::BAD_REQUEST, "BAD_REQUEST", message.clone());
            }
            Self::BodyTooLarge { bytes_max } => {
                let message = format!("a body of at most {bytes_max} bytes is signed here");
                return (StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message.into());
            }
            Self::TooManyRequests { retry_after_seconds } => {
                let message =
                    format!("this client sends too much; try again in {retry_after_seconds} s");
                return (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", message.into());
            }
            Self::BadFraming(message) => (StatusCode::BAD_REQUEST, "BAD_REQUEST", *message),
            Self::ApiNotFound => {
                (StatusCode::NOT_FOUND, "API_NOT_FOUND", "no API answers here in this environment")
            }
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "CONNECT and TRACE are not proxied",
            ),
            Self::RequestTimeout(message) => {
                (StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", *message)
            }
            Self::UriTooLong => {
                (StatusCode::URI_TOO_LONG, "URI_TOO_LONG", "a URI has at most 32768 bytes")
            }
            Self::ExpectationFailed => (
                StatusCode::EXPECTATION_FAILED,
                "EXPECTATION_FAILED",
                "the only expectation that is known is 100-continue",
            ),
            Self::HeadersTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "HEADERS_TOO_LARGE",
                "one header has at most 32768 bytes, all together at most 131072",
            ),
            Self::SigningFailed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "SIGNING_FAILED",
                "the request could not be signed and was not forwarded",
            ),
            Self::BackendUnreachable => (
                StatusCode::BAD_GATEWAY,
                "BACKEND_UNREACHABLE",
                "no connection to the backend could be made",
            ),
            Self::BackendAnswerBroken => (
                StatusCode::BAD_GATEWAY,
                "BACKEND_ANSWER_BROKEN",
                "the backend's answer broke off or is not HTTP",
            ),
            Self::NoConfiguration => (
                StatusCode::SERVICE_UNAVAILABLE,
                "NO_CONFIGURATION",
                "this node has not got its configuration yet",
            ),
            Self::Overloaded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "OVERLOADED",
                "too much is under way at once; try again",
            ),
            Self::Draining => (
                StatusCode::SERVICE_UNAVAILABLE,
                "DRAINING",
                "this node is being shut down; try again",
            ),
            Self::BackendTimeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "BACKEND_TIMEOUT",
                "the backend did not begin to answer in time",
            ),
        };
        (status, code, Cow::Borrowed(message))
    }

    pub(super) fn into_reply(self, request_id: RequestId) -> Reply {
        let (status, code, message) = self.parts();
        let json = format!(
            r#"{{"error_code":"{code}","error_msg":"{}","request_id":"{}"}}"#,
            escape(&message),
            escape(request_id.as_str()),
        );
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Self::TooManyRequests { retry_after_seconds } = self {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds));
        }
        if self == Self::MethodNotAllowed {
            let allowed = "GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS";
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        Reply {
            status,
            fields: Fields::Map(Box::new(headers)),
            body: AnswerBody::whole(Bytes::from(json)),
            request_id,
            told: Some(Told { code, message, closes: self.closes() }),
        }
    }
}

/// What an answer of our own says, for whoever has to say it otherwise.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
    /// Nothing more is read from the connection.
    pub(super) closes: bool,
}

/// For a JSON string: the texts are visible ASCII, so two characters need care.
fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', r#"\""#)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn the_body_is_json_whatever_the_request_id_holds() {
        let id = RequestId::Theirs(HeaderValue::from_static(r#"a"b\c"#));
        let reply = Refusal::ApiNotFound.into_reply(id);
        let body = reply.body.collect().await.unwrap().to_bytes();
        assert_eq!(
            body,
            r#"{"error_code":"API_NOT_FOUND","error_msg":"no API answers here in this environment","request_id":"a\"b\\c"}"#
        );
    }
}

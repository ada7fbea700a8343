//! A refusal of the management API, taken apart as a client would.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What a caller can tell from a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: Code,
    pub message: String,
    /// `ErrorInfo.reason`.
    pub reason: String,
    pub metadata: HashMap<String, String>,
    /// The names of the fields of `BadRequest`, in its order.
    pub fields: Vec<String>,
    /// `RetryInfo`.
    pub retry_after: Option<Duration>,
}

/// The refusal in a reply that must be one.
pub fn refused<T: std::fmt::Debug>(reply: Result<T, Status>) -> Refused {
    let status = reply.expect_err("this was to be refused");
    let details = status.get_error_details();
    let info = details.error_info().expect("a status carries ErrorInfo");
    assert_eq!(info.domain, "countersign");
    let bad_request = details.bad_request().into_iter();
    let violations = bad_request.flat_map(|bad| &bad.field_violations);
    Refused {
        code: status.code(),
        message: status.message().to_owned(),
        reason: info.reason.clone(),
        metadata: info.metadata.clone(),
        retry_after: details.retry_info().and_then(|info| info.retry_delay),
        fields: violations.map(|violation| violation.field.clone()).collect(),
    }
}

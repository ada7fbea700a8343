//! The form of an error on the wire: a gRPC status with `google.rpc.ErrorInfo` (domain `countersign`)
//! and, for bad fields, `BadRequest`.

use std::collections::HashMap;
use std::time::Duration;

use countersign_proto::convert::InvalidField;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

pub const DOMAIN: &str = "countersign";

/// A status with a reason of its own.
pub fn status<'a>(
    code: Code,
    reason: &str,
    message: impl Into<String>,
    metadata: impl IntoIterator<Item = (&'a str, String)>,
) -> Status {
    let metadata: HashMap<String, String> =
        metadata.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    Status::with_error_details(
        code,
        message,
        ErrorDetails::with_error_info(reason, DOMAIN, metadata),
    )
}

/// What time heals: `RESOURCE_EXHAUSTED`, with how long to wait as `google.rpc.RetryInfo` and, for
/// people, in the metadata.
pub fn retry_after(reason: &str, message: impl Into<String>, wait: Duration) -> Status {
    let seconds = format!("{:.3}", wait.as_secs_f64());
    let metadata = HashMap::from([("retry_after_seconds".to_owned(), seconds)]);
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
    details.set_retry_info(Some(wait));
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// Bad fields, all at once.
pub fn invalid(fields: Vec<InvalidField>) -> Status {
    let bad: Vec<String> = fields.iter().map(ToString::to_string).collect();
    let message = format!("invalid fields: {}", bad.join("; "));
    let violations: Vec<FieldViolation> =
        fields.into_iter().map(|bad| FieldViolation::new(bad.field, bad.reason)).collect();
    let mut details = ErrorDetails::with_bad_request(violations);
    details.set_error_info("INVALID_FIELDS", DOMAIN, HashMap::new());
    Status::with_error_details(Code::InvalidArgument, message, details)
}

//! Conversions between the contract's messages and the vocabulary. What comes from outside is
//! parsed here once; inside, a value that exists is valid.

mod access;
mod backend;
mod definition;
mod event;
mod node;
mod parts;
mod snapshot;

use countersign_shared::key::SignatureKeyType;

use crate::v1;

pub use access::{role_from_proto, role_to_proto};
pub use backend::{backend_from_proto, backend_to_proto};
pub use definition::{
    body_policy_from_proto, body_policy_to_proto, definition_from_proto, definition_to_proto,
    match_mode_from_proto, match_mode_to_proto, method_from_proto, method_to_proto,
    query_mode_from_proto, query_mode_to_proto,
};
pub use event::{EVENT_SCHEMA_VERSION, record_from_proto, record_to_proto};
pub use snapshot::{snapshot_from_proto, snapshot_to_proto};

/// A field that does not hold what it must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidField {
    /// As in the message, such as `backend.targets[0]`.
    pub field: String,
    pub reason: String,
}

impl std::fmt::Display for InvalidField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for InvalidField {}

impl InvalidField {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "takes an error or a text, whichever is there"
    )]
    pub fn new(field: impl Into<String>, reason: impl ToString) -> Self {
        Self { field: field.into(), reason: reason.to_string() }
    }

    /// The same, for a message that stands in a field of another.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

pub fn timestamp(time_ms: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(time_ms.rem_euclid(1000) * 1_000_000).unwrap_or(0);
    prost_types::Timestamp { seconds: time_ms.div_euclid(1000), nanos }
}

/// Rounded down to milliseconds; a time that does not fit is refused.
pub fn time_ms(field: &str, timestamp: &prost_types::Timestamp) -> Result<i64, InvalidField> {
    let millis = i64::from(timestamp.nanos).div_euclid(1_000_000);
    (timestamp.seconds.checked_mul(1000))
        .and_then(|ms| ms.checked_add(millis))
        .ok_or_else(|| InvalidField::new(field, "not a time that fits"))
}

pub fn key_type_to_proto(key_type: SignatureKeyType) -> v1::SignatureKeyType {
    match key_type {
        SignatureKeyType::Hmac => v1::SignatureKeyType::Hmac,
        SignatureKeyType::Basic => v1::SignatureKeyType::Basic,
    }
}

/// The types that can sign. `AES` and `PUBLIC_KEY` are for the caller to answer.
pub fn key_type_from_proto(field: &str, key_type: i32) -> Result<SignatureKeyType, InvalidField> {
    match v1::SignatureKeyType::try_from(key_type) {
        Ok(v1::SignatureKeyType::Hmac) => Ok(SignatureKeyType::Hmac),
        Ok(v1::SignatureKeyType::Basic) => Ok(SignatureKeyType::Basic),
        _ => Err(InvalidField::new(field, "HMAC or BASIC")),
    }
}

/// Takes the value out of a `Result`, or files its error and goes on, so that a caller is told
/// of all bad fields at once.
pub trait Collect<T> {
    fn collect_into(self, violations: &mut Vec<InvalidField>) -> Option<T>;
}

impl<T> Collect<T> for Result<T, InvalidField> {
    fn collect_into(self, violations: &mut Vec<InvalidField>) -> Option<T> {
        self.map_err(|violation| violations.push(violation)).ok()
    }
}

impl<T> Collect<T> for Result<T, Vec<InvalidField>> {
    fn collect_into(self, violations: &mut Vec<InvalidField>) -> Option<T> {
        self.map_err(|found| violations.extend(found)).ok()
    }
}

//! What a control plane's error says: status, reason, the fields that are wrong, and, where this
//! command line knows better than the server, what to do.

use std::collections::BTreeMap;
use std::fmt;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::failure::Failure;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The gRPC status in its usual spelling, such as `NOT_FOUND`.
    pub(crate) status: &'static str,
    pub(crate) message: String,
    /// `ErrorInfo.reason`, empty where there is none.
    pub(crate) reason: String,
    pub(crate) metadata: BTreeMap<String, String>,
    /// `BadRequest`: field and description.
    pub(crate) violations: Vec<(String, String)>,
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let violations = details
            .bad_request()
            .map(|bad| {
                let pairs = bad.field_violations.iter();
                pairs.map(|one| (one.field.clone(), one.description.clone())).collect()
            })
            .unwrap_or_default();
        let info = details.error_info();
        Self {
            status: spelling(status.code()),
            message: status.message().to_owned(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            metadata: info
                .map(|info| info.metadata.clone().into_iter().collect())
                .unwrap_or_default(),
            violations,
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(Refusal::from(&status)))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.headline())?;
        for (field, description) in &self.violations {
            write!(f, "\n  {field}: {description}")?;
        }
        write!(f, "\n  ({}", self.status)?;
        if !self.reason.is_empty() && self.reason != self.status {
            write!(f, " {}", self.reason)?;
        }
        for (name, value) in &self.metadata {
            write!(f, ", {name}={value}")?;
        }
        f.write_str(")")?;
        if let Some(advice) = advice(self.status, &self.reason) {
            write!(f, "\n  what to do: {advice}")?;
        }
        Ok(())
    }
}

impl Refusal {
    /// The message, without the violations: each has a line of its own.
    fn headline(&self) -> &str {
        let first =
            self.violations.first().map(|(field, description)| format!("{field}: {description}"));
        let end = first.and_then(|first| self.message.find(&first)).unwrap_or(self.message.len());
        match self.message.split_at(end).0.trim_end_matches([' ', ':']) {
            "" => "refused",
            headline => headline,
        }
    }
}

/// What helps on this command line; the server's message speaks of fields and calls.
fn advice(status: &str, reason: &str) -> Option<&'static str> {
    Some(match (status, reason) {
        (_, "API_ALREADY_BOUND") => "exchange the bound key without a gap with --replace",
        (_, "API_NOT_PUBLISHED") => "publish it first: countersign api publish API --env ENV",
        (_, "KEY_STILL_BOUND") => "unbind it first, or unbind and delete in one with --force",
        (_, "API_STILL_PUBLISHED" | "API_STILL_BOUND") => {
            "take it offline and unbind it first, or do it all in one with --force"
        }
        (_, "GROUP_NOT_EMPTY") => "see `countersign api list --group GROUP` and delete those first",
        (_, "ENVIRONMENT_IN_USE") => {
            "see `countersign publication list --env ENV` and `countersign binding list --env ENV`"
        }
        (_, "AMBIGUOUS_NAME") => "say which one: GROUP/NAME, or its id",
        (_, "REVISION_MISMATCH") => {
            "somebody wrote in between: read again, and repeat with the revision found"
        }
        (_, "REQUEST_ID_REUSED") => {
            "take another --request-id; this one belongs to another request"
        }
        (_, "NO_CREDENTIALS") => {
            "give --control-plane-cert and --control-plane-key, or --token-file; on the first start \
             the data directory has a token in `bootstrap-token`"
        }
        (_, "NOT_PERMITTED") => {
            "see `countersign whoami`; an admin grants rights with `countersign operator grant`"
        }
        ("UNAVAILABLE", _) => "nothing was written: try again",
        ("DEADLINE_EXCEEDED", _) => {
            "it is not known whether it was written: repeat with the same --request-id, or look"
        }
        _ => return None,
    })
}

fn spelling(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    #[test]
    fn a_bad_request_names_every_field() {
        let mut details = ErrorDetails::new();
        details.set_error_info("BAD_FIELDS", "countersign", HashMap::new()).set_bad_request(vec![
            FieldViolation::new("signature_key.name", "must begin with a letter"),
            FieldViolation::new("secret", "must have 16–64 characters"),
        ]);
        let status = Status::with_error_details(
            Code::InvalidArgument,
            "fields are wrong: signature_key.name: must begin with a letter",
            details,
        );
        assert_eq!(
            Failure::from(status).to_string(),
            "error: fields are wrong\n  \
             signature_key.name: must begin with a letter\n  \
             secret: must have 16–64 characters\n  \
             (INVALID_ARGUMENT BAD_FIELDS)"
        );
    }

    #[test]
    fn a_bound_api_says_by_which_key_and_what_to_do() {
        let bound = HashMap::from([("signature_key_name".to_owned(), "orders".to_owned())]);
        let details = ErrorDetails::with_error_info("API_ALREADY_BOUND", "countersign", bound);
        let status = Status::with_error_details(Code::AlreadyExists, "already bound", details);
        assert_eq!(
            Failure::from(status).to_string(),
            "error: already bound\n  (ALREADY_EXISTS API_ALREADY_BOUND, signature_key_name=orders)\n  \
             what to do: exchange the bound key without a gap with --replace"
        );
    }

    #[test]
    fn a_bare_status_is_still_a_sentence() {
        let failure = Failure::from(Status::new(Code::Unavailable, ""));
        assert_eq!(
            failure.to_string(),
            "error: refused\n  (UNAVAILABLE)\n  what to do: nothing was written: try again"
        );
    }
}

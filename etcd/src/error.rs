//! What goes wrong with a call, and what to do about it: to ask another member, to get another token, or
//! to say what has to be changed.

use std::error::Error as _;

use countersign_transport::client::{self as transport, Distrust};
use tonic::{Code, Status};

#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("`{0}` is not an address of etcd: give one such as https://etcd-1:2379")]
    Address(String),
    /// Nobody knows what became of it.
    #[error("etcd does not answer ({endpoint}: {why})")]
    Unavailable { endpoint: String, why: String },
    #[error("etcd has no space left (NOSPACE): compact and defragment it, then disarm its alarm")]
    NoSpace,
    /// This process is not let in, or not to the keys that it needs.
    #[error("etcd refuses ({endpoint}: {why}): {advice}")]
    Barred { endpoint: String, why: String, advice: &'static str },
    #[error("etcd refuses ({endpoint}: {why})")]
    Refused { endpoint: String, why: String },
}

/// What to do about a call that was not answered.
pub(crate) enum Verdict {
    AskAnother,
    Distrust(Distrust),
    NewToken,
    Full,
    /// With what to do about it.
    Barred(&'static str),
    Refused,
}

const NAME_ITS_CA: &str = "name the CA that vouches for it by --etcd-ca";
const SHOW_A_CERTIFICATE: &str =
    "show it a certificate that its --trusted-ca-file vouches for, by --etcd-cert and --etcd-key";
const CHECK_THE_PASSWORD: &str = "check --etcd-user and --etcd-password-file";
const NAME_A_USER: &str = "it asks for a user: give --etcd-user and --etcd-password-file";
const NAME_NO_USER: &str =
    "leave --etcd-user out, or have etcd ask for users (`etcdctl auth enable`)";
const GRANT_THE_PREFIX: &str = "give the user a role that may read and write the log's prefix \
                                (`etcdctl role grant-permission --prefix=true ROLE readwrite PREFIX/`)";

pub(crate) fn verdict(status: &Status) -> Verdict {
    let says = |what| status.message().contains(what);
    match status.code() {
        Code::ResourceExhausted if says("space exceeded") => Verdict::Full,
        Code::Unauthenticated => Verdict::NewToken,
        // Somebody's rights were changed since the token was given.
        Code::InvalidArgument if says("revision of auth store is old") => Verdict::NewToken,
        Code::InvalidArgument if says("authentication failed") => {
            Verdict::Barred(CHECK_THE_PASSWORD)
        }
        Code::InvalidArgument if says("user name is empty") => Verdict::Barred(NAME_A_USER),
        Code::FailedPrecondition if says("authentication is not enabled") => {
            Verdict::Barred(NAME_NO_USER)
        }
        Code::PermissionDenied => Verdict::Barred(GRANT_THE_PREFIX),
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::ResourceExhausted => Verdict::Refused,
        _ => transport::distrust(status).map_or(Verdict::AskAnother, Verdict::Distrust),
    }
}

/// What to do about it.
pub(crate) fn advice(distrust: Distrust) -> &'static str {
    match distrust {
        Distrust::OfThem => NAME_ITS_CA,
        Distrust::OfUs => SHOW_A_CERTIFICATE,
    }
}

/// What etcd said, or what is at the bottom of there being no answer.
pub(crate) fn cause(status: &Status) -> String {
    let Some(mut cause) = status.source() else { return status.message().to_owned() };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

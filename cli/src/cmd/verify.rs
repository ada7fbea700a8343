//! `countersign verify`, and the options that `explain` shares with it.

use clap::Args;
use countersign_shared::secret::Secret;
use countersign_shared::signing::{
    ALGORITHM, AUTHORIZATION_HEADER, Received, Refusal, Scheme, Verified, VerifyOptions, verify,
};
use serde_json::{Value, json};

use crate::args::Globals;
use crate::captured::{Captured, RequestArgs};
use crate::failure::Failure;
use crate::moment;
use crate::secret_source::SecretArgs;

/// Verify a captured request as a backend does
///
/// Exit status 1 with the reason where a backend would refuse it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign verify --raw captured.http --secret-file ./secret
  countersign verify http://shop.internal/orders -H 'X-Sdk-Date: 20261123T120000Z' \\
      -H 'Authorization: SDK-HMAC-SHA256 …' --secret-file ./secret --at 2026-11-23T12:00:00Z")]
pub(crate) struct Verify {
    #[command(flatten)]
    request: RequestArgs,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    options: BackendOptions,
}

// What a backend insists on.
#[derive(Debug, Clone, Args)]
pub(crate) struct BackendOptions {
    /// Accept this key only; any unless given
    #[arg(long)]
    key: Option<String>,

    /// The backend's clock: 2026-11-23T12:00:00Z, or `5m ago`; now unless given
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    at: Option<prost_types::Timestamp>,

    /// The header that carries the signature
    #[arg(long, value_name = "NAME", default_value = AUTHORIZATION_HEADER)]
    pub(super) signature_header: String,

    /// How far X-Sdk-Date may lie from the clock, either way
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    clock_skew_seconds_max: u64,

    /// A header that must be signed besides Host and X-Sdk-Date; again for each
    #[arg(long, value_name = "NAME")]
    required_header: Vec<String>,

    /// Accept a body that is not signed, marked UNSIGNED-PAYLOAD
    #[arg(long)]
    allow_unsigned_payload: bool,
}

impl BackendOptions {
    pub(super) fn verdict(&self, request: &Captured, secret: &Secret) -> Result<Verified, Refusal> {
        let pairs = request.pairs();
        let received =
            Received { method: &request.method, target: &request.target, headers: &pairs };
        let required: Vec<&str> = self.required_header.iter().map(String::as_str).collect();
        let options = VerifyOptions {
            signature_header: &self.signature_header,
            clock_skew_seconds_max: self.clock_skew_seconds_max,
            required_headers: &required,
            unsigned_payload_allowed: self.allow_unsigned_payload,
            body_bytes_max: u64::MAX,
        };
        let now = moment::unix_seconds(self.at.as_ref());
        let is_wanted = |key: &str| self.key.as_ref().is_none_or(|wanted| wanted == key);
        verify(&received, &request.body, now, &options, |_, key| is_wanted(key).then_some(secret))
    }
}

pub(super) fn run(args: &Verify, globals: &Globals) -> Result<(), Failure> {
    let request = args.request.read(&args.secret)?;
    let secret = args.secret.known()?;
    let verdict = args.options.verdict(&request, &secret);
    globals.output().value(&told(&verdict), || line(&verdict))?;
    match verdict {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::failed("a backend would refuse this request")
            .advise("`countersign explain` with the same arguments looks for the cause")),
    }
}

/// A verdict as data, as sample backends answer it.
pub(super) fn told(verdict: &Result<Verified, Refusal>) -> Value {
    match verdict {
        Ok(verified) => json!({
            "verified": true,
            "key": verified.key,
            "scheme": scheme(verified),
            "payload_signed": verified.payload_signed,
        }),
        Err(refusal) => json!({
            "verified": false,
            "reason": refusal.code(),
            "message": refusal.to_string(),
        }),
    }
}

/// A verdict for people.
pub(super) fn line(verdict: &Result<Verified, Refusal>) -> String {
    match verdict {
        Ok(verified) => {
            let body = if verified.payload_signed { "with" } else { "without" };
            format!("verified: {} by the key {}, {body} its body", scheme(verified), verified.key)
        }
        Err(refusal) => format!("refused: {}: {refusal}", refusal.code()),
    }
}

fn scheme(verified: &Verified) -> &'static str {
    match verified.scheme {
        Scheme::Hmac => ALGORITHM,
        Scheme::Basic => "Basic",
    }
}

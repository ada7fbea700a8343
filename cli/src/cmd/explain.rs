//! `countersign explain`

use std::fmt::Write as _;

use clap::Args;
use countersign_shared::signing::explain::{Explanation, Mistake, Questioned, explain};
use countersign_shared::signing::{Received, Refusal, Verified};
use serde_json::{Value, json};

use super::verify::{self, BackendOptions};
use crate::args::Globals;
use crate::captured::RequestArgs;
use crate::failure::Failure;
use crate::secret_source::SecretArgs;

/// Explain a signature: how it is made, and what went wrong where it does not fit
///
/// Prints the canonical request, the string to sign and the signature as they have to be. Where the
/// request carries another signature, the known mistakes are made one by one and in pairs, until one
/// of them reproduces it. The secret is never printed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign explain --raw captured.http --secret-file ./secret
  curl -sv http://shop.internal/orders 2>&1 >/dev/null | countersign explain --raw - \\
      --secret-file ./secret
  countersign explain /orders?b=2 -H 'Host: shop.internal' -H 'X-Sdk-Date: 20261123T120000Z' \\
      -H 'Authorization: SDK-HMAC-SHA256 …' --secret-file ./secret --host www.example.com")]
pub(crate) struct Explain {
    #[command(flatten)]
    request: RequestArgs,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    options: BackendOptions,

    /// A host that the signer may have meant; again for each
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
}

pub(super) fn run(args: &Explain, globals: &Globals) -> Result<(), Failure> {
    let request = args.request.read(&args.secret)?;
    let secret = args.secret.known()?;
    let verdict = args.options.verdict(&request, &secret);
    let pairs = request.pairs();
    let hosts: Vec<&str> = args.host.iter().chain(&request.url_host).map(String::as_str).collect();
    let questioned = Questioned {
        received: Received { method: &request.method, target: &request.target, headers: &pairs },
        body: &request.body,
        signature_header: &args.options.signature_header,
        other_hosts: &hosts,
    };
    match explain(&questioned, &secret) {
        Ok(explanation) => {
            let value = told(&explanation, &verdict);
            globals.output().value(&value, || text(&explanation, &verdict))
        }
        // Basic, or nothing to take apart: what a backend says is all there is to say.
        Err(_) => globals.output().value(&verify::told(&verdict), || verify::line(&verdict)),
    }
}

fn told(explanation: &Explanation, verdict: &Result<Verified, Refusal>) -> Value {
    let mistake = |mistake: &Mistake| json!({ "code": mistake.code, "what": mistake.what, "remedy": mistake.remedy });
    let causes: Vec<Vec<Value>> =
        explanation.causes.iter().map(|cause| cause.iter().map(mistake).collect()).collect();
    json!({
        "fits": explanation.fits(),
        "verdict": verify::told(verdict),
        "causes": causes,
        "signature": explanation.signature,
        "given_signature": explanation.given_signature,
        "string_to_sign": String::from_utf8_lossy(&explanation.string_to_sign),
        "canonical_request": String::from_utf8_lossy(&explanation.canonical_request),
    })
}

fn text(explanation: &Explanation, verdict: &Result<Verified, Refusal>) -> String {
    let mut text = String::new();
    for (title, stage) in [
        ("canonical request", &explanation.canonical_request),
        ("string to sign", &explanation.string_to_sign),
    ] {
        let _ = writeln!(text, "{title}");
        for line in stage.split(|byte| *byte == b'\n') {
            // What cannot be seen is shown as an escape.
            let _ = writeln!(text, "  | {}", line.escape_ascii());
        }
    }
    let _ = writeln!(text, "signature\n  | {}", explanation.signature);
    if !explanation.fits() {
        let _ = writeln!(text, "given\n  | {}", explanation.given_signature);
    }
    let _ = writeln!(text, "\n{}", verify::line(verdict));
    if explanation.fits() {
        let _ = writeln!(text, "The signature fits the request and the secret.");
    } else if explanation.causes.is_empty() {
        text.push_str(UNKNOWN);
    }
    for cause in &explanation.causes {
        for mistake in cause {
            let Mistake { code, what, remedy } = mistake;
            let _ = writeln!(text, "cause: the signer {what} ({code})\n  what to do: {remedy}");
        }
    }
    text
}

const UNKNOWN: &str = "\
cause: unknown; no known mistake makes this signature
  what to do: compare the secret's fingerprint with the gateway's (`countersign key get`), and the
              canonical request above with the one that the signer logs, line by line
";

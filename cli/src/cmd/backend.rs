//! `countersign backend`

use std::net::SocketAddr;

use clap::Args;
use countersign_shared::secret::Secret;

use crate::backend::{Backend, Config};
use crate::failure::Failure;
use crate::logging::LogArgs;
use crate::secret_source::SecretArgs;
use crate::signals::StopSignals;

/// The one variable that holds a secret, for a process that a supervisor starts.
const SECRET_VARIABLE: &str = "COUNTERSIGN_BACKEND_SECRET";

/// Run a sample backend that verifies the signature of each request
///
/// It answers 200 with what it saw, or 401 with the reason, both as JSON. The secret comes from
/// --secret-stdin, --secret-file or the variable `COUNTERSIGN_BACKEND_SECRET`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign backend --key orders-2026 --secret-file ./secret
  pass show gateway/orders | countersign backend --key orders-2026 --secret-stdin \\
      --listen 0.0.0.0:9000")]
pub(crate) struct BackendArgs {
    /// Where to listen
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "COUNTERSIGN_BACKEND_LISTEN",
        hide_env_values = true
    )]
    #[arg(default_value = "127.0.0.1:9000")]
    listen: SocketAddr,

    /// The key whose signature is accepted, HMAC or Basic
    #[arg(long, env = "COUNTERSIGN_BACKEND_KEY", hide_env_values = true, required = true)]
    key: String,

    #[command(flatten)]
    secret: SecretArgs,

    /// Accept requests whose body is not signed, marked UNSIGNED-PAYLOAD
    #[arg(long, env = "COUNTERSIGN_BACKEND_ALLOW_UNSIGNED_PAYLOAD", hide_env_values = true)]
    allow_unsigned_payload: bool,

    #[command(flatten)]
    log: LogArgs,
}

pub(super) async fn run(args: BackendArgs) -> Result<(), Failure> {
    args.log.begin("info")?;
    let mut signals = StopSignals::catch()?;
    let config = Config {
        listen: args.listen,
        key: args.key,
        secret: secret(&args.secret)?,
        unsigned_payload_allowed: args.allow_unsigned_payload,
    };
    let backend = Backend::start(config).await.map_err(|error| {
        Failure::failed(error.to_string()).advise("choose another address with --listen")
    })?;
    tracing::info!("the sample backend listens on http://{}", backend.address());
    signals.received().await;
    tracing::info!("stopping");
    backend.shutdown().await;
    Ok(())
}

fn secret(args: &SecretArgs) -> Result<Secret, Failure> {
    if let Some(secret) = args.given()? {
        return Ok(secret);
    }
    match std::env::var(SECRET_VARIABLE) {
        Ok(text) if !text.is_empty() => Ok(Secret::new(text)),
        _ => Err(Failure::usage(format!(
            "the backend needs the secret: give --secret-stdin, --secret-file or {SECRET_VARIABLE}"
        ))),
    }
}

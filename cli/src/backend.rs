//! The sample backend: verifies the signature of every request as a real one should, and answers
//! with what it saw, or with the reason why not. It keeps nothing and forwards nothing.

mod answer;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use countersign_shared::secret::Secret;
use countersign_shared::signing::{Received, VerifyOptions, verify};
use http_body_util::{BodyExt as _, Limited};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock;

/// The field's limit on a request body, the same as the gateway's.
const BODY_BYTES_MAX: usize = 12 * 1024 * 1024;
/// How long requests that are under way may take to end when the backend is stopped.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// What the backend listens on, and whose signature it accepts.
#[derive(Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub key: String,
    /// The secret of the key, for HMAC and Basic alike.
    pub secret: Secret,
    /// Whether a request whose body is not signed (`UNSIGNED-PAYLOAD`) is good enough.
    pub unsigned_payload_allowed: bool,
}

/// The address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// A backend that runs.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Backend {
    /// Listens, and serves from then on.
    pub async fn start(config: Config) -> Result<Self, ListenError> {
        let refused = |source| ListenError { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (stop, stopped) = oneshot::channel();
        let router = Router::new().fallback(answer_to).with_state(Arc::new(config));
        let serving = tokio::spawn(async move {
            let stopped = async move {
                // A sender that is gone asks for the same thing as one that sent.
                let _ = stopped.await;
            };
            axum::serve(listener, router).with_graceful_shutdown(stopped).await
        });
        Ok(Self { address, stop, serving })
    }

    /// Where it listens; tells the port where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, and waits a while for the requests under way.
    pub async fn shutdown(self) {
        let _ = self.stop.send(());
        let ending = self.serving.abort_handle();
        if tokio::time::timeout(DRAIN_TIME_MAX, self.serving).await.is_err() {
            ending.abort();
        }
    }
}

async fn answer_to(State(config): State<Arc<Config>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return answer::too_large(BODY_BYTES_MAX);
        }
        Err(error) => return answer::broken_body(&error.to_string()),
    };
    let body_sha256: [u8; 32] = Sha256::digest(&body).into();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let headers: Vec<(&str, &[u8])> =
        head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let received =
        Received { method: head.method.as_str(), target, headers: &headers, body_sha256 };
    let options = VerifyOptions {
        unsigned_payload_allowed: config.unsigned_payload_allowed,
        ..VerifyOptions::default()
    };
    let secrets_of = |_, key: &str| (key == config.key).then_some(&config.secret);
    match verify(&received, clock::now().as_second(), &options, secrets_of) {
        Ok(verified) => {
            tracing::info!(method = received.method, target, key = verified.key, "verified");
            answer::verified(&verified, &received, body.len())
        }
        Err(refusal) => {
            tracing::warn!(method = received.method, target, reason = refusal.code(), "refused");
            answer::refused(&refusal)
        }
    }
}

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
use countersign_verify::{Rejected, Verifier};
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock;

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
        let router = Router::new().fallback(answer_to).with_state(Arc::new(verifier(config)));
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

/// One secret, for whichever type the key has.
fn verifier(config: Config) -> Verifier {
    let Config { key, secret, unsigned_payload_allowed, .. } = config;
    let secret = Arc::new(secret);
    let secrets_of = move |_, asked: &str| {
        if asked == key { vec![Arc::clone(&secret)] } else { vec![] }
    };
    let verifier = Verifier::new(secrets_of);
    if unsigned_payload_allowed { verifier.allow_unsigned_payload() } else { verifier }
}

async fn answer_to(State(verifier): State<Arc<Verifier>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let method = &head.method;
    match verifier.verify(&head, body, clock::now().as_second()).await {
        Ok((caller, body)) => match body.collect().await {
            Ok(body) => {
                tracing::info!(%method, target, key = caller.key, "verified");
                answer::verified(&caller, &head, &body.to_bytes())
            }
            Err(error) => answer::broken_body(&error.to_string()),
        },
        Err(Rejected::Refused(refusal)) => {
            tracing::warn!(%method, target, reason = refusal.code(), "refused");
            answer::refused(&refusal)
        }
        Err(Rejected::Body(error)) => answer::broken_body(&error.to_string()),
    }
}

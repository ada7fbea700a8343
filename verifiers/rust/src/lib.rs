//! Verifies in a backend that a request came through the gateway: as a tower layer for axum,
//! tonic and every other tower server, or by hand with a [`Verifier`]. It does what
//! `verifiers/README.md` says for all languages, over the gateway's own verifier.
//!
//! ```
//! use axum::{Extension, Router, routing::get};
//! use countersign_verify::{KnownKeys, Secret, Verified, VerifyLayer};
//!
//! # fn router() -> Router {
//! let keys = KnownKeys::new().hmac("orders-2026", Secret::new("…".to_owned()));
//! Router::new()
//!     .route("/orders", get(|caller: Extension<Verified>| async move { caller.key.clone() }))
//!     .layer(VerifyLayer::new(keys))
//! # }
//! ```
//!
//! A handler behind the layer runs only for verified requests. It finds a [`Verified`] among the
//! request's extensions, and reads the body as ever.

mod body;
mod clock;
mod keys;
mod layer;
mod rejected;
mod verifier;

pub use body::VerifiedBody;
pub use countersign_shared::secret::Secret;
pub use countersign_shared::signing::{Received, Refusal, ReplayMark, Scheme, Verified};
pub use keys::{Keys, KnownKeys};
pub use layer::{Verify, VerifyLayer};
pub use rejected::Rejected;
pub use verifier::{ReplayGuard, Verifier};

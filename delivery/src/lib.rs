//! How secrets travel. The control plane seals each secret under its environment's delivery key, and
//! that key to each node; whoever stands in between carries ciphertext. Pure: it keeps nothing, sends
//! nothing, and reads no clock. docs/sync.md says what this protects from and what not.

mod hand_over;
mod key;

pub use hand_over::{HandOver, PUBLIC_KEY_BYTES, Recipient, hand_over};
pub use key::{Bound, DeliveryKey, DeliveryRoot, KEY_BYTES};

/// What was sealed does not open: it was changed, or it is somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it does not open: it was changed, or it is of something else")]
pub struct NotOpened;

/// The cryptographic library refuses to work, or the public key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it could not be sealed")]
pub struct NotSealed;

#[cfg(test)]
mod tests;

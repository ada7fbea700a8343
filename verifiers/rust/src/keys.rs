//! Where a verifier finds secrets.

use std::collections::HashMap;
use std::sync::Arc;

use countersign_shared::secret::Secret;
use countersign_shared::signing::Scheme;

/// Secrets by scheme and key. Any `Fn(Scheme, &str) -> Vec<Arc<Secret>>` is one.
pub trait Keys: Send + Sync + 'static {
    /// The secrets of a key: several while one replaces another, any of which will do; none where
    /// the key is unknown or is not a key of that scheme.
    fn secrets(&self, scheme: Scheme, key: &str) -> Vec<Arc<Secret>>;
}

impl<F: Fn(Scheme, &str) -> Vec<Arc<Secret>> + Send + Sync + 'static> Keys for F {
    fn secrets(&self, scheme: Scheme, key: &str) -> Vec<Arc<Secret>> {
        self(scheme, key)
    }
}

/// Keys that are known when the backend starts.
#[derive(Debug, Default)]
pub struct KnownKeys(HashMap<(Scheme, String), Vec<Arc<Secret>>>);

impl KnownKeys {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret of a key of type HMAC. A key may have several.
    #[must_use]
    pub fn hmac(self, key: &str, secret: Secret) -> Self {
        self.with(Scheme::Hmac, key, secret)
    }

    /// Adds a secret of a key of type Basic. A key may have several.
    #[must_use]
    pub fn basic(self, key: &str, secret: Secret) -> Self {
        self.with(Scheme::Basic, key, secret)
    }

    fn with(mut self, scheme: Scheme, key: &str, secret: Secret) -> Self {
        self.0.entry((scheme, key.to_owned())).or_default().push(Arc::new(secret));
        self
    }
}

impl Keys for KnownKeys {
    fn secrets(&self, scheme: Scheme, key: &str) -> Vec<Arc<Secret>> {
        self.0.get(&(scheme, key.to_owned())).cloned().unwrap_or_default()
    }
}

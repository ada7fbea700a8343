//! The Basic signer: a header value that is made once. It never shows that value in `Debug`,
//! for it is the secret in another spelling.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Signs with one Basic key: the key is the user name, the secret the password.
pub struct BasicSigner(Zeroizing<String>);

impl BasicSigner {
    pub fn new(key: &str, secret: &Secret) -> Self {
        let credentials = Zeroizing::new([key, ":", secret.expose()].concat());
        let encoded_len = base64::encoded_len(credentials.len(), true).unwrap_or(0);
        // The room is made at once: a buffer that grew would leave the secret behind.
        let mut value = Zeroizing::new(String::with_capacity("Basic ".len() + encoded_len));
        value.push_str("Basic ");
        STANDARD.encode_string(credentials.as_bytes(), &mut value);
        Self(value)
    }

    /// The `Authorization` value, the same for every request.
    pub fn authorization(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BasicSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicSigner(redacted)")
    }
}

/// Whether a password that was sent is this secret, compared in constant time.
pub(super) fn is_password(sent: &[u8], secret: &Secret) -> bool {
    sent.ct_eq(secret.expose().as_bytes()).into()
}

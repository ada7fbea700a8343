//! Signature keys: type, key, and the version of the secret in force. The secret itself is here
//! only as ciphertext; its data key is in the control plane's keystore.

use std::fmt;
use std::sync::Arc;

use crate::id::{KeyId, SecretId};
use crate::secret::Fingerprint;
use crate::stamp::Stamp;
use crate::text::{InvalidText, KeyName, every, first, length};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignatureKeyType {
    /// `Authorization: SDK-HMAC-SHA256 …`
    Hmac,
    /// `Authorization: Basic …`
    Basic,
}

/// A secret as it is stored: sealed, and known by its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    pub secret_id: SecretId,
    pub fingerprint: Fingerprint,
    pub ciphertext: Arc<[u8]>,
    /// Whether the control plane made it up.
    pub generated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// 1 for the first secret of a key, one more for each that replaced it.
    pub number: u32,
    pub sealed: SealedSecret,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureKey {
    pub id: KeyId,
    pub name: KeyName,
    pub key_type: SignatureKeyType,
    pub key: KeyText,
    pub secret: SecretVersion,
    pub created: Stamp,
    pub updated: Stamp,
}

/// The key of a signature key: what the backend knows the secret by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyText(Arc<str>);

impl KeyText {
    /// HMAC: 8–32 of letters, digits, `_` `-`, first a letter or digit. Basic: 4–32, first a letter.
    pub fn parse(key_type: SignatureKeyType, text: &str) -> Result<Self, InvalidText> {
        let of_key = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        match key_type {
            SignatureKeyType::Hmac => {
                let rule = "8–32 of letters, digits, `_` and `-`, first a letter or digit";
                length(text, 8, 32, rule)?;
                first(text, |c| c.is_ascii_alphanumeric(), rule)?;
                every(text, of_key, rule)?;
            }
            SignatureKeyType::Basic => {
                let rule = "4–32 of letters, digits, `_` and `-`, first a letter";
                length(text, 4, 32, rule)?;
                first(text, |c| c.is_ascii_alphabetic(), rule)?;
                every(text, of_key, rule)?;
            }
        }
        Ok(Self(Arc::from(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// The characters of a secret besides letters and digits.
pub const SECRET_MARKS: &str = "_-!@#$%";

/// HMAC: 16–64, Basic: 8–64 of letters, digits, `_` `-` `!` `@` `#` `$` `%`, first a letter or digit.
/// The error never repeats the secret.
pub fn check_secret(key_type: SignatureKeyType, secret: &str) -> Result<(), InvalidText> {
    let (least, rule) = match key_type {
        SignatureKeyType::Hmac => {
            (16, "16–64 of letters, digits and _-!@#$%, first a letter or digit")
        }
        SignatureKeyType::Basic => {
            (8, "8–64 of letters, digits and _-!@#$%, first a letter or digit")
        }
    };
    length(secret, least, 64, rule)?;
    first(secret, |c| c.is_ascii_alphanumeric(), rule)?;
    every(secret, |c| c.is_ascii_alphanumeric() || SECRET_MARKS.contains(c), rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_secrets_follow_their_type() {
        use SignatureKeyType::{Basic, Hmac};
        assert!(KeyText::parse(Hmac, "12345678").is_ok());
        assert!(KeyText::parse(Hmac, "1234567").is_err());
        assert!(KeyText::parse(Hmac, "-2345678").is_err());
        assert!(KeyText::parse(Basic, "user").is_ok());
        assert!(KeyText::parse(Basic, "1user").is_err());
        assert!(KeyText::parse(Basic, &"u".repeat(33)).is_err());
        assert!(check_secret(Hmac, "signature_secret1").is_ok());
        assert!(check_secret(Hmac, "fifteen_charact").is_err());
        assert!(check_secret(Basic, "eight_ch").is_ok());
        assert!(check_secret(Basic, "!ight_ch").is_err());
        assert!(check_secret(Basic, "with space").is_err());
        let error = check_secret(Basic, "with space").unwrap_err().to_string();
        assert!(!error.contains("with space"));
    }
}

//! The types of signature keys that `--type` offers.

use clap::ValueEnum;
use countersign_proto::v1::SignatureKeyType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cmd) enum KeyType {
    /// Signs each request: `SDK-HMAC-SHA256`
    Hmac,
    /// Puts key and secret on each request: `Basic`
    Basic,
}

impl From<KeyType> for SignatureKeyType {
    fn from(key_type: KeyType) -> Self {
        match key_type {
            KeyType::Hmac => Self::Hmac,
            KeyType::Basic => Self::Basic,
        }
    }
}

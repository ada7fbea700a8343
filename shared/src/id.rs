//! Identifiers: 128 bits, written as 32 lower-case hex digits, one type per resource
//! so that they cannot be mixed up. Never makes one up: the random bits are an argument.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

/// The text is not 32 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 lower-case hex digits")]
pub struct InvalidId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = InvalidId;

            fn try_from(bytes: &[u8]) -> Result<Self, InvalidId> {
                bytes.try_into().map(Self).map_err(|_| InvalidId)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| InvalidId)?;
                Self::try_from(bytes.as_slice())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )*};
}

ids! {
    /// An environment, such as RELEASE.
    EnvironmentId
    /// An API group.
    GroupId
    /// An API.
    ApiId
    /// A signature key.
    KeyId
    /// One version of a signature key's secret; its data key is filed under this id.
    SecretId
    /// One event log. Another log, even one restored from this one, has another id.
    LogId
    /// A token by which one node is enrolled.
    TokenId
    /// A role that an operator has.
    GrantId
    /// What an operator shows instead of a certificate.
    OperatorTokenId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_writes() {
        let id = KeyId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("30".parse::<KeyId>(), Err(InvalidId));
        assert_eq!(
            id.to_string().to_uppercase().replace('3', "A").parse::<KeyId>(),
            Err(InvalidId)
        );
    }
}

//! The choices an API's flags offer, and the contract's enums for them.

use clap::ValueEnum;
use countersign_proto::v1;

macro_rules! choices {
    ($($(#[$doc:meta])* $choice:ident { $($(#[$value_doc:meta])* $value:ident)* })*) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        $(#[$doc])*
        pub(super) enum $choice {$($(#[$value_doc])* $value),*}

        impl From<$choice> for v1::$choice {
            fn from(choice: $choice) -> Self {
                match choice {$($choice::$value => Self::$value),*}
            }
        }
    )*};
}

/// Spelt as one says it; the contract calls it a backend's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

impl From<Protocol> for v1::BackendProtocol {
    fn from(choice: Protocol) -> Self {
        match choice {
            Protocol::Http1 => Self::Http1,
            Protocol::Http2 => Self::Http2,
        }
    }
}

choices! {
    #[value(rename_all = "UPPER")]
    Method { Get Post Put Delete Head Patch Options Any }

    #[value(rename_all = "UPPER")]
    MatchMode {
        /// The whole path
        Normal
        /// A prefix of whole segments; the rest of the path is appended to the backend's
        Swa
    }

    BodyPolicy {
        /// Read, hash and sign the body; 413 where it is larger than the node's limit
        Required
        /// The same up to the limit; above it, stream the body unsigned
        Auto
        /// Always stream the body unsigned
        Unsigned
    }

    QueryMode {
        /// Decode and encode the query again, so that every public verifier reads it alike
        Normalize
        /// Forward the query byte for byte
        Raw
    }
}

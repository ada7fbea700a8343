//! The signature.

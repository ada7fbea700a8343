//! control-plane
pub mod keystore;
pub mod log;

//! `countersign ca`: a private CA in a directory. It talks to no control plane.

mod cert;
mod files;
mod init;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(init::Init),
    Cert(cert::Cert),
}

pub(super) fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Init(args) => init::run(&args),
        Verb::Cert(args) => cert::run(&args),
    }
}

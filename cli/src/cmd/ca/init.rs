//! `countersign ca init`

use std::path::PathBuf;

use clap::Args;
use countersign_transport::ca;

use super::files;
use crate::clock;
use crate::failure::Failure;
use crate::moment::Lifetime;

/// Make a private CA: ca.crt, which everybody may have, and ca.key, which stays where it is
///
/// Whoever has ca.key can be any node and any operator. Keep it on a machine of its own, or offline.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign ca init --dir ./ca")]
pub(crate) struct Init {
    /// The directory of the CA; made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,

    /// How long it is good for
    #[arg(long, value_name = "TIME", default_value = "3650d")]
    ttl: Lifetime,
}

pub(super) fn run(args: &Init) -> Result<(), Failure> {
    let dir = args.dir.display();
    std::fs::create_dir_all(&args.dir)
        .map_err(|error| Failure::failed(format!("{dir} cannot be made: {error}")))?;
    let pair = ca::create(clock::now().as_millisecond(), args.ttl.0)
        .map_err(|error| Failure::failed(error.to_string()))?;
    files::write(&files::named(&args.dir, "ca"), &pair)?;
    println!(
        "\
Made {dir}/ca.crt and {dir}/ca.key. Keep the key to yourself: who has it can be anybody.

What comes next:
  countersign ca cert --dir {dir} --name control-plane --server --san HOST-OR-ADDRESS
  countersign ca cert --dir {dir} --name edge-1 --node
  countersign ca cert --dir {dir} --name $USER --operator
  countersign control-plane --tls-cert {dir}/control-plane.crt --tls-key {dir}/control-plane.key \\
      --client-ca {dir}/ca.crt"
    );
    Ok(())
}

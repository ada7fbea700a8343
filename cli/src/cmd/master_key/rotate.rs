//! `countersign master-key rotate`

use clap::Args;
use countersign_proto::v1::RotateMasterKeyRequest;

use crate::args::Globals;
use crate::failure::Failure;

/// Go over to the next master key, while everything goes on
///
/// The control plane reads the next key itself: from the file of the present one with .next at its end, or
/// from where --next-master-key-file or --next-master-key-command of `countersign control-plane` say.
/// When this returns, the former key opens nothing that is on the disk. Put the new one in its place then.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign master-key new /etc/countersign/master.key.next
  countersign master-key rotate --reason 'once a year'
  mv /etc/countersign/master.key.next /etc/countersign/master.key

The first and the last are for the control plane's machine.")]
pub(crate) struct Rotate {
    /// Why, for the log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

pub(super) async fn run(args: Rotate, globals: &Globals) -> Result<(), Failure> {
    let request = RotateMasterKeyRequest { reason: args.reason };
    let plane = globals.plane().await?;
    let reply = plane.master_keys().rotate_master_key(request).await?.into_inner();
    globals.output().reply(&reply)?;
    eprintln!(
        "note: put the new master key in the place of the former one, which opens nothing any more"
    );
    Ok(())
}

//! `countersign master-key get`

use clap::Args;
use countersign_proto::v1::GetMasterKeyRequest;

use crate::args::Globals;
use crate::failure::Failure;

/// Show how many master keys there have been, and where the next one is looked for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign master-key get -o json")]
pub(crate) struct Get {}

pub(super) async fn run(_args: Get, globals: &Globals) -> Result<(), Failure> {
    let plane = globals.plane().await?;
    let reply = plane.master_keys().get_master_key(GetMasterKeyRequest {}).await?.into_inner();
    globals.output().reply(&reply)
}

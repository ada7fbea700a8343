//! `countersign audit export`

use std::io::Write as _;

use clap::{Args, ValueEnum};
use countersign_control_plane::log::{ChainHash, Checkpoint, Head};
use countersign_proto::v1::{Event, GetCheckpointRequest, ReadRecordsRequest, Record};
use countersign_shared::id::LogId;
use prost::Message as _;

use super::verify::unreadable;
use crate::args::Globals;
use crate::export::{self, forms};
use crate::failure::Failure;

/// Write out the log, record by record
///
/// `jsonl` has the stored bytes of each record and ends with a signed checkpoint, so that
/// `countersign audit verify FILE` finds every change made to it. The ciphertexts of secrets are in
/// it; what opens them is not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign audit export > log.jsonl
  countersign audit export --from 4711 --to 5000 --format csv
  countersign audit export --follow --format cloudevents")]
pub(crate) struct Export {
    /// In which form
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,

    /// From this revision on
    #[arg(long, value_name = "REVISION", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    from: u64,

    /// Up to this revision, included; left out: the newest
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    to: u64,

    /// Go on with each new record as it happens, until interrupted; there is no checkpoint then
    #[arg(long, conflicts_with = "to")]
    follow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line of JSON for each record; can be verified.
    Jsonl,
    /// For tables.
    Csv,
    /// For event pipelines: `CloudEvents` 1.0, a line of JSON for each.
    #[value(name = "cloudevents")]
    CloudEvents,
}

pub(super) async fn run(args: Export, globals: &Globals) -> Result<(), Failure> {
    let mut audit = globals.plane().await?.audit();
    let newest = GetCheckpointRequest { revision: args.to };
    let newest = audit.get_checkpoint(newest).await?.into_inner();
    let checkpoint = Checkpoint::unverified(&newest.checkpoint).map_err(|_| unreadable())?;
    let log_id = checkpoint.log_id;
    let before = match args.from {
        1 => Head::genesis(log_id),
        from => {
            let before = GetCheckpointRequest { revision: from - 1 };
            let note = audit.get_checkpoint(before).await?.into_inner().checkpoint;
            Checkpoint::unverified(&note).map_err(|_| unreadable())?.head
        }
    };
    match args.format {
        Format::Jsonl => print(&export::first_line(log_id, before))?,
        Format::Csv => print(forms::CSV_HEADER)?,
        Format::CloudEvents => {}
    }
    let request = ReadRecordsRequest {
        revision_from: args.from,
        revision_to: newest.revision,
        follow: args.follow,
    };
    let mut records = audit.read_records(request).await?.into_inner();
    while let Some(message) = records.message().await? {
        for record in message.records {
            print(&args.format.line(log_id, &record)?)?;
        }
        std::io::stdout().lock().flush()?;
    }
    if args.follow {
        return Err(Failure::failed("the control plane ended the stream")
            .advise("go on with --from and the revision after the last one printed"));
    }
    if args.format == Format::Jsonl {
        print(&export::last_line(&newest.checkpoint))?;
    }
    Ok(())
}

impl Format {
    fn line(self, log_id: LogId, record: &Record) -> Result<String, Failure> {
        let hash = record.hash.as_slice().try_into().map_err(|_| unreadable())?;
        let hash = ChainHash::from_bytes(hash);
        if self == Self::Jsonl {
            return export::record_line(record.revision, hash, &record.event);
        }
        let event = Event::decode(record.event.as_slice()).map_err(|_| unreadable())?;
        let event = event.without_ciphertext();
        if self == Self::Csv {
            forms::csv_line(&event, hash)
        } else {
            forms::cloud_event(log_id, &event, hash)
        }
    }
}

fn print(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

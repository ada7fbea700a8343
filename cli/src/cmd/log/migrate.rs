//! `countersign log migrate`

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use clap::Args;
use countersign_control_plane::log::EtcdConfig;
use countersign_control_plane::migrate::{self, Doing, MigrateError, Migration, Moved, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::args::Globals;
use crate::failure::Failure;
use crate::master_key::PresentKeyArgs;
use crate::sharing::EtcdArgs;

/// What all keys in etcd begin with, unless it is told.
const PREFIX: &str = "countersign";

/// Move a log from a data directory to etcd, or back, while no control plane runs on it
///
/// The log stays the same one: its id, every revision and hash, its checkpoints, and the secrets, for
/// whose data keys the master key is needed, the same on both sides. All of it is verified at the
/// end; only then the side that it came from is given up, so that no control plane goes on from there.
/// Broken off at any moment, the same command again goes on.
///
/// To etcd: there must be nothing under the prefix. The directory becomes the copy of the first
/// replica. Back: the directory must be new, or a replica's copy of this log; refused writes that
/// replicas have kept stay in their directories. The keys in etcd stay until somebody removes them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign log migrate --from sled:/var/lib/countersign \\
      --to etcd:https://etcd-1:2379,https://etcd-2:2379,https://etcd-3:2379 --etcd-ca etcd-ca.crt
  countersign log migrate --from etcd:https://etcd-1:2379/countersign --to sled:/srv/countersign \\
      --etcd-ca etcd-ca.crt --master-key-file /etc/countersign/master.key")]
pub(crate) struct Migrate {
    /// Where the log is: sled:DIR, or etcd:ENDPOINT,…[/PREFIX]
    #[arg(long, value_name = "PLACE")]
    from: Place,

    /// Where it is to be; the prefix in etcd is countersign, unless told
    #[arg(long, value_name = "PLACE")]
    to: Place,

    #[command(flatten)]
    etcd: EtcdArgs,

    #[command(flatten)]
    master_key: PresentKeyArgs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Sled(PathBuf),
    Etcd { endpoints: Vec<String>, prefix: String },
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "give sled:DIR, or etcd:ENDPOINT,…[/PREFIX]";
        let (kind, rest) = text.split_once(':').filter(|(_, rest)| !rest.is_empty()).ok_or(FORM)?;
        match kind {
            "sled" => Ok(Self::Sled(rest.into())),
            "etcd" => {
                // After the last endpoint's host, for an endpoint has no path.
                let last = rest.rfind(',').map_or(0, |comma| comma + 1);
                let host = rest[last..].find("://").map_or(last, |scheme| last + scheme + 3);
                let (endpoints, prefix) = match rest[host..].find('/') {
                    Some(slash) => (&rest[..host + slash], &rest[host + slash..]),
                    None => (rest, ""),
                };
                let prefix = prefix.trim_matches('/');
                let prefix = if prefix.is_empty() { PREFIX } else { prefix }.to_owned();
                let endpoints = endpoints.split(',').map(str::to_owned).collect();
                Ok(Self::Etcd { endpoints, prefix })
            }
            _ => Err(FORM),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sled(directory) => write!(f, "sled:{}", directory.display()),
            Self::Etcd { endpoints, prefix } => write!(f, "etcd:{}/{prefix}", endpoints.join(",")),
        }
    }
}

pub(super) async fn run(args: Migrate, globals: &Globals) -> Result<(), Failure> {
    let begun = Instant::now();
    let (directory, endpoints, prefix, is_to_etcd) = match (&args.from, &args.to) {
        (Place::Sled(directory), Place::Etcd { endpoints, prefix }) => {
            (directory, endpoints, prefix, true)
        }
        (Place::Etcd { endpoints, prefix }, Place::Sled(directory)) => {
            (directory, endpoints, prefix, false)
        }
        _ => return Err(Failure::usage("give --from and --to one sled: and one etcd: place")),
    };
    let etcd = EtcdConfig {
        access: args.etcd.to(endpoints.clone())?,
        prefix: prefix.clone(),
        advertise: String::new(),
        replica_ca: None,
        compact_after: None,
    };
    let (data_dir, master_key) = (directory.clone(), args.master_key.source()?);
    let migration = Migration { data_dir, etcd, master_key };
    let moved = tokio::task::spawn_blocking(move || {
        let bar = bar();
        let mut report = |progress| shown(&bar, progress);
        let moved = if is_to_etcd {
            migrate::to_etcd(&migration, &mut report)
        } else {
            migrate::from_etcd(&migration, &mut report)
        };
        bar.finish_and_clear();
        moved
    });
    let moved = moved.await.map_err(|error| Failure::failed(error.to_string()))?;
    let moved = moved.map_err(|error| refused(&error, prefix))?;
    let seconds = begun.elapsed().as_secs_f64();
    let value = json!({
        "from": args.from.to_string(),
        "to": args.to.to_string(),
        "log_id": moved.log_id.to_string(),
        "epoch": moved.epoch,
        "revision": moved.head.revision,
        "hash": moved.head.hash.to_string(),
        "state_digest": moved.state_digest,
        "secrets": moved.secrets,
        "copied": moved.copied,
        "seconds": seconds,
    });
    let next =
        || if is_to_etcd { next_on_etcd(directory, prefix) } else { next_alone(directory, prefix) };
    globals
        .output()
        .value(&value, || format!("{}\n{}", told(&moved, &args.from, &args.to, seconds), next()))
}

fn told(moved: &Moved, from: &Place, to: &Place, seconds: f64) -> String {
    format!(
        "moved: log {} up to revision {}, from {from} to {to}, {} events in {seconds:.1} s\n  \
         the same on both sides: chain, head {}, state {}; secrets that open: {}",
        moved.log_id,
        moved.head.revision,
        moved.copied,
        moved.head.hash,
        moved.state_digest,
        moved.secrets,
    )
}

fn next_on_etcd(directory: &Path, prefix: &str) -> String {
    let directory = directory.display();
    format!(
        "next:\n  \
         1. start control planes with --log etcd --etcd-prefix {prefix}, the first one on\n     \
            {directory}, which is a replica's copy now, the others on new directories;\n     \
            all with this master key (--master-key-file)\n  \
         2. name all of them to the nodes (--control-plane A,B,C)"
    )
}

fn next_alone(directory: &Path, prefix: &str) -> String {
    let directory = directory.display();
    format!(
        "next:\n  \
         1. start one control plane on {directory}, without --log etcd, with this master key\n  \
         2. make a backup of it\n  \
         3. remove what is left in etcd: etcdctl del --prefix {prefix}/, then compact and defragment"
    )
}

/// On standard error, and only where a terminal is looking.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = "{msg:9} {bar:30} revision {human_pos} of {human_len}, {elapsed}, {eta} to go";
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn shown(bar: &ProgressBar, progress: Progress) -> bool {
    bar.set_message(match progress.doing {
        Doing::Reading => "reading",
        Doing::Copying => "copying",
        Doing::Verifying => "verifying",
        Doing::GivingUp => "giving up",
    });
    bar.set_length(progress.last);
    bar.set_position(progress.revision);
    true
}

fn refused(error: &MigrateError, prefix: &str) -> Failure {
    let failure = Failure::failed(error.to_string());
    match error {
        MigrateError::NotEmpty { place, .. } if place.ends_with("in etcd") => {
            failure.advise(format!(
                "give another prefix (etcd:ENDPOINT,…/PREFIX), or, if nothing there is needed any more, \
                 remove it: etcdctl del --prefix {prefix}/"
            ))
        }
        MigrateError::NotEmpty { .. } => failure.advise("give a path at which nothing is"),
        MigrateError::MasterKey(_) => {
            failure.advise("name the master key of this log with --master-key-file")
        }
        MigrateError::Etcd(_) | MigrateError::Keys(_) => {
            failure.advise("see that etcd answers, then run the same command again: it goes on")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        let etcd = |text: &str| match text.parse() {
            Ok(Place::Etcd { endpoints, prefix }) => (endpoints.join(" "), prefix),
            other => panic!("{text}: {other:?}"),
        };
        let two = "https://a:2379 https://b:2379".to_owned();
        let cases = [
            ("etcd:https://a:2379,https://b:2379", PREFIX),
            ("etcd:https://a:2379,https://b:2379/", PREFIX),
            ("etcd:https://a:2379,https://b:2379/signing", "signing"),
            ("etcd:https://a:2379,https://b:2379/one/two/", "one/two"),
        ];
        for (text, prefix) in cases {
            assert_eq!(etcd(text), (two.clone(), prefix.to_owned()), "{text}");
        }
        assert_eq!("sled:/var/lib/a:b".parse(), Ok(Place::Sled("/var/lib/a:b".into())));
        for wrong in ["/var/lib", "sled:", "etcd:", "file:x"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}

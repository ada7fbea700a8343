//! Appends records to a log and prints each revision once it is acknowledged, one a line:
//! what a test of kills and of power loss holds the log to.
//!
//! ```text
//! append DIRECTORY [--records N] [--record-bytes N] [--append-records N] [--flush-only] [--bare]
//! ```
//!
//! `--flush-only` leaves out the fdatasync, with which a loss of power must lose records.
//! `--bare` appends to a plain file with fdatasync instead: the limit of the disk. Both
//! ways end with a line on standard error: records and seconds, and the time of an append.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use countersign_control_plane::log::{CheckpointKey, DataDir, Durability, EventLog, LocalLog};
use countersign_shared::id::LogId;

struct Options {
    directory: PathBuf,
    records: usize,
    record_bytes: usize,
    append_records: usize,
    durability: Durability,
    bare: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = parse(std::env::args().skip(1))?;
    let began = Instant::now();
    let times = if options.bare { append_bare(&options) } else { append(&options) }?;
    report(&options, began.elapsed(), times);
    Ok(())
}

fn append(options: &Options) -> Result<Vec<Duration>, Box<dyn Error>> {
    let dir = DataDir::open(&options.directory, LogId::from_bytes([1; 16]))?;
    let master = dir.master_key(None)?;
    let key = CheckpointKey::derive(&master, dir.log_id());
    let mut log = LocalLog::open(dir, key, options.durability)?;
    let mut times = Vec::new();
    let mut left = options.records;
    while left > 0 {
        let head = log.head();
        let records: Vec<_> = (head.revision + 1..)
            .take(options.append_records.min(left))
            .map(|revision| record(revision, options.record_bytes))
            .collect();
        let began = Instant::now();
        let appended = log.append(head.revision, &records)?;
        times.push(began.elapsed());
        acknowledge(appended.revision)?;
        left -= records.len();
    }
    Ok(times)
}

fn append_bare(options: &Options) -> Result<Vec<Duration>, Box<dyn Error>> {
    std::fs::create_dir_all(&options.directory)?;
    let mut file = File::create(Path::new(&options.directory).join("bare"))?;
    let mut times = Vec::new();
    for first in (0..options.records as u64).step_by(options.append_records) {
        let count =
            options.append_records.min(options.records - times.len() * options.append_records);
        let revisions = first + 1..=first + count as u64;
        let bytes: Vec<u8> =
            revisions.clone().flat_map(|revision| record(revision, options.record_bytes)).collect();
        let began = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        times.push(began.elapsed());
        acknowledge(*revisions.end())?;
    }
    Ok(times)
}

/// A record that says which it is, so that a reader can tell whether it is the right one.
fn record(revision: u64, record_bytes: usize) -> Vec<u8> {
    let mut record = format!("record {revision} ").into_bytes();
    record.resize(record_bytes, b'.');
    record
}

/// Goes out at once: standard output is not a terminal here, but each line counts.
fn acknowledge(revision: u64) -> Result<(), std::io::Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{revision}\n").as_bytes())?;
    out.flush()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
fn report(options: &Options, took: Duration, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| {
        let time = times.get(times.len() * percent / 100).copied().unwrap_or_default();
        format!("{:.0} µs", time.as_secs_f64() * 1e6)
    };
    let appending: Duration = times.iter().sum();
    eprintln!(
        "{} records in {:.2} s; appending {:.0} records/s, {:.0} appends/s, p50 {}, p90 {}, p99 {}",
        options.records,
        took.as_secs_f64(),
        options.records as f64 / appending.as_secs_f64(),
        times.len() as f64 / appending.as_secs_f64(),
        at(50),
        at(90),
        at(99),
    );
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let directory = arguments.next().ok_or("which directory?")?;
    let mut options = Options {
        directory: directory.into(),
        records: 1000,
        record_bytes: 200,
        append_records: 1,
        durability: Durability::Full,
        bare: false,
    };
    while let Some(flag) = arguments.next() {
        let mut number = || -> Result<usize, Box<dyn Error>> {
            Ok(arguments.next().ok_or_else(|| format!("{flag}: how many?"))?.parse()?)
        };
        match flag.as_str() {
            "--records" => options.records = number()?,
            "--record-bytes" => options.record_bytes = number()?,
            "--append-records" => options.append_records = number()?.max(1),
            "--flush-only" => options.durability = Durability::FlushOnlyForTests,
            "--bare" => options.bare = true,
            _ => return Err(format!("{flag} is not known").into()),
        }
    }
    Ok(options)
}

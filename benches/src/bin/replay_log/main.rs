//! How long it takes to make the state out of a log, beside what reading the log takes alone: for
//! `audit state --at`, and for a start without snapshots.
//!
//! ```text
//! replay_log [--events N] [--keep DIR]     one million, unless told; ten million at most
//! ```
//! The directory is kept as a data directory, with its keystore and master key, for other tools.
//!
//! Makes a log on the disk, opens it (the whole chain and tree verified), scans it (each record read
//! and hashed, and nothing made of it), and replays it, all in one run. The state must come out as the
//! one that was live, by the SHA-256 of its snapshot.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot be measured ends the measurement"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use countersign_control_plane::history::replay;
use countersign_control_plane::keystore::Keystore;
use countersign_control_plane::log::{
    CheckpointKey, DataDir, Durability, EventLog, LocalLog, LogReader,
};
use countersign_proto::convert::{record_to_proto, snapshot_to_proto};
use countersign_shared::event::{EnvironmentFields, Event, Origin, Record};
use countersign_shared::id::{ApiId, EnvironmentId, KeyId, LogId};
use countersign_shared::stamp::Stamp;
use countersign_shared::state::State;
use countersign_shared::text::{ActedAs, Actor, EnvironmentName, Reason, Remark};
use data_encoding::HEXLOWER;
use prost::Message;
use sha2::{Digest, Sha256};

const EVENTS: u64 = 1_000_000;
const EVENTS_MAX: u64 = 10_000_000;
const APPEND_RECORDS: u64 = 1_000;
const READ_RECORDS: usize = 4_096;
const BOUND_MAX: u64 = 10_000;

fn main() {
    let (events, kept) = asked();
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = kept.unwrap_or_else(|| scratch.path().to_owned());
    let begun = Instant::now();
    let live = fill(&mut open(&directory), events);
    let filled = begun.elapsed();

    let begun = Instant::now();
    let log = open(&directory);
    let opened = begun.elapsed();
    let reader = log.reader();

    let begun = Instant::now();
    let scanned = scan(&*reader);
    let scan = begun.elapsed();

    let begun = Instant::now();
    let mut state = State::default();
    replay(&*reader, &mut state, events, |_| {}).expect("the log replays");
    let replayed = begun.elapsed();

    assert_eq!(scanned, events, "every record was read");
    let (live, found) = (digest(&live), digest(&state));
    println!("events                 {events}");
    for (what, took) in [
        ("made and stored", filled),
        ("opened, all verified", opened),
        ("scanned", scan),
        ("replayed", replayed),
    ] {
        let rate = u128::from(events) * 1_000_000 / took.as_micros().max(1);
        println!("{what:<22} {:.3} s, {rate} events/s", took.as_secs_f64());
    }
    println!("replay / scan          {:.2}", replayed.as_secs_f64() / scan.as_secs_f64());
    println!("digest live            {live}");
    println!("digest replayed        {found}");
    assert_eq!(found, live, "the replayed state is the one that was live");
}

fn asked() -> (u64, Option<PathBuf>) {
    let (mut events, mut kept) = (EVENTS, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next();
        match (arg.as_str(), value) {
            ("--events", Some(value)) => events = value.parse().expect("--events has a number"),
            ("--keep", Some(value)) => kept = Some(PathBuf::from(value)),
            _ => panic!("usage: replay_log [--events N] [--keep DIR]"),
        }
    }
    assert!((1..=EVENTS_MAX).contains(&events), "1 to {EVENTS_MAX} events");
    (events, kept)
}

fn open(directory: &Path) -> LocalLog {
    let dir = DataDir::open(directory, LogId::from_bytes([1; 16])).expect("the directory opens");
    let master = dir.master_key(None).expect("a master key");
    let keystore = Keystore::open(&dir.keystore_path(), &master, dir.log_id());
    let seed = keystore.expect("the keystore opens").checkpoint_seed();
    let key = CheckpointKey::from_seed(&seed, dir.log_id());
    LocalLog::open(dir, key, Durability::Full).expect("the log opens")
}

fn fill(log: &mut LocalLog, events: u64) -> State {
    let origin = Arc::new(Origin {
        role: ActedAs::default(),
        actor: Actor::parse("replay_log").expect("an actor"),
        source: "192.0.2.1:4711".to_owned(),
        request: None,
        reason: Reason::default(),
    });
    let mut state = State::default();
    while state.head().revision < events {
        let expected = state.head().revision;
        let mut records = Vec::new();
        for revision in (expected + 1..=events).take(APPEND_RECORDS.try_into().expect("fits")) {
            let at = Stamp { revision, time_ms: 1_795_435_200_000 };
            let origin = Arc::clone(&origin);
            let record = Record { at, origin, first_revision: revision, event: event(revision) };
            state.apply(&record);
            records.push(record_to_proto(&record).encode_to_vec());
        }
        log.append(expected, &records).expect("the log appends");
    }
    state
}

/// Mostly keys that are exchanged where they are bound, as in a rotation.
fn event(revision: u64) -> Event {
    let id = |number: u64| u128::from(number).to_be_bytes();
    let environment = EnvironmentId::from_bytes(id(1));
    let api = ApiId::from_bytes(id(revision % BOUND_MAX));
    let key = |round: u64| KeyId::from_bytes(id(round % 200));
    let round = revision / BOUND_MAX;
    match revision {
        1 => Event::LogCreated { log_id: LogId::from_bytes([1; 16]) },
        2 => Event::EnvironmentCreated(fields(environment, "")),
        _ if revision.is_multiple_of(10) => {
            Event::EnvironmentUpdated(fields(environment, &format!("round {round}")))
        }
        _ if round == 0 => Event::KeyBound { key: key(round), api, environment },
        _ => Event::KeyRebound { key: key(round), former_key: key(round - 1), api, environment },
    }
}

fn fields(id: EnvironmentId, remark: &str) -> EnvironmentFields {
    EnvironmentFields {
        id,
        name: EnvironmentName::parse("RELEASE").expect("a name"),
        remark: Remark::parse(remark).expect("a remark"),
    }
}

fn scan(reader: &dyn LogReader) -> u64 {
    let mut last = 0;
    loop {
        let records = reader.read(last + 1, READ_RECORDS).expect("the log reads");
        let Some(record) = records.last() else { return last };
        last = record.revision;
    }
}

fn digest(state: &State) -> String {
    HEXLOWER.encode(&Sha256::digest(snapshot_to_proto(state).encode_to_vec()))
}

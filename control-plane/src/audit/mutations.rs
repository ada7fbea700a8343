//! The tamper show: a backup and an archived data directory, changed in a thousand ways of each kind,
//! by accident and by somebody who makes every sum anew but cannot sign. Verifying, given the last
//! checkpoint, finds each of them and names the place. Seeded, so that what failed once fails again.
//! (An export: `cli/src/export/mutations.rs`; the files of sled: `tests/audit_directory.rs`.)

#![allow(clippy::cast_possible_truncation, reason = "the logs are small")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use countersign_proto::convert::timestamp;
use countersign_proto::v1;
use countersign_shared::id::LogId;
use prost::Message as _;

use super::{Shown, verify_directory};
use crate::backup::forging::{Forged, forge};
use crate::backup::verify;
use crate::keystore::MasterKey;
use crate::log::{Checkpoint, CheckpointKey, Head, StoredRecord, Tree, pack};

const LOG: LogId = LogId::from_bytes([7; 16]);
const RECORDS: u64 = 24;
/// A part of the backup, and a segment of the directory, has so many records.
const TOGETHER: usize = 8;
const MUTATIONS: usize = 1_000;
const KINDS: [Kind; 5] =
    [Kind::Flipped, Kind::Deleted, Kind::Swapped, Kind::Inserted, Kind::CutOff];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flipped,
    Deleted,
    Swapped,
    Inserted,
    CutOff,
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as usize
    }
}

impl Kind {
    /// Changes a list in this way, and returns the first place that is not as it was. A flip changes
    /// what stands there by `flip`.
    fn apply<T: Clone>(
        self,
        list: &mut Vec<T>,
        random: &mut Numbers,
        flip: impl Fn(&mut T, &mut Numbers),
    ) -> usize {
        let at = random.below(list.len());
        match self {
            Self::Flipped => flip(&mut list[at], random),
            Self::Deleted => drop(list.remove(at)),
            Self::Swapped => {
                let other = (at + 1 + random.below(list.len() - 1)) % list.len();
                list.swap(at, other);
                return at.min(other);
            }
            // At its own place, or just after it, a copy would move nothing that is before it.
            Self::Inserted => {
                let of = (at + 1 + random.below(list.len() - 1)) % list.len();
                list.insert(at, list[of].clone());
            }
            Self::CutOff => list.truncate(at),
        }
        at
    }
}

fn flip(bytes: &mut [u8], random: &mut Numbers) {
    let place = random.below(bytes.len());
    bytes[place] ^= 1 + random.below(255) as u8;
}

fn key() -> CheckpointKey {
    CheckpointKey::derive(&MasterKey::from_bytes([3; 32]), LOG)
}

fn events() -> Vec<Vec<u8>> {
    let event = |revision: u64| v1::Event {
        revision,
        time: Some(timestamp(1_795_435_200_000 + revision.cast_signed())),
        actor: format!("ann{revision}@example"),
        ..v1::Event::default()
    };
    (1..=RECORDS).map(|revision| event(revision).encode_to_vec()).collect()
}

fn chained(events: &[Vec<u8>]) -> Vec<StoredRecord> {
    let mut head = Head::genesis(LOG);
    let next = |event: &Vec<u8>| {
        head = head.then(event);
        StoredRecord { revision: head.revision, hash: head.hash, bytes: event.clone().into() }
    };
    events.iter().map(next).collect()
}

/// The true log's checkpoints, of revision 0 and of each `TOGETHER` records: whoever forges has these.
fn notes() -> Vec<String> {
    let (key, mut tree) = (key(), Tree::default());
    let mut notes = vec![key.sign(Head::genesis(LOG), tree.root())];
    for together in chained(&events()).chunks(TOGETHER) {
        for record in together {
            tree.push(record.hash);
        }
        let last = together.last().unwrap();
        notes.push(key.sign(Head { revision: last.revision, hash: last.hash }, tree.root()));
    }
    notes
}

fn last_checkpoint() -> Vec<Shown> {
    let checkpoint = Checkpoint::open(notes().last().unwrap(), key().verifier()).unwrap();
    vec![Shown { by: "kept".into(), checkpoint }]
}

/// A backup of these events under these checkpoints, as its parts; each with all its sums right.
fn backup(events: &[Vec<u8>], notes: &[String]) -> Vec<Vec<u8>> {
    let forged =
        Forged { log_id: LOG, records: chained(events), together: TOGETHER, notes: notes.to_vec() };
    forge(&forged)
}

fn verify_backup(bytes: &[u8]) -> Result<(), String> {
    let verified = verify(bytes, Some(key().verifier()), last_checkpoint());
    verified.map(drop).map_err(|error| error.to_string())
}

/// An archived data directory: segments and their checkpoints, in files that have all their sums right.
fn archive(directory: &Path, events: &[Vec<u8>], notes: &[String]) {
    let segments = directory.join("segments");
    let _ = fs::remove_dir_all(&segments);
    fs::create_dir_all(&segments).unwrap();
    let identity = format!("countersign data directory v1\nlog_id {LOG}\n");
    fs::write(directory.join("identity"), identity).unwrap();
    let mut head = Head::genesis(LOG);
    for (together, note) in chained(events).chunks(TOGETHER).zip(&notes[1..]) {
        let last = together.last().unwrap();
        let name = format!("{:020}-{:020}", head.revision + 1, last.revision);
        let frames = pack::pack(head, together);
        let bytes = [b"countersign segment v1\0", LOG.as_bytes().as_slice(), &frames].concat();
        fs::write(segments.join(format!("{name}.seg")), bytes).unwrap();
        fs::write(segments.join(format!("{name}.checkpoint")), note).unwrap();
        head = Head { revision: last.revision, hash: last.hash };
    }
}

fn verify_archive(directory: &Path) -> Result<(), String> {
    let verified = verify_directory(directory, key().verifier(), last_checkpoint());
    verified.map(drop).map_err(|error| error.to_string())
}

/// The files of an archive's segments and checkpoints, by name.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let names = fs::read_dir(directory.join("segments")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    let read = |name: String| {
        let bytes = fs::read(directory.join("segments").join(&name)).unwrap();
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

/// Whether the last clause of a message, which says where, has a range of revisions with this one in
/// it. (What was cut off is also named by the last revision that is vouched for, right before it.)
fn names_revision(message: &str, revision: u64) -> bool {
    let clause = message.rsplit(": ").next().unwrap_or_default();
    let numbers = clause.split(|it: char| !it.is_ascii_digit());
    let numbers: Vec<u64> = numbers.filter_map(|it| it.parse().ok()).collect();
    let (least, most) = (numbers.iter().min(), numbers.iter().max());
    clause.contains("revision") && least <= Some(&revision) && most >= Some(&revision)
}

/// Runs every kind so often, and returns a line of the table.
fn show(what: &str, mut mutate: impl FnMut(Kind, &mut Numbers) -> Result<(), String>) -> String {
    let mut line = format!("{what:<34}");
    for (seed, kind) in (1..).zip(KINDS) {
        let mut random = Numbers(seed);
        let mut found = 0;
        for round in 0..MUTATIONS {
            if let Err(why) = mutate(kind, &mut random) {
                panic!("{what}, {kind:?}, seed {seed}, round {round}: {why}");
            }
            found += 1;
        }
        let _ = write!(line, "{found:>11}");
    }
    line
}

fn heading() -> String {
    KINDS.iter().fold(format!("{:<34}", "found and placed"), |mut line, kind| {
        let _ = write!(line, "{:>11}", format!("{kind:?}"));
        line
    })
}

fn expect(found: Result<(), String>, is_placed: impl Fn(&str) -> bool) -> Result<(), String> {
    match found {
        Ok(()) => Err("it passed".to_owned()),
        Err(message) if is_placed(&message) => Ok(()),
        Err(message) => Err(format!("it is placed elsewhere: {message}")),
    }
}

#[test]
fn every_change_of_a_backup_is_found_with_its_place() {
    let (events, notes) = (events(), notes());
    let good = backup(&events, &notes);
    verify_backup(&good.concat()).unwrap();

    // The first one is what a file begins with, and belongs to no part.
    let offset_of = |at: usize| -> usize { good[..at].iter().map(Vec::len).sum() };
    let bytes = good.concat();
    let damaged = show("backup, damaged", |kind, random| {
        if kind == Kind::CutOff {
            let length = random.below(bytes.len());
            let at = (0..good.len()).rev().find(|at| offset_of(*at) <= length).unwrap();
            let byte = format!("at byte {}:", offset_of(at));
            return expect(verify_backup(&bytes[..length]), |it| it.contains(&byte));
        }
        let mut parts = good.clone();
        let at = kind.apply(&mut parts, random, |part, random| flip(part, random));
        let byte = format!("at byte {}:", offset_of(at));
        expect(verify_backup(&parts.concat()), |message| message.contains(&byte))
    });
    let forged = show("backup, forged with fresh sums", |kind, random| {
        let mut events = events.clone();
        let at = kind.apply(&mut events, random, flip_actor);
        let file = backup(&events, &notes).concat();
        expect(verify_backup(&file), |message| names_revision(message, at as u64 + 1))
    });
    println!("{}\n{damaged}\n{forged}", heading());
}

#[test]
fn every_change_of_an_archived_directory_is_found_with_its_place() {
    let (events, notes) = (events(), notes());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    archive(path, &events, &notes);
    verify_archive(path).unwrap();

    let good = files(path);
    let damaged = show("directory, a file damaged", |kind, random| {
        let number = random.below(good.len());
        let (name, bytes) = &good[number];
        let mut changed = bytes.clone();
        kind.apply(&mut changed, random, |byte, random| *byte ^= 1 + random.below(255) as u8);
        if changed == *bytes {
            // Two equal bytes changed places.
            changed[0] ^= 1;
        }
        let file = path.join("segments").join(name);
        fs::write(&file, changed).unwrap();
        let found = expect(verify_archive(path), |message| message.contains(name.as_str()));
        fs::write(&file, bytes).unwrap();
        found
    });
    let forged = show("directory, forged with fresh sums", |kind, random| {
        let mut events = events.clone();
        let at = kind.apply(&mut events, random, flip_actor);
        archive(path, &events, &notes);
        expect(verify_archive(path), |message| names_revision(message, at as u64 + 1))
    });
    println!("{}\n{damaged}\n{forged}", heading());
}

/// An event that is one still, with another actor.
fn flip_actor(event: &mut Vec<u8>, random: &mut Numbers) {
    let mut decoded = v1::Event::decode(event.as_slice()).unwrap();
    decoded.actor = format!("eve{}@example", random.below(1_000));
    *event = decoded.encode_to_vec();
}

//! An export that was changed by one byte, or by a record, in any of the ways that there are:
//! `verify` finds each one, and says where. Seeded, so that what failed once fails again.

#![allow(clippy::cast_possible_truncation, reason = "the exports are small")]

use countersign_control_plane::keystore::MasterKey;
use countersign_control_plane::log::{CheckpointKey, Tree};
use countersign_proto::convert::record_to_proto;
use countersign_shared::event::{EnvironmentFields, Event, Origin, Record};
use countersign_shared::id::EnvironmentId;
use countersign_shared::stamp::Stamp;
use countersign_shared::text::{ActedAs, Actor, EnvironmentName, Reason, Remark};

use super::*;

const LOG: LogId = LogId::from_bytes([7; 16]);
const RECORDS: u64 = 40;
const MUTATIONS: usize = 1_000;

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as usize
    }
}

fn key() -> CheckpointKey {
    CheckpointKey::derive(&MasterKey::from_bytes([3; 32]), LOG)
}

fn event(revision: u64, name: &str) -> Vec<u8> {
    let origin = Origin {
        role: ActedAs::default(),
        actor: Actor::parse("ann@example").unwrap(),
        source: "192.0.2.1:4711".into(),
        request: None,
        reason: Reason::parse("before release").unwrap(),
    };
    let fields = EnvironmentFields {
        id: EnvironmentId::from_bytes([revision as u8; 16]),
        name: EnvironmentName::parse(&format!("{name}_{revision}")).unwrap(),
        remark: Remark::parse("before release").unwrap(),
    };
    let at = Stamp { revision, time_ms: 1_795_435_200_000 };
    let event = Event::EnvironmentCreated(fields);
    let record = Record { at, origin: origin.into(), first_revision: revision, event };
    record_to_proto(&record).encode_to_vec()
}

/// The lines of an export, by whoever can hash but only the key can sign.
struct Lines(Vec<String>);

impl Lines {
    fn of(records: &[Vec<u8>]) -> (Self, Head, TreeRoot) {
        let (mut head, mut tree) = (Head::genesis(LOG), Tree::default());
        let mut lines = vec![first_line(LOG, head)];
        for record in records {
            head = head.then(record);
            tree.push(head.hash);
            lines.push(record_line(head.revision, head.hash, record).unwrap());
        }
        (Self(lines), head, tree.root())
    }

    fn text(&self) -> Vec<u8> {
        self.0.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
    }
}

type TreeRoot = countersign_control_plane::log::TreeHash;

fn records() -> Vec<Vec<u8>> {
    (1..=RECORDS).map(|revision| event(revision, "STAGING")).collect()
}

fn export() -> (Lines, String) {
    let (mut lines, head, root) = Lines::of(&records());
    let note = key().sign(head, root);
    lines.0.push(last_line(&note));
    (lines, note)
}

fn found(text: &[u8]) -> Result<Verified, String> {
    verify(text, key().verifier(), vec![]).map_err(|error| error.to_string())
}

/// The revisions that a message is about.
fn numbers(message: &str) -> Vec<u64> {
    message.split(|it: char| !it.is_ascii_digit()).filter_map(|it| it.parse().ok()).collect()
}

#[test]
fn an_export_as_it_was_written_verifies() {
    let (lines, _) = export();
    let verified = found(&lines.text()).unwrap();
    assert_eq!(
        (verified.head.revision, verified.agreed, verified.checkpoints),
        (RECORDS, RECORDS, 1)
    );
}

#[test]
fn a_thousand_flipped_bits_are_found_with_their_line() {
    let (lines, _) = export();
    let good = lines.text();
    let mut random = Numbers(1);
    for _ in 0..MUTATIONS {
        let (place, bit) = (random.below(good.len()), random.below(8));
        let mut text = good.clone();
        text[place] ^= 1 << bit;
        let line = good[..=place].split_inclusive(|byte| *byte == b'\n').count() as u64;
        let message = found(&text).expect_err("a flipped bit passed");
        assert!(numbers(&message).contains(&line), "line {line}: {message}");
    }
}

#[test]
fn a_thousand_bytes_set_to_another_are_found() {
    let (lines, _) = export();
    let good = lines.text();
    let mut random = Numbers(2);
    for _ in 0..MUTATIONS {
        let mut text = good.clone();
        let place = random.below(good.len());
        text[place] = text[place].wrapping_add(1 + random.below(255) as u8);
        found(&text).expect_err("a changed byte passed");
    }
}

#[test]
fn a_thousand_deleted_swapped_and_inserted_records_are_found_with_their_revision() {
    let (Lines(good), _) = export();
    let mut random = Numbers(3);
    for _ in 0..MUTATIONS {
        let at = 1 + random.below(RECORDS as usize);
        let mut deleted = good.clone();
        deleted.remove(at);
        let message = found(&Lines(deleted).text()).expect_err("a deletion passed");
        // After the last one nothing is left to say that it is missing but the checkpoint.
        assert!(numbers(&message).contains(&(at as u64)), "{at}: {message}");

        let other = 1 + (at + random.below(RECORDS as usize - 1)) % RECORDS as usize;
        let mut swapped = good.clone();
        swapped.swap(at, other);
        let message = found(&Lines(swapped).text()).expect_err("a swap passed");
        let first = at.min(other) as u64;
        assert!(numbers(&message).contains(&first), "{first}: {message}");

        let mut repeated = good.clone();
        repeated.insert(other, good[at].clone());
        let message = found(&Lines(repeated).text()).expect_err("an insertion passed");
        assert!(message.contains("revision"), "{message}");
    }
}

/// Whoever changes a record can hash all that comes after it anew; what they cannot do is sign.
#[test]
fn a_thousand_histories_that_were_rewritten_with_fresh_hashes_are_found() {
    let (Lines(good), note) = export();
    let mut random = Numbers(4);
    for round in 0..MUTATIONS {
        let mut records = records();
        let at = random.below(records.len());
        match round % 3 {
            0 => records[at] = event(at as u64 + 1, "PRODUCTION"),
            1 => drop(records.remove(at)),
            _ => records.insert(at, event(at as u64 + 1, "PRODUCTION")),
        }
        let (mut lines, _, _) = Lines::of(&records);
        lines.0.push(good.last().unwrap().clone());
        let message = found(&lines.text()).expect_err("a rewritten history passed");
        assert!(message.contains(&RECORDS.to_string()), "{message}");

        // The same without its checkpoint, held to one that was kept.
        lines.0.pop();
        let checkpoint = Checkpoint::open(&note, key().verifier()).unwrap();
        let shown = vec![Shown { by: "kept".into(), checkpoint }];
        let kept = verify(lines.text().as_slice(), key().verifier(), shown);
        assert!(kept.is_err(), "a rewritten history passed");
    }
}

#[test]
fn every_cut_is_found() {
    let (lines, _) = export();
    let good = lines.text();
    for length in 0..good.len() {
        found(&good[..length]).expect_err("a cut passed");
    }
    let (Lines(mut lines), note) = export();
    let checkpoint = Checkpoint::open(&note, key().verifier()).unwrap();
    for end in (1..lines.len() - 1).rev() {
        lines.truncate(end + 1);
        let shown = vec![Shown { by: "kept".into(), checkpoint }];
        let text = Lines(lines.clone()).text();
        let error = verify(text.as_slice(), key().verifier(), shown);
        let cut = end as u64 != RECORDS;
        assert_eq!(error.is_err(), cut, "{end}");
    }
}

#[test]
fn a_part_of_a_log_is_held_to_its_checkpoint_by_the_chain() {
    let (Lines(lines), note) = export();
    let mut head = Head::genesis(LOG);
    for record in &records()[..9] {
        head = head.then(record);
    }
    let mut part = vec![first_line(LOG, head)];
    part.extend(lines[10..].iter().cloned());
    let verified = found(&Lines(part.clone()).text()).unwrap();
    assert_eq!((verified.after, verified.head.revision, verified.root), (9, RECORDS, None));
    part[0] = first_line(LOG, head.then(b"another past"));
    found(&Lines(part).text()).expect_err("another past passed");

    // One that goes on after its checkpoint is not vouched for.
    let (mut longer, _, _) = Lines::of(&[records(), vec![event(41, "MORE")]].concat());
    longer.0.push(last_line(&note));
    let message = found(&longer.text()).expect_err("an added record passed");
    assert!(message.contains("go on to 41"), "{message}");
}

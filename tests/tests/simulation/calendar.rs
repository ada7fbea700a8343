//! What will happen when. Of what happens at the same time, the first to be entered comes first,
//! so that a run is the same each time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;

/// Milliseconds since the run began.
pub(crate) type Time = u64;
/// A connection: each has a number of its own.
pub(crate) type Line = usize;

#[derive(Debug)]
pub(crate) enum Event {
    Write,
    /// The view of the last commit is there, a moment behind the feed, or it is another stream's turn
    /// to be sent a snapshot.
    Seen,
    Fault,
    /// The faults are over, and all that was broken is mended.
    Calm,
    PlaneStarts,
    NodeStarts {
        node: usize,
    },
    /// A node that was alive then tries another stream.
    Connect {
        node: usize,
        life: u32,
    },
    AtPlane {
        line: Line,
        parcel: AtPlane,
    },
    AtNode {
        line: Line,
        parcel: AtNode,
    },
    /// A node gets round to what waits in its inbox.
    Work {
        node: usize,
        line: Line,
    },
    /// A stream may have a bookmark to send.
    Bookmark {
        line: Line,
        at: Time,
    },
    /// A node may have heard nothing for too long.
    Watchdog {
        node: usize,
        line: Line,
    },
}

#[derive(Debug)]
pub(crate) enum AtPlane {
    Message(FromNode),
    /// The node has read so many messages: there is room for more on the line.
    Room(usize),
    Closed,
}

#[derive(Debug)]
pub(crate) enum AtNode {
    Message(ToNode),
    /// The log was rolled back behind what this node has seen.
    RolledBack,
    Closed(&'static str),
}

#[derive(Debug, Default)]
pub(crate) struct Calendar {
    entries: BinaryHeap<Reverse<Entry>>,
    entered: u64,
}

#[derive(Debug)]
struct Entry {
    at: Time,
    number: u64,
    event: Event,
}

impl Calendar {
    pub(crate) fn enter(&mut self, at: Time, event: Event) {
        self.entered += 1;
        self.entries.push(Reverse(Entry { at, number: self.entered, event }));
    }

    pub(crate) fn next(&mut self) -> Option<(Time, Event)> {
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

//! A node: the real follower, without the sockets around it and without a proxy in front.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use countersign_data_plane::follower::{Follower, Identity, Unexpected, answer};
use countersign_data_plane::replica::Unusable;
use countersign_data_plane::table::RoutingTable;
use countersign_delivery::Recipient;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;
use countersign_shared::id::LogId;

use crate::broken::Broken;
use crate::calendar::{Line, Time};

/// One key pair for all: it is random, and nothing that a run does may depend on it.
static RECIPIENT: LazyLock<Arc<Recipient>> =
    LazyLock::new(|| Arc::new(Recipient::generate().unwrap()));

pub(crate) struct Node {
    pub(crate) identity: Identity,
    /// How many times it was started; what belongs to an earlier life is of no use any more.
    pub(crate) life: u32,
    pub(crate) alive: bool,
    pub(crate) follower: Follower,
    /// What it signs with.
    pub(crate) table: Option<RoutingTable>,
    pub(crate) stream: Option<Stream>,
    /// Failed streams in a row.
    pub(crate) failures: u32,
    /// How long it takes to get round to its inbox.
    pub(crate) slowness: Time,
    /// Refused by a control plane, or by it: only its operator can help.
    pub(crate) estranged: bool,
    /// The log that it was started with `--accept-log` for.
    pub(crate) accepts: Option<LogId>,
    pub(crate) memory: Memory,
    /// Whether its memory was ever bad.
    pub(crate) ever_drifted: bool,
}

/// What can be relied on of what the node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    Good,
    /// The next delta will not be kept.
    Failing,
    /// Only a snapshot helps.
    Drifted,
}

/// The node's end of a line.
pub(crate) struct Stream {
    pub(crate) line: Line,
    pub(crate) welcomed: bool,
    pub(crate) heard_at: Time,
    pub(crate) inbox: VecDeque<ToNode>,
    pub(crate) at_work: bool,
}

/// What came of some work.
pub(crate) struct Worked {
    pub(crate) answer: Option<FromNode>,
    pub(crate) has_new_table: bool,
    /// How many messages were taken.
    pub(crate) taken: usize,
    /// The node closes the line behind its answer.
    pub(crate) refuses: bool,
}

impl Node {
    pub(crate) fn new(number: usize, environments: &[&str]) -> Self {
        let identity = Identity {
            node: format!("node-{number}"),
            instance: "0".to_owned(),
            environments: environments.iter().map(|&name| name.to_owned()).collect(),
            recipient: Arc::clone(&RECIPIENT),
        };
        Self {
            identity,
            life: 0,
            alive: true,
            follower: Follower::default(),
            table: None,
            stream: None,
            failures: 0,
            slowness: 1,
            estranged: false,
            accepts: None,
            memory: Memory::Good,
            ever_drifted: false,
        }
    }

    /// All that it had was in memory.
    pub(crate) fn dies(&mut self) {
        let environments: Vec<&str> =
            self.identity.environments.iter().map(String::as_str).collect();
        let fresh = Self::new(0, &environments);
        let (identity, life) = (self.identity.clone(), self.life + 1);
        let ever_drifted = self.ever_drifted;
        *self = Self { identity, life, alive: false, ever_drifted, ..fresh };
        self.identity.instance = life.to_string();
    }

    pub(crate) fn starts(&mut self, accepts: Option<LogId>) {
        (self.alive, self.accepts) = (true, accepts);
        self.follower = Follower::default().accepting(accepts.map(|log| log.to_string()));
    }

    pub(crate) fn is_on(&self, line: Line) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.line == line)
    }

    /// Applies all that waits, brings it into force, and only then answers.
    pub(crate) fn works(&mut self) -> Result<Worked, Broken> {
        let Some(stream) = &mut self.stream else { panic!("no stream") };
        stream.at_work = false;
        let mut waiting = std::mem::take(&mut stream.inbox);
        let taken = waiting.len();
        let was_drifted = self.remembers(&mut waiting);
        let (applied, result) = self.follower.apply_all::<Unexpected>(waiting.into_iter().map(Ok));
        result.map_err(|error| Broken(format!("{}: {error}", self.identity.node)))?;
        Broken::unless(applied.digest_mismatches == 0 || was_drifted, || {
            format!("{}: its table is not the control plane's", self.identity.node)
        })?;
        let table = self.follower.table();
        let has_new_table = table.is_some();
        self.table = table.or(self.table.take());
        let (answer, refused) = applied.outcome.map(answer).unzip();
        let refused = refused.flatten();
        // What a drifted table lacks may be needed; that the stream itself is in order, never ends.
        let is_fair = |unusable: &Unusable| was_drifted && !unusable.id.is_empty();
        Broken::unless(refused.as_ref().is_none_or(is_fair), || {
            format!("{} refused: {refused:?}", self.identity.node)
        })?;
        Ok(Worked { answer, has_new_table, taken, refuses: refused.is_some() })
    }

    /// A failing memory keeps nothing of the next delta. Says whether any of this is met, or was
    /// left, by a memory that had drifted.
    fn remembers(&mut self, messages: &mut VecDeque<ToNode>) -> bool {
        let mut was_drifted = self.memory == Memory::Drifted;
        for message in messages {
            match (message, self.memory) {
                (ToNode::Delta(delta), Memory::Failing) => {
                    delta.environments.clear();
                    (self.memory, self.ever_drifted, was_drifted) = (Memory::Drifted, true, true);
                }
                (ToNode::SnapshotEnd(_), Memory::Drifted) => self.memory = Memory::Good,
                _ => {}
            }
        }
        was_drifted
    }
}

//! A run: one control plane, some nodes, and what happens to them, in the order of the calendar.
//! What comes of it is said elsewhere: in `at_plane` and `at_node` what messages do, in `writes`
//! what is written and how a run ends, in `faults` what goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_control_plane::engine::View;

use crate::base;
use crate::broken::Broken;
use crate::calendar::{AtNode, AtPlane, Calendar, Event, Line, Time};
use crate::dice::Dice;
use crate::disk::{Disk, Fate};
use crate::histories::Histories;
use crate::intent::{ENVIRONMENTS, Intent};
use crate::lines::Lines;
use crate::node::Node;
use crate::plane::Running;

/// How long things go wrong.
const STORM_MS: Time = 400;
/// How long after that all must be level again.
const CALM_MS_MAX: Time = 5_000;

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) now: Time,
    pub(crate) calendar: Calendar,
    pub(crate) lines: Lines,
    pub(crate) nodes: Vec<Node>,
    pub(crate) plane: Option<Running>,
    pub(crate) disk: Disk,
    pub(crate) fate: Arc<Fate>,
    /// The log that was in use before this one was put in its place.
    pub(crate) shelved: Option<Disk>,
    pub(crate) histories: Histories,
    /// How many entries the feed holds, and how many messages a line.
    pub(crate) window: usize,
    pub(crate) room: usize,
    /// How many snapshots are sent at once.
    pub(crate) at_once: usize,
    /// Requests that nobody knows the outcome of; they are sent again.
    pub(crate) unanswered: Vec<(u64, Intent)>,
    pub(crate) requests: u64,
    pub(crate) calm: bool,
    /// What streams see until then, while the feed is a commit ahead of it.
    pub(crate) view_before: Option<(Time, Arc<View>)>,
    /// How often what happened.
    pub(crate) tally: BTreeMap<&'static str, u64>,
    pub(crate) told: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(seed: u64, tells: bool) -> Self {
        let mut dice = Dice::new(seed);
        let served = [&ENVIRONMENTS[..1], &ENVIRONMENTS[1..], &ENVIRONMENTS[..]];
        let count = dice.index(3) + 1;
        let nodes: Vec<Node> =
            (0..count).map(|n| Node::new(n, served[dice.index(served.len())])).collect();
        let (disk, histories) = base::home().clone();
        let mut calendar = Calendar::default();
        for node in 0..count {
            calendar.enter(dice.below(20), Event::Connect { node, life: 0 });
        }
        calendar.enter(0, Event::PlaneStarts);
        calendar.enter(dice.below(20), Event::Write);
        calendar.enter(dice.below(40), Event::Fault);
        calendar.enter(STORM_MS, Event::Calm);
        Self {
            window: dice.index(8) + 1,
            room: dice.index(8) + 1,
            // In most runs nobody has to wait.
            at_once: if matches!(seed % 7, 4 | 5) { 1 } else { 3 },
            dice,
            now: 0,
            calendar,
            lines: Lines::of(count),
            nodes,
            plane: None,
            disk,
            fate: Arc::default(),
            shelved: None,
            histories,
            unanswered: vec![],
            requests: 0,
            calm: false,
            view_before: None,
            tally: BTreeMap::new(),
            told: tells.then(Vec::new),
        }
    }

    /// To the end, which is when all are level.
    pub(crate) fn run(&mut self) -> Result<(), Broken> {
        while let Some((at, event)) = self.calendar.next() {
            self.now = at;
            self.count("steps");
            self.happens(event)?;
            if self.calm && self.is_level() {
                return self.ends();
            }
            Broken::unless(self.now <= STORM_MS + CALM_MS_MAX, || {
                let far: Vec<_> =
                    self.nodes.iter().map(|n| n.follower.replica().position().revision).collect();
                format!("the nodes are not level, but at {far:?}")
            })?;
        }
        Err(Broken("nothing happens any more, and the nodes are not level".into()))
    }

    fn happens(&mut self, event: Event) -> Result<(), Broken> {
        match event {
            Event::Write => self.writes()?,
            Event::Seen => self.all_send()?,
            Event::Fault => self.fault(),
            Event::Calm => self.calms(),
            Event::PlaneStarts => self.plane_starts()?,
            Event::NodeStarts { node } => self.node_starts(node),
            Event::Connect { node, life } => self.connects(node, life),
            Event::AtPlane { line, parcel } => {
                if self.lines.is_through(self.now, line) {
                    self.at_plane(line, parcel)?;
                }
            }
            Event::AtNode { line, parcel } => {
                if self.lines.is_through(self.now, line) {
                    self.at_node(line, parcel)?;
                }
            }
            Event::Work { node, line } => self.works(node, line)?,
            Event::Bookmark { line, at } => self.bookmarks(line, at)?,
            Event::Watchdog { node, line } => self.watches(node, line),
        }
        Ok(())
    }

    pub(crate) fn send_plane(&mut self, line: Line, parcel: AtPlane) {
        let at = self.lines.arrives_at_plane(self.now, line, &mut self.dice);
        self.calendar.enter(at, Event::AtPlane { line, parcel });
    }

    pub(crate) fn send_node(&mut self, line: Line, parcel: AtNode) {
        let at = self.lines.arrives_at_node(self.now, line, &mut self.dice);
        self.calendar.enter(at, Event::AtNode { line, parcel });
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(told) = &mut self.told {
            told.push(format!("{:>6} ms  {}", self.now, what()));
        }
    }
}

//! What goes wrong in a run, and how all of it is mended at its end.

use crate::base;
use crate::broken::Broken;
use crate::calendar::{AtNode, AtPlane, Event};
use crate::disk::Disk;
use crate::node::Memory;
use crate::plane::{Start, start};
use crate::secrets::{FOREIGN, HOME};
use crate::world::World;

impl World {
    pub(crate) fn fault(&mut self) {
        if self.calm {
            return;
        }
        let at = self.now + self.dice.within(5, 60);
        self.calendar.enter(at, Event::Fault);
        let node = self.dice.index(self.nodes.len());
        match self.dice.below(100) {
            0..15 => self.line_breaks(node),
            15..20 => self.memory_fails(node),
            20..30 => self.line_stalls(node),
            30..42 => self.node_goes_dark(node),
            42..54 => self.node_dies(node),
            54..64 => self.node_is_slow(node),
            64..72 => self.plane_dies("all at once"),
            72..84 => self.plane_will_die(),
            84..88 => self.node_hurries(node),
            88..95 => self.log_is_rolled_back(),
            _ => self.log_is_exchanged(),
        }
    }

    /// Nothing goes wrong any more. Who operates the nodes starts those afresh that are refused.
    pub(crate) fn calms(&mut self) {
        self.calm = true;
        self.say(|| "calm".into());
        let is_foreign = self.disk.log_id != base::home().0.log_id;
        if self.shelved.is_some() && (is_foreign || self.dice.chance(50)) {
            self.newer_log_comes_back();
        }
        for node in 0..self.nodes.len() {
            self.nodes[node].slowness = 1;
            if self.nodes[node].memory == Memory::Failing {
                self.nodes[node].memory = Memory::Good;
            }
            self.lines.goes_dark(node, 0);
        }
        self.fate.lives();
        self.calendar.enter(self.now + 200, Event::Write);
        self.calendar.enter(self.now + 1, Event::PlaneStarts);
    }

    fn line_breaks(&mut self, node: usize) {
        let Some(line) = self.nodes[node].stream.as_ref().map(|stream| stream.line) else { return };
        self.count("lines broken");
        self.say(|| format!("line {line} of node-{node} breaks"));
        if self.dice.chance(50) {
            // What is on its way still arrives, then the ends.
            self.send_node(line, AtNode::Closed("the line broke"));
            self.send_plane(line, AtPlane::Closed);
        } else {
            self.lines.dies(line);
            self.hangs_up(node, "the line broke");
        }
    }

    fn line_stalls(&mut self, node: usize) {
        let Some(line) = self.nodes[node].stream.as_ref().map(|stream| stream.line) else { return };
        let until = self.now + self.dice.within(20, 250);
        self.count("lines stalled");
        self.say(|| format!("line {line} of node-{node} stalls until {until}"));
        self.lines.stalls(line, until);
    }

    fn node_goes_dark(&mut self, node: usize) {
        let until = self.now + self.dice.within(20, 300);
        self.count("nodes in the dark");
        self.say(|| format!("nothing gets to or from node-{node} until {until}"));
        self.lines.goes_dark(node, until);
    }

    fn node_is_slow(&mut self, node: usize) {
        self.nodes[node].slowness =
            if self.dice.chance(50) { 1 } else { self.dice.within(20, 150) };
        self.count("nodes slow");
    }

    /// What the next delta brings will be lost, and the digests have to find it.
    fn memory_fails(&mut self, node: usize) {
        if self.nodes[node].memory != Memory::Good {
            return;
        }
        self.nodes[node].memory = Memory::Failing;
        self.say(|| format!("the memory of node-{node} will fail"));
    }

    /// Gives up a stream that is well, and tries another at once.
    fn node_hurries(&mut self, node: usize) {
        self.nodes[node].stream = None;
        self.count("streams doubled");
        let life = self.nodes[node].life;
        self.calendar.enter(self.now, Event::Connect { node, life });
    }

    pub(crate) fn node_dies(&mut self, node: usize) {
        if !self.nodes[node].alive {
            return;
        }
        self.count("nodes died");
        self.say(|| format!("node-{node} dies"));
        if let Some(stream) = &self.nodes[node].stream {
            let line = stream.line;
            self.send_plane(line, AtPlane::Closed);
        }
        self.nodes[node].dies();
        let at = self.now + self.dice.within(1, 60);
        self.calendar.enter(at, Event::NodeStarts { node });
    }

    pub(crate) fn node_starts(&mut self, node: usize) {
        let logs = [None, None, Some(HOME), Some(FOREIGN)];
        let accepts = logs[self.dice.index(logs.len())];
        self.nodes[node].starts(accepts);
        let life = self.nodes[node].life;
        self.say(|| format!("node-{node} starts, accepts {accepts:?}"));
        self.calendar.enter(self.now, Event::Connect { node, life });
    }

    fn plane_will_die(&mut self) {
        let kept = self.dice.chance(50);
        self.fate.dies(kept);
        self.say(|| "the control plane will die in its next append".into());
    }

    pub(crate) fn plane_dies(&mut self, how: &str) {
        let Some(plane) = self.plane.take() else { return };
        self.view_before = None;
        self.count("control planes died");
        self.say(|| format!("the control plane dies {how}"));
        self.disk.close(&*plane.reader);
        let without_a_word = self.dice.chance(30);
        for line in plane.streams.keys() {
            if without_a_word {
                self.lines.dies(*line);
            } else {
                self.send_node(*line, AtNode::Closed("the control plane died"));
            }
        }
        let at = self.now + self.dice.within(1, 120);
        self.calendar.enter(at, Event::PlaneStarts);
    }

    /// From a stored state, as far back as there are any, with the rest of the log.
    pub(crate) fn plane_starts(&mut self) -> Result<(), Broken> {
        if self.plane.is_some() {
            return Ok(());
        }
        let (log, fate) = self.disk.open();
        self.histories.learn(&*countersign_control_plane::log::EventLog::reader(&log));
        let chain = self.histories.chain();
        let back = self.dice.index(chain.len().min(12));
        let state = chain[chain.len() - 1 - back].state.clone();
        let from = state.head().revision;
        let (window, at_once) = (self.window, self.at_once);
        self.plane = Some(start(log, Start { state, window, at_once }));
        self.fate = fate;
        self.say(|| format!("the control plane starts, from {from}"));
        self.learns()?;
        self.keeps_what_it_acknowledged()
    }

    /// The control plane is put back to a backup of an earlier time.
    fn log_is_rolled_back(&mut self) {
        self.plane_dies("for a backup to be restored");
        let chain = self.histories.chain();
        if self.shelved.is_some() || chain.len() < 2 {
            return;
        }
        let back = self.dice.within(1, 6.min(chain.len() as u64 - 1));
        let to = chain[chain.len() - 1 - usize::try_from(back).unwrap()].head.revision;
        let earlier = self.disk.rolled_back(to);
        self.count("logs rolled back");
        self.say(|| format!("the log is rolled back to {to}"));
        self.puts_in(earlier);
    }

    /// A data directory of another log is put in its place.
    fn log_is_exchanged(&mut self) {
        self.plane_dies("for its data directory to be exchanged");
        if self.shelved.is_some() {
            self.newer_log_comes_back();
        } else {
            self.count("logs exchanged");
            self.say(|| "another log is put in its place".into());
            self.puts_in(base::foreign().0.clone());
        }
    }

    fn newer_log_comes_back(&mut self) {
        self.plane_dies("for the newer log to be restored");
        if let Some(newer) = self.shelved.take() {
            self.count("logs restored");
            self.say(|| format!("the log of {} revisions is restored", newer.records.len()));
            self.puts_in(newer);
            self.shelved = None;
        }
    }

    fn puts_in(&mut self, disk: Disk) {
        self.shelved = Some(std::mem::replace(&mut self.disk, disk));
        self.unanswered.clear();
    }
}

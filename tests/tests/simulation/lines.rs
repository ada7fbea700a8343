//! The network: lines between nodes and the control plane. What is on one line stays in order, as
//! TCP has it; lines overtake one another, stall, break, or go dead without a word.

use crate::calendar::{Line, Time};
use crate::dice::Dice;

#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: Vec<State>,
    /// Nodes from and to which nothing gets through until then.
    dark_until: Vec<Time>,
}

#[derive(Debug)]
struct State {
    node: usize,
    /// Nothing on it arrives any more.
    dead: bool,
    /// When the last one arrives that was sent each way.
    to_plane: Time,
    to_node: Time,
}

impl Lines {
    pub(crate) fn of(nodes: usize) -> Self {
        Self { lines: vec![], dark_until: vec![0; nodes] }
    }

    pub(crate) fn open(&mut self, node: usize) -> Line {
        self.lines.push(State { node, dead: false, to_plane: 0, to_node: 0 });
        self.lines.len() - 1
    }

    pub(crate) fn node(&self, line: Line) -> usize {
        self.lines[line].node
    }

    /// When what is sent now arrives.
    pub(crate) fn arrives_at_plane(&mut self, now: Time, line: Line, dice: &mut Dice) -> Time {
        let state = &mut self.lines[line];
        state.to_plane = state.to_plane.max(now + delay(dice));
        state.to_plane
    }

    pub(crate) fn arrives_at_node(&mut self, now: Time, line: Line, dice: &mut Dice) -> Time {
        let state = &mut self.lines[line];
        state.to_node = state.to_node.max(now + delay(dice));
        state.to_node
    }

    /// Whether what arrives now does arrive.
    pub(crate) fn is_through(&mut self, now: Time, line: Line) -> bool {
        let state = &mut self.lines[line];
        state.dead |= now < self.dark_until[state.node];
        !state.dead
    }

    pub(crate) fn dies(&mut self, line: Line) {
        self.lines[line].dead = true;
    }

    /// Retransmissions: all is late, and in order.
    pub(crate) fn stalls(&mut self, line: Line, until: Time) {
        let state = &mut self.lines[line];
        state.to_plane = state.to_plane.max(until);
        state.to_node = state.to_node.max(until);
    }

    pub(crate) fn goes_dark(&mut self, node: usize, until: Time) {
        self.dark_until[node] = until;
    }
}

/// Mostly short, sometimes long.
fn delay(dice: &mut Dice) -> Time {
    if dice.chance(10) { dice.within(5, 60) } else { dice.within(1, 5) }
}

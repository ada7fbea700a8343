//! A tree of servers, and how something spreads in it: each server sends to its children one after
//! the other, as fast as its cores and its uplink let it.

use crate::assumptions::Assumptions;

pub(crate) struct Tree<'a> {
    shape: &'a [usize],
    assumed: &'a Assumptions,
    chance: u64,
}

/// How something spread.
pub(crate) struct Spread {
    /// Of the control plane, both ways.
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// When the server of each node had its answer, in milliseconds, in order.
    known_ms: Vec<f64>,
    pub(crate) slowest: &'static str,
}

impl Spread {
    pub(crate) fn at(&self, part: f64) -> f64 {
        let last = self.known_ms.len().saturating_sub(1);
        self.known_ms.get((last as f64 * part) as usize).copied().unwrap_or_default()
    }
}

impl<'a> Tree<'a> {
    pub(crate) fn new(shape: &'a [usize], assumed: &'a Assumptions) -> Self {
        Self { shape, assumed, chance: assumed.seed }
    }

    /// A message of so many bytes to all nodes, which answer; `made_us` is what it costs to make it
    /// anew for each child.
    pub(crate) fn spread(mut self, bytes: usize, answer_bytes: usize, made_us: f64) -> Spread {
        let mut known_ms = Vec::with_capacity(self.assumed.nodes);
        self.serve(0, 0.0, bytes, made_us, &mut known_ms);
        known_ms.truncate(self.assumed.nodes);
        known_ms.sort_by(f64::total_cmp);
        let children = self.shape[0] as u64;
        let (processor, uplink) = self.paces(bytes, made_us);
        let widest = self.shape.iter().max().copied().unwrap_or_default() as f64;
        let slowest = if processor.max(uplink) * widest < 2.0 * self.assumed.latency_ms_max {
            "the network's latency"
        } else if processor > uplink {
            "a server's processor"
        } else {
            "a server's uplink"
        };
        let bytes = children * (bytes + answer_bytes) as u64;
        Spread { messages: 2 * children, bytes, known_ms, slowest }
    }

    fn serve(&mut self, level: usize, at: f64, bytes: usize, made_us: f64, known: &mut Vec<f64>) {
        let (processor, uplink) = self.paces(bytes, made_us);
        for child in 1..=self.shape[level] {
            let sent = at + child as f64 * processor.max(uplink);
            let has = sent + self.latency() + self.assumed.apply_us / 1e3;
            if level + 1 < self.shape.len() {
                self.serve(level + 1, has, bytes, made_us, known);
            } else if known.len() < self.assumed.nodes {
                known.push(has + self.latency());
            }
        }
    }

    /// Milliseconds for each child: of the processor, which also hears the answer, and of the uplink.
    fn paces(&self, bytes: usize, made_us: f64) -> (f64, f64) {
        let processor = (2.0 * self.assumed.message_us + made_us) / self.assumed.cores / 1e3;
        let uplink = bytes as f64 * 8.0 / (self.assumed.uplink_gbit * 1e6);
        (processor, uplink)
    }

    fn latency(&mut self) -> f64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let part = (self.chance >> 11) as f64 / (1_u64 << 53) as f64;
        let Assumptions { latency_ms_min: least, latency_ms_max: most, .. } = self.assumed;
        least + part * (most - least)
    }
}

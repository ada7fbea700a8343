//! What happens at a node's end of a line: it connects, hears, works, and gives up a line on which
//! it hears nothing. Whatever it brings into force is checked at once.

use std::collections::VecDeque;

use countersign_proto::v1::Welcome;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;

use countersign_data_plane::replica::Unwelcome;

use crate::broken::Broken;
use crate::calendar::{AtNode, AtPlane, Event, Line, Time};
use crate::check;
use crate::node::{Memory, Stream};
use crate::plane::BOOKMARK_INTERVAL_MS;
use crate::world::World;

/// A node that has heard nothing for so long gives its stream up.
const PATIENCE_MS: Time = 3 * BOOKMARK_INTERVAL_MS;

impl World {
    pub(crate) fn connects(&mut self, node: usize, life: u32) {
        let this = &mut self.nodes[node];
        if !this.alive || this.life != life || this.stream.is_some() {
            return;
        }
        let line = self.lines.open(node);
        let hello = this.follower.hello(&this.identity);
        let stream = Stream {
            line,
            welcomed: false,
            heard_at: self.now,
            inbox: VecDeque::new(),
            at_work: false,
        };
        this.stream = Some(stream);
        self.say(|| format!("node-{node} connects by line {line}, has {}", hello.revision));
        self.send_plane(line, AtPlane::Message(FromNode::Hello(hello)));
        self.calendar.enter(self.now + PATIENCE_MS, Event::Watchdog { node, line });
    }

    pub(crate) fn at_node(&mut self, line: Line, parcel: AtNode) -> Result<(), Broken> {
        let node = self.lines.node(line);
        if !self.nodes[node].alive || !self.nodes[node].is_on(line) {
            if !matches!(parcel, AtNode::Closed(_)) {
                self.send_plane(line, AtPlane::Closed);
            }
            return Ok(());
        }
        match parcel {
            AtNode::Closed(why) => self.hangs_up(node, why),
            AtNode::RolledBack => {
                self.nodes[node].estranged = true;
                self.hangs_up(node, "the log was rolled back");
            }
            AtNode::Message(ToNode::Welcome(welcome)) => self.welcome(node, line, &welcome)?,
            AtNode::Message(message) => {
                let this = &mut self.nodes[node];
                let Some(stream) = &mut this.stream else { return Ok(()) };
                Broken::unless(stream.welcomed, || "something came before the welcome".into())?;
                stream.heard_at = self.now;
                stream.inbox.push_back(message);
                if !std::mem::replace(&mut stream.at_work, true) {
                    let at = self.now + self.dice.below(this.slowness + 1);
                    self.calendar.enter(at, Event::Work { node, line });
                }
            }
        }
        Ok(())
    }

    fn welcome(&mut self, node: usize, line: Line, welcome: &Welcome) -> Result<(), Broken> {
        let this = &mut self.nodes[node];
        let is_other = match this.follower.welcome(&this.identity, welcome) {
            Ok(is_other) => is_other,
            Err(Unwelcome::ForeignLog { .. }) => {
                this.estranged = true;
                self.count("refused: another log");
                self.send_plane(line, AtPlane::Closed);
                self.hangs_up(node, "that is another log");
                return Ok(());
            }
            Err(error) => return Err(Broken(error.to_string())),
        };
        this.estranged = false;
        if let Some(stream) = &mut this.stream {
            (stream.welcomed, stream.heard_at) = (true, self.now);
        }
        let how = if welcome.resumed { "goes on" } else { "begins anew" };
        self.say(|| format!("node-{node} {how} on line {line}"));
        if is_other {
            self.count("nodes on another log");
        }
        self.send_plane(line, AtPlane::Room(1));
        Ok(())
    }

    pub(crate) fn works(&mut self, node: usize, line: Line) -> Result<(), Broken> {
        let this = &mut self.nodes[node];
        if !this.alive || !this.is_on(line) {
            return Ok(());
        }
        let former = this.follower.replica().position().clone();
        let worked = this.works()?;
        this.failures = 0;
        let position = this.follower.replica().position().clone();
        Broken::unless(
            position.log_id != former.log_id || position.revision >= former.revision,
            || format!("node-{node} goes back from {} to {}", former.revision, position.revision),
        )?;
        if !former.log_id.is_empty() && former.log_id != position.log_id {
            let accepted = self.nodes[node].accepts.take().map(|log| log.to_string());
            Broken::unless(accepted.as_ref() == Some(&position.log_id), || {
                format!("node-{node} went over to a log that it was not told to accept")
            })?;
            self.count("logs accepted");
        }
        if worked.has_new_table {
            self.count("tables");
            self.say(|| format!("node-{node} signs with {}", position.revision));
            if self.nodes[node].memory != Memory::Drifted {
                check::table(&self.nodes[node], &self.histories)?;
            }
        }
        if let Some(answer) = worked.answer {
            self.send_plane(line, AtPlane::Message(answer));
        }
        self.send_plane(line, AtPlane::Room(worked.taken));
        if worked.refuses {
            self.count("changes refused");
            self.send_plane(line, AtPlane::Closed);
            self.hangs_up(node, "it refused a change");
        }
        Ok(())
    }

    pub(crate) fn watches(&mut self, node: usize, line: Line) {
        let this = &self.nodes[node];
        let Some(stream) = this.stream.as_ref().filter(|stream| stream.line == line) else {
            return;
        };
        let patient_until = stream.heard_at + PATIENCE_MS;
        if self.now < patient_until {
            self.calendar.enter(patient_until, Event::Watchdog { node, line });
            return;
        }
        self.count("silent lines");
        self.send_plane(line, AtPlane::Closed);
        self.hangs_up(node, "nothing was heard");
    }

    /// The node's stream is over; it tries another in a while.
    pub(crate) fn hangs_up(&mut self, node: usize, why: &str) {
        let this = &mut self.nodes[node];
        this.stream = None;
        let estranged = this.estranged;
        if estranged && (self.calm || self.dice.chance(20)) {
            // Who operates it starts it afresh.
            self.node_dies(node);
            return;
        }
        let this = &mut self.nodes[node];
        this.failures += 1;
        let (life, longest) = (this.life, 10 << this.failures.min(5));
        let at = self.now + self.dice.below(longest);
        self.say(|| format!("node-{node} has no stream any more: {why}"));
        self.calendar.enter(at, Event::Connect { node, life });
    }
}

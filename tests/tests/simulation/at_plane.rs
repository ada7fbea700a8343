//! What happens at the control plane's end of a line: streams begin, hear their nodes, and send
//! what is due.

use std::sync::Arc;

use countersign_proto::v1::Hello;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;

use crate::broken::Broken;
use crate::calendar::{AtNode, AtPlane, Event, Line, Time};
use crate::plane::{Due, Refused};
use crate::world::World;

impl World {
    pub(crate) fn at_plane(&mut self, line: Line, parcel: AtPlane) -> Result<(), Broken> {
        if let AtPlane::Message(FromNode::Hello(hello)) = parcel {
            return self.hello(line, &hello);
        }
        let served = self.plane.as_mut().and_then(|plane| plane.streams.get_mut(&line));
        let Some(served) = served else {
            if !matches!(parcel, AtPlane::Closed) {
                self.send_node(line, AtNode::Closed("nobody there"));
            }
            return Ok(());
        };
        match parcel {
            AtPlane::Message(FromNode::Ack(ack)) => {
                Broken::unless(ack.revision <= served.sent(), || {
                    format!("node-{} has {} before it was sent", served.node, ack.revision)
                })?;
                served.heard(ack);
            }
            AtPlane::Message(_) => {
                let expected = self.nodes[served.node].ever_drifted;
                return Broken::unless(expected, || format!("node-{} refuses", served.node));
            }
            AtPlane::Room(taken) => served.room += taken,
            AtPlane::Closed => {
                self.stream_ends(line);
                return Ok(());
            }
        }
        self.sends(line)
    }

    fn hello(&mut self, line: Line, hello: &Hello) -> Result<(), Broken> {
        let (node, now, room) = (self.lines.node(line), self.now, self.room);
        let Some(plane) = &mut self.plane else {
            self.send_node(line, AtNode::Closed("unreachable"));
            return Ok(());
        };
        let is_ours = hello.revision == 0
            || hello.log_id != plane.log_id.to_string()
            || self.histories.is_in_use(hello.revision, &hello.hash);
        let welcomed = plane.hello(now, line, (node, hello), room);
        Broken::unless(is_ours == !matches!(welcomed, Err(Refused::RolledBack)), || {
            format!(
                "node-{node} with {} is welcome or not, and it should be the other",
                hello.revision
            )
        })?;
        match welcomed {
            Ok(welcome) => {
                let streams = plane.streams.iter();
                let former = streams.filter(|(l, s)| s.node == node && **l != line);
                let former: Vec<Line> = former.map(|(line, _)| *line).collect();
                for line in former {
                    self.stream_ends(line);
                    self.send_node(line, AtNode::Closed("replaced"));
                }
                self.count(if welcome.resumed { "streams resumed" } else { "streams begun anew" });
                self.send_node(line, AtNode::Message(ToNode::Welcome(welcome)));
                self.sends(line)
            }
            Err(Refused::RolledBack) => {
                self.count("refused: LOG_ROLLED_BACK");
                self.send_node(line, AtNode::RolledBack);
                Ok(())
            }
            Err(Refused::UnknownEnvironment) => Err(Broken("an environment is gone".into())),
        }
    }

    fn stream_ends(&mut self, line: Line) {
        let makes_room = self.plane.as_mut().is_some_and(|plane| plane.ends(self.now, line));
        if makes_room {
            self.calendar.enter(self.now, Event::Seen);
        }
    }

    pub(crate) fn all_send(&mut self) -> Result<(), Broken> {
        let lines: Vec<Line> =
            self.plane.iter().flat_map(|plane| plane.streams.keys().copied()).collect();
        lines.into_iter().try_for_each(|line| self.sends(line))
    }

    /// All that is due on a line, as the view has it that is seen now.
    pub(crate) fn sends(&mut self, line: Line) -> Result<(), Broken> {
        let Some(plane) = &mut self.plane else { return Ok(()) };
        let view = match &self.view_before {
            Some((until, before)) if self.now < *until => Arc::clone(before),
            _ => plane.view.load_full(),
        };
        let Due { messages, heals, shares, makes_room } = plane.due(self.now, line, &view)?;
        if makes_room {
            self.calendar.enter(self.now, Event::Seen);
        }
        if let Some(served) = plane.streams.get_mut(&line) {
            let at = served.next_bookmark_at().max(self.now + 1);
            if at < served.bookmark_at {
                served.bookmark_at = at;
                self.calendar.enter(at, Event::Bookmark { line, at });
            }
        }
        if heals {
            let node = self.lines.node(line);
            Broken::unless(self.nodes[node].ever_drifted, || {
                format!("node-{node} is said to have another table, and has not")
            })?;
            self.count("tables healed");
        }
        if shares {
            self.count("snapshots shared");
        }
        for message in messages {
            self.count(match message {
                ToNode::SnapshotEnd(_) => "snapshots",
                ToNode::Delta(_) => "deltas",
                ToNode::Bookmark(_) => "bookmarks",
                ToNode::Waiting(_) => "waits for a snapshot",
                ToNode::SnapshotChunk(_) | ToNode::Welcome(_) => "other messages",
            });
            self.send_node(line, AtNode::Message(message));
        }
        Ok(())
    }

    pub(crate) fn bookmarks(&mut self, line: Line, at: Time) -> Result<(), Broken> {
        let served = self.plane.as_mut().and_then(|plane| plane.streams.get_mut(&line));
        match served.filter(|served| served.bookmark_at == at) {
            None => Ok(()),
            Some(served) => {
                served.bookmark_at = Time::MAX;
                self.sends(line)
            }
        }
    }
}

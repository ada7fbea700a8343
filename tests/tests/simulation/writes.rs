//! What is written in a run, what must be true of it, and how a run ends.

use countersign_control_plane::engine::{Envelope, Outcome};
use countersign_shared::text::RequestId;

use crate::broken::Broken;
use crate::calendar::Event;
use crate::check;
use crate::intent::{Intent, request_id};
use crate::world::World;

impl World {
    /// A batch of one to three requests; those whose outcome nobody knows come first.
    pub(crate) fn writes(&mut self) -> Result<(), Broken> {
        if !self.calm {
            let at = self.now + self.dice.within(2, 40);
            self.calendar.enter(at, Event::Write);
        }
        if self.plane.is_none() {
            return Ok(());
        }
        let mut wanted = std::mem::take(&mut self.unanswered);
        if !self.calm || wanted.is_empty() {
            for _ in 0..self.dice.within(1, 3) {
                self.requests += 1;
                wanted.push((self.requests, Intent::random(&mut self.dice)));
            }
        }
        self.asks(wanted)
    }

    fn asks(&mut self, wanted: Vec<(u64, Intent)>) -> Result<(), Broken> {
        let Some(plane) = &mut self.plane else { return Ok(()) };
        let before = plane.view.load_full();
        let mut batch = plane.writer.batch();
        let mut answers = Vec::new();
        for (number, intent) in wanted {
            let (envelope, answer) = Envelope::new(0, intent.request(number, plane.log_id));
            batch.take(envelope);
            answers.push((number, intent, answer));
        }
        let outcome = plane.writer.commit(batch);
        for (number, intent, mut answer) in answers {
            let told = match answer.try_recv() {
                Ok(Ok(Outcome::Done(answer))) => {
                    let last = answer.records.last().map(|record| record.at.revision);
                    self.disk.acknowledged.extend(last.map(|last| (number, last)));
                    "done"
                }
                Ok(Ok(Outcome::Repeated { last_revision, .. })) => {
                    self.disk.acknowledged.push((number, last_revision));
                    self.count("requests repeated");
                    "done before"
                }
                Ok(Err(_)) => "rejected",
                Err(_) => {
                    self.unanswered.push((number, intent));
                    "unanswered"
                }
            };
            self.say(|| format!("request {number}, {intent:?}: {told}"));
        }
        if outcome.is_err() {
            self.plane_dies("in the middle of an append");
            return Ok(());
        }
        self.learns()?;
        if self.dice.chance(30) {
            let until = self.now + self.dice.within(1, 4);
            self.view_before = Some((until, before));
            self.calendar.enter(until, Event::Seen);
        }
        self.all_send()
    }

    /// What the log says now, and whether the writer stands there as well.
    pub(crate) fn learns(&mut self) -> Result<(), Broken> {
        let Some(plane) = &self.plane else { return Ok(()) };
        self.histories.learn(&*plane.reader);
        let (newest, view) = (self.histories.newest(), plane.view.load_full());
        let same = newest.head == view.tip.head && newest.state.head() == view.state.head();
        let (ours, theirs) = (newest.head.revision, view.tip.head.revision);
        let _ = newest.digests.set(view.tip.digests.clone());
        self.say(|| format!("the log is at {ours}"));
        Broken::unless(same, || format!("the log leads to {ours}, the writer is at {theirs}"))
    }

    /// Asked whenever the log was read anew.
    pub(crate) fn keeps_what_it_acknowledged(&self) -> Result<(), Broken> {
        let requests = self.histories.newest().state.requests();
        for (number, last_revision) in &self.disk.acknowledged {
            let id = RequestId::parse(&request_id(*number)).unwrap();
            let known = requests.get(&id).map(|known| known.last_revision);
            Broken::unless(known == Some(*last_revision), || {
                format!(
                    "request {number} was acknowledged at {last_revision}, the log has {known:?}"
                )
            })?;
        }
        Ok(())
    }

    /// Whether all that was asked for is answered, and all nodes sign with the newest revision and
    /// have said so.
    pub(crate) fn is_level(&self) -> bool {
        let Some(plane) = &self.plane else { return false };
        let head = plane.view.load().tip.head;
        let has_said = |node: usize| {
            plane
                .streams
                .values()
                .any(|stream| stream.node == node && stream.acked == Some(head.revision))
        };
        let is_level = |(number, node): (usize, &crate::node::Node)| {
            let position = node.follower.replica().position();
            position.hash == head.hash.as_bytes() && node.table.is_some() && has_said(number)
        };
        self.unanswered.is_empty() && self.nodes.iter().enumerate().all(is_level)
    }

    pub(crate) fn ends(&mut self) -> Result<(), Broken> {
        let log = self.disk.log_id;
        self.learns()?;
        self.keeps_what_it_acknowledged()?;
        self.say(|| "all are level".into());
        let newest = self.histories.newest();
        let view = self.plane.as_ref().map(|plane| plane.view.load_full());
        Broken::unless(view.is_some_and(|view| view.state == newest.state), || {
            format!("the writer's state at {} is not what the log leads to", newest.head.revision)
        })?;
        check::digests(newest, log)?;
        for node in &self.nodes {
            check::table(node, &self.histories)?;
            check::signs(node, newest)?;
        }
        Ok(())
    }
}

//! A control plane: the real writer, feed and streams on a log that can be lost, without the
//! threads and sockets around them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use countersign_control_plane::Limits;
use countersign_control_plane::engine::{Engine, View, Writer};
use countersign_control_plane::keystore::Sealer;
use countersign_control_plane::log::{EventLog, LogReader};
use countersign_control_plane::metrics::EngineMetrics;
use countersign_control_plane::publisher::snapshot_chunks;
use countersign_control_plane::recover::recover;
use countersign_control_plane::snapshotter::Snapshotter;
use countersign_control_plane::source;
use countersign_delivery::HandOver;
use countersign_feed::shelf::Shelf;
use countersign_feed::stream::{Next, NodeStream};
use countersign_feed::turns::{AtOnce, Number, Turns};
use countersign_feed::{Feed, Refused as Refusal, Window};
use countersign_proto::v1;
use countersign_proto::v1::subscribe_response::Message as ToNode;
use countersign_shared::id::LogId;
use countersign_shared::state::State;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::broken::Broken;
use crate::calendar::{Line, Time};
use crate::secrets::keystore;

pub(crate) const BOOKMARK_INTERVAL_MS: Time = 60;

/// What a start is made from.
pub(crate) struct Start {
    /// A stored state; the rest of the log is replayed.
    pub(crate) state: State,
    /// How many entries the feed holds.
    pub(crate) window: usize,
    /// How many snapshots are sent at once.
    pub(crate) at_once: usize,
}

/// A process.
pub(crate) struct Running {
    pub(crate) log_id: LogId,
    pub(crate) writer: Writer,
    pub(crate) view: Arc<ArcSwap<View>>,
    pub(crate) reader: Arc<dyn LogReader>,
    pub(crate) streams: BTreeMap<Line, Served>,
    feed: Arc<Feed>,
    sealer: Sealer,
    shelf: Shelf<View>,
    turns: Turns,
    /// Of the virtual time.
    epoch: Instant,
}

/// A node's stream at its control plane.
pub(crate) struct Served {
    pub(crate) node: usize,
    /// The revision that the node acknowledged last, if its table was ours.
    pub(crate) acked: Option<u64>,
    /// The bookmark that is in the calendar.
    pub(crate) bookmark_at: Time,
    /// How many messages the line and the node's inbox will still take.
    pub(crate) room: usize,
    stream: NodeStream,
    began: Time,
    /// While it wants a snapshot.
    turn: Option<Number>,
    /// Chunks of a snapshot of this view that are still to be sent; nothing is heard meanwhile.
    snapshot: Option<(Arc<View>, VecDeque<v1::SnapshotChunk>)>,
    heard: VecDeque<v1::Ack>,
    /// The revision of the last snapshot, unless it has to be sent anew.
    snapshot_at: Option<u64>,
}

/// What a stream has to say.
#[derive(Default)]
pub(crate) struct Due {
    pub(crate) messages: Vec<ToNode>,
    /// Whether the node's table was found to be another.
    pub(crate) heals: bool,
    /// Whether a snapshot was begun that had been made before.
    pub(crate) shares: bool,
    /// Whether it is another stream's turn now to be sent a snapshot.
    pub(crate) makes_room: bool,
}

pub(crate) fn start(log: impl EventLog + 'static, from: Start) -> Running {
    let (log_id, reader) = (log.log_id(), log.reader());
    let keystore = keystore(log_id);
    let sealer = keystore.sealer();
    let Start { mut state, window, at_once } = from;
    let window = Window { entries_max: window, ..Window::default() };
    let publisher = recover(&*reader, log_id, &mut state, &sealer, window).unwrap();
    let feed = publisher.feed();
    let writer = Writer::new(Engine {
        log: Box::new(log),
        keystore,
        state,
        publisher,
        limits: Limits::default(),
        snapshotter: Snapshotter::none(),
        metrics: EngineMetrics::register(&mut Registry::default()),
    });
    let view = writer.view();
    Running {
        log_id,
        writer,
        view,
        reader,
        streams: BTreeMap::new(),
        feed,
        sealer,
        shelf: Shelf::new(Gauge::default()),
        turns: Turns::new(AtOnce { count: at_once, ..AtOnce::default() }),
        epoch: Instant::now(),
    }
}

/// Why there is no stream.
pub(crate) enum Refused {
    RolledBack,
    UnknownEnvironment,
}

impl Running {
    /// Begins a stream with its welcome.
    pub(crate) fn hello(
        &mut self,
        now: Time,
        line: Line,
        (node, hello): (usize, &v1::Hello),
        room: usize,
    ) -> Result<v1::Welcome, Refused> {
        let view = self.view.load_full();
        let find = |text: &String| source::environment(&view, text);
        let served: Result<Vec<_>, _> = hello.environments.iter().map(find).collect();
        let served = served.map_err(|_| Refused::UnknownEnvironment)?;
        let environments = served.iter().map(|environment| environment.id).collect();
        let resume = match source::resume(hello, (self.log_id, 0), &self.feed, &*self.reader) {
            Ok(resume) => resume,
            Err(Refusal::RolledBack { .. }) => return Err(Refused::RolledBack),
            Err(error) => panic!("{error}"),
        };
        let interval = Duration::from_millis(BOOKMARK_INTERVAL_MS);
        let stream = NodeStream::begin(environments, resume, interval, &self.feed);
        let mut welcome = stream.welcome((self.log_id, 0), &served);
        let log_id = self.log_id.to_string();
        for (served, environment) in welcome.environments.iter_mut().zip(stream.environments()) {
            let (environment, node, instance) = (*environment, &*hello.node, &*hello.instance);
            let of = HandOver { log_id: &log_id, environment, node, instance };
            let sealed = self.sealer.hand_over(&of, &hello.delivery_public_key);
            served.sealed_delivery_key = sealed.unwrap();
        }
        let served = Served {
            node,
            acked: None,
            snapshot_at: None,
            bookmark_at: Time::MAX,
            room: room - 1,
            stream,
            began: now,
            turn: None,
            snapshot: None,
            heard: VecDeque::new(),
        };
        self.streams.insert(line, served);
        Ok(welcome)
    }

    /// Ends a stream. Says whether it is another one's turn now to be sent a snapshot.
    pub(crate) fn ends(&mut self, now: Time, line: Line) -> bool {
        let turn = self.streams.remove(&line).and_then(|served| served.turn);
        let at = self.epoch + Duration::from_millis(now);
        turn.is_some_and(|turn| !self.turns.leave(at, turn, false).is_empty())
    }

    /// What a stream has to send and the line has room for. `seen` is a view that may be a moment
    /// behind the feed, as it is for a task that reads it while the writer commits.
    pub(crate) fn due(&mut self, now: Time, line: Line, seen: &Arc<View>) -> Result<Due, Broken> {
        let Some(served) = self.streams.get_mut(&line) else { return Ok(Due::default()) };
        let since = Duration::from_millis(now - served.began);
        let at = self.epoch + Duration::from_millis(now);
        let mut due = Due::default();
        while served.room > due.messages.len() {
            if let Some((view, chunks)) = &mut served.snapshot {
                if let Some(chunk) = chunks.pop_front() {
                    due.messages.push(ToNode::SnapshotChunk(chunk));
                    continue;
                }
                let end = served.stream.snapshot_end(&view.tip);
                let former = served.snapshot_at.replace(end.revision);
                Broken::unless(former != Some(end.revision), || {
                    format!("node-{} is sent the same snapshot twice", served.node)
                })?;
                due.messages.push(ToNode::SnapshotEnd(end));
                served.snapshot = None;
                let turn = served.turn.take().expect("it was its turn");
                due.makes_room |= !self.turns.leave(at, turn, true).is_empty();
                continue;
            }
            if let Some(ack) = served.heard.pop_front() {
                let acked = served.stream.acked(since, &ack, &self.feed, &seen.tip);
                due.heals |= acked.heals;
                served.acked = (acked.same == Some(true)).then_some(ack.revision);
                if acked.heals {
                    served.snapshot_at = None;
                }
                continue;
            }
            match served.stream.next(since, &self.feed, &seen.tip) {
                None => break,
                Some(Next::Delta(delta)) => due.messages.push(ToNode::Delta(delta)),
                Some(Next::Bookmark(bookmark)) => due.messages.push(ToNode::Bookmark(bookmark)),
                Some(Next::Snapshot { least }) => {
                    let turn = *served.turn.get_or_insert_with(|| self.turns.enter(at));
                    if let Some(place) = self.turns.place(turn) {
                        due.messages.extend(served.stream.waits(since, place).map(ToNode::Waiting));
                        break;
                    }
                    let edition = self.shelf.edition(at, &self.feed, least);
                    let edition = edition.unwrap_or_else(|| self.shelf.replace(at, seen).0);
                    let mut chunks = VecDeque::new();
                    for id in served.stream.environments() {
                        due.shares |= edition.part(*id).is_some();
                        let part = edition.part(*id).unwrap_or_else(|| {
                            let state = &edition.view().state;
                            edition.keep(*id, snapshot_chunks(&self.sealer, state, *id).unwrap())
                        });
                        chunks.extend(part.chunks.iter().cloned());
                    }
                    served.snapshot = Some((Arc::clone(edition.view()), chunks));
                }
            }
        }
        served.room -= due.messages.len();
        Ok(due)
    }
}

impl Served {
    pub(crate) fn heard(&mut self, ack: v1::Ack) {
        self.heard.push_back(ack);
    }

    pub(crate) fn sent(&self) -> u64 {
        self.stream.sent()
    }

    pub(crate) fn next_bookmark_at(&self) -> Time {
        self.began + u64::try_from(self.stream.bookmark_at().as_millis()).unwrap()
    }
}

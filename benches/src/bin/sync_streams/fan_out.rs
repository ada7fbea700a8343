//! One change to a thousand nodes, beside one put to a thousand watchers of etcd: rounds that take
//! turns, the same client process, the same measuring point.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_data_plane::replica::Position;

use crate::arrivals::Arrivals;
use crate::clock;
use crate::etcd::Etcd;
use crate::fleet::Fleet;
use crate::gateway::{Gateway, Writer};
use crate::machine::{processor_time, resident_kib};
use crate::report::{Sample, Table};
use crate::settings::Settings;
use crate::traffic::Traffic;

/// From one change to the next: a calm rate, at which no change waits for the one before it.
const CHANGE_INTERVAL: Duration = Duration::from_millis(200);
/// After the last client has a change, until all that it caused is over.
const SETTLE: Duration = Duration::from_millis(60);
/// What comes before the first that counts.
const WARM_UP: usize = 10;
/// Until the memory of idle streams is looked at: two bookmarks.
const IDLE: Duration = Duration::from_secs(11);

/// What the changes of one server came to.
#[derive(Debug, Default)]
struct Changes {
    /// Milliseconds from the write's begin, and from its answer, until the last client had it.
    had: Sample,
    had_after_answer: Sample,
    /// The same until the last client had written its acknowledgement.
    sent: Sample,
    sent_after_answer: Sample,
    /// The same until the server had the last acknowledgement, rounded up.
    acked: Sample,
    acked_after_answer: Sample,
    written: Sample,
    /// Of the server, and of the clients.
    server_ms: Sample,
    client_ms: Sample,
    bytes: Sample,
}

pub(crate) async fn measure(settings: &Settings, directory: &Path) {
    let gateway = Gateway::start(directory, settings.bindings).await;
    let etcd = Etcd::start(&settings.etcd, directory).await;
    let mut fleet = Fleet::observing(gateway.plane.address).await;
    let mut writer = gateway.writer();
    let memory_kib = memory(&gateway, &mut fleet, &mut writer, settings.streams).await;
    let (mut ours, mut theirs) = (Changes::default(), Changes::default());
    let each = settings.changes.div_ceil(settings.rounds);
    for _ in 0..settings.rounds {
        of_ours(&gateway, &mut fleet, &mut writer, (settings.streams, each), &mut ours).await;
        of_etcd(&etcd, (settings.streams, each), &mut theirs).await;
    }
    report(settings, &ours, &theirs, memory_kib);
}

/// KiB that an idle stream adds.
async fn memory(gateway: &Gateway, fleet: &mut Fleet, writer: &mut Writer, streams: usize) -> f64 {
    let position = warm(fleet, writer).await;
    fleet.connect(streams.min(20), &position).await;
    fleet.disconnect().await;
    tokio::time::sleep(SETTLE).await;
    let without = resident_kib(gateway.pid());
    fleet.connect(streams, &position).await;
    tokio::time::sleep(IDLE).await;
    let with = resident_kib(gateway.pid());
    fleet.disconnect().await;
    (with as f64 - without as f64) / streams as f64
}

/// Both changes were seen once, so that every digest is known.
pub(crate) async fn warm(fleet: &Fleet, writer: &mut Writer) -> Position {
    let mut revision = 0;
    for _ in 0..2 {
        revision = writer.write().await.unwrap().revision;
        fleet.observed(revision).await;
    }
    fleet.observed(revision).await
}

async fn of_ours(
    gateway: &Gateway,
    fleet: &mut Fleet,
    writer: &mut Writer,
    (streams, changes): (usize, usize),
    found: &mut Changes,
) {
    let position = warm(fleet, writer).await;
    let mut revision = position.revision;
    fleet.connect(streams, &position).await;
    let shared = Arc::clone(&fleet.shared);
    for number in 0..WARM_UP + changes {
        let next = Instant::now() + CHANGE_INTERVAL;
        shared.arrivals.expect(streams, revision);
        let before = Before::of(gateway.pid(), &shared.traffic);
        let asked = clock::now();
        let written = writer.write().await.unwrap();
        let answered = clock::now();
        revision = written.revision;
        let last = shared.arrivals.complete().await;
        tokio::time::sleep(SETTLE).await;
        let spent = before.spent(&shared.traffic);
        // Nothing but answers is written now.
        let sent = shared.traffic.sent_at().map_or(last, |sent| sent.max(last));
        let heard = loop {
            if let Some(heard) = gateway.last_heard(streams, revision).await {
                // It is told in milliseconds, cut off.
                break heard + Duration::from_millis(1);
            }
            tokio::time::sleep(SETTLE).await;
        };
        if number >= WARM_UP {
            found.add((written.begun, written.answered), last, &spent);
            found.sent.add(ms(sent - written.begun));
            found
                .sent_after_answer
                .add(ms(sent - written.begun) - ms(written.answered - written.begun));
            found.acked.add(ms(heard) - ms(asked));
            found.acked_after_answer.add(ms(heard) - ms(answered));
        }
        tokio::time::sleep_until(next.into()).await;
    }
    fleet.disconnect().await;
}

async fn of_etcd(etcd: &Etcd, (streams, changes): (usize, usize), found: &mut Changes) {
    let (traffic, arrivals) = (Arc::<Traffic>::default(), Arc::<Arrivals>::default());
    let mut watchers = tokio::task::JoinSet::new();
    let mut revision = etcd.put().await;
    arrivals.expect(streams, revision - 1);
    for _ in 0..streams {
        watchers.spawn(etcd.watch(&traffic, &arrivals));
    }
    arrivals.complete().await;
    for number in 0..WARM_UP + changes {
        let next = Instant::now() + CHANGE_INTERVAL;
        arrivals.expect(streams, revision);
        let before = Before::of(etcd.process.pid(), &traffic);
        let begun = Instant::now();
        revision = etcd.put().await;
        let answered = Instant::now();
        let last = arrivals.complete().await;
        tokio::time::sleep(SETTLE).await;
        let spent = before.spent(&traffic);
        if number >= WARM_UP {
            found.add((begun, answered), last, &spent);
        }
        tokio::time::sleep_until(next.into()).await;
    }
    watchers.shutdown().await;
}

/// What was spent until a moment.
struct Before {
    pid: u32,
    server: Duration,
    client: Duration,
    bytes: u64,
}

impl Before {
    fn of(pid: u32, traffic: &Traffic) -> Self {
        let (server, client) = (processor_time(pid), processor_time(std::process::id()));
        Self { pid, server, client, bytes: traffic.bytes() }
    }

    fn spent(&self, traffic: &Traffic) -> Self {
        let now = Self::of(self.pid, traffic);
        let server = now.server.saturating_sub(self.server);
        let client = now.client.saturating_sub(self.client);
        Self { pid: self.pid, server, client, bytes: now.bytes - self.bytes }
    }
}

impl Changes {
    fn add(&mut self, (begun, answered): (Instant, Instant), last: Instant, spent: &Before) {
        self.had.add(ms(last - begun));
        self.had_after_answer.add(ms(last - begun) - ms(answered - begun));
        self.written.add(ms(answered - begun));
        self.server_ms.add(ms(spent.server));
        self.client_ms.add(ms(spent.client));
        self.bytes.add(spent.bytes as f64);
    }
}

pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn report(settings: &Settings, ours: &Changes, theirs: &Changes, memory_kib: f64) {
    let streams = settings.streams as f64;
    println!(
        "\n{} streams, {} bindings, {} changes of each, in {} rounds that take turns",
        settings.streams,
        settings.bindings,
        ours.had.len(),
        settings.rounds
    );
    let table =
        Table::begin(&["ms", "p50", "p99", "most", "etcd: p50", "p99", "most", "p99 × etcd"]);
    let lines = [
        ("the write's begin to its answer", &ours.written, &theirs.written),
        ("its begin until the last client has it", &ours.had, &theirs.had),
        (
            "its answer until the last client has it",
            &ours.had_after_answer,
            &theirs.had_after_answer,
        ),
        ("its begin until the last client has sent its Ack", &ours.sent, &theirs.had),
        (
            "its answer until the last client has sent its Ack",
            &ours.sent_after_answer,
            &theirs.had_after_answer,
        ),
        ("its begin until the last Ack is heard", &ours.acked, &theirs.had),
        (
            "its answer until the last Ack is heard",
            &ours.acked_after_answer,
            &theirs.had_after_answer,
        ),
    ];
    for (what, ours, theirs) in lines {
        let ratio = format!("{:.2}", ours.at(0.99) / theirs.at(0.99));
        let cells = [ours.columns(), theirs.columns()].concat();
        let cells = cells.iter().map(|cell| cell as &dyn Display);
        let cells: Vec<_> = std::iter::once(&what as _).chain(cells).chain([&ratio as _]).collect();
        table.row(&cells);
    }
    let table = Table::begin(&["each change", "Countersign", "etcd"]);
    for (what, ours, theirs, by) in [
        ("CPU of the server, ms", &ours.server_ms, &theirs.server_ms, 1.0),
        ("CPU of the clients, ms", &ours.client_ms, &theirs.client_ms, 1.0),
        ("bytes for each stream, both ways", &ours.bytes, &theirs.bytes, streams),
    ] {
        let mean = |sample: &Sample| format!("{:.1}", sample.sum() / sample.len() as f64 / by);
        table.row(&[&what, &mean(ours), &mean(theirs)]);
    }
    let table = Table::begin(&["goal", "measured", "at most", ""]);
    let ratio = |ours: &Sample, theirs: &Sample| ours.at(0.99) / theirs.at(0.99);
    table.goal(
        "p99 until the last Ack, to etcd's last event, from the begin",
        ratio(&ours.acked, &theirs.had),
        1.0,
    );
    table.goal(
        "the same from the answer",
        ratio(&ours.acked_after_answer, &theirs.had_after_answer),
        1.0,
    );
    table.goal(
        "bytes for each change and node",
        ours.bytes.sum() / ours.bytes.len() as f64 / streams,
        200.0,
    );
    table.goal("KiB resident for each idle node", memory_kib, 64.0);
}

//! A thousand nodes that come back at once: to a control plane that was started again and has what
//! they missed, and to one whose window they fell out of, so that each gets the whole table. A writer
//! goes on meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use countersign_feed::ring::FEED_ENTRIES_MAX;
use tokio::sync::oneshot;

use crate::fan_out::{ms, warm};
use crate::fleet::Fleet;
use crate::gateway::{Gateway, Writer};
use crate::machine::{forget_peak, peak_kib, processor_time, resident_kib};
use crate::report::{Sample, Table};
use crate::settings::Settings;

/// Between two writes.
const WRITE_INTERVAL: Duration = Duration::from_millis(50);
/// Longer than this a storm is not waited for.
const CURRENT_WITHIN: Duration = Duration::from_mins(3);

struct Storm {
    what: &'static str,
    took: Duration,
    snapshots: usize,
    before_kib: u64,
    peak_kib: u64,
    processor: Duration,
    written: Sample,
    failed: usize,
}

pub(crate) async fn measure(settings: &Settings, directory: &Path) {
    let mut gateway = Gateway::start(&directory.join("storm"), settings.bindings).await;
    let mut fleet = Fleet::observing(gateway.plane.address).await;
    let position = warm(&fleet, &mut gateway.writer()).await;
    fleet.connect(settings.streams, &position).await;

    gateway.plane.process.stop().await;
    fleet.shared.arrivals.expect(settings.streams, position.revision - 1);
    let begun = Instant::now();
    gateway.plane.start_again().await;
    let started = begun.elapsed();
    let restart = weather("a restart, deltas", &gateway, &fleet).await;

    fleet.disconnect().await;
    let position = warm(&fleet, &mut gateway.writer()).await;
    let mut writer = gateway.writer();
    let mut revision = 0;
    // Of a new writer the first may change nothing.
    for _ in 0..FEED_ENTRIES_MAX + 2 {
        revision = writer.write().await.unwrap().revision;
    }
    fleet.observed(revision).await;
    forget_peak(gateway.pid());
    let shared = Arc::clone(&fleet.shared);
    shared.arrivals.expect(settings.streams, revision - 1);
    fleet.spawn(settings.streams, &position);
    let overrun = weather("a window overrun, snapshots", &gateway, &fleet).await;
    fleet.disconnect().await;
    report(settings, started, &[restart, overrun]);
}

/// Until all are current, with a writer at a calm rate.
async fn weather(what: &'static str, gateway: &Gateway, fleet: &Fleet) -> Storm {
    let (begun, before_kib) = (Instant::now(), resident_kib(gateway.pid()));
    let processor = processor_time(gateway.pid());
    let before = fleet.shared.snapshots.load(Relaxed);
    let (over, is_over) = oneshot::channel();
    let writing = tokio::spawn(write(gateway.writer(), is_over));
    let complete = tokio::time::timeout(CURRENT_WITHIN, fleet.shared.arrivals.complete()).await;
    let last = complete.unwrap_or_else(|_| {
        panic!("{what}: {} nodes are not current", fleet.shared.arrivals.missing())
    });
    let processor = processor_time(gateway.pid()).saturating_sub(processor);
    over.send(()).unwrap();
    let (written, failed) = writing.await.unwrap();
    Storm {
        what,
        took: last - begun,
        snapshots: fleet.shared.snapshots.load(Relaxed) - before,
        before_kib,
        peak_kib: peak_kib(gateway.pid()),
        processor,
        written,
        failed,
    }
}

/// How long each write took, from when it was due, and how many failed.
async fn write(mut writer: Writer, mut is_over: oneshot::Receiver<()>) -> (Sample, usize) {
    let (mut written, mut failed) = (Sample::default(), 0);
    let mut due = Instant::now();
    while is_over.try_recv().is_err() {
        match writer.write().await {
            Ok(_) => written.add(ms(due.elapsed())),
            Err(_) => failed += 1,
        }
        due += WRITE_INTERVAL;
        tokio::time::sleep_until(due.into()).await;
    }
    (written, failed)
}

fn report(settings: &Settings, started: Duration, storms: &[Storm]) {
    println!(
        "\n{} nodes come back at once, {} bindings; the control plane started in {:.0} ms",
        settings.streams,
        settings.bindings,
        ms(started)
    );
    let columns = [
        "after",
        "all are current, ms",
        "snapshots",
        "MiB before",
        "MiB at most",
        "CPU of the control plane, ms",
        "writes",
        "their p50, ms",
        "p99",
        "most",
        "failed",
    ];
    let table = Table::begin(&columns);
    for storm in storms {
        let [p50, p99, most] = storm.written.columns();
        table.row(&[
            &storm.what,
            &format!("{:.0}", ms(storm.took)),
            &storm.snapshots,
            &(storm.before_kib / 1024),
            &(storm.peak_kib / 1024),
            &format!("{:.0}", ms(storm.processor)),
            &storm.written.len(),
            &p50,
            &p99,
            &most,
            &storm.failed,
        ]);
    }
}

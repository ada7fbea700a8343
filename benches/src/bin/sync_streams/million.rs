//! A gateway with a million bindings: what a start takes, what a snapshot of it weighs and how long it
//! takes to a node, what one change takes then, and the node's cache.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use countersign_data_plane::replica::Position;
use countersign_tests::{ControlPlaneProcess, NodeProcess};

use crate::fan_out::ms;
use crate::filler::fill;
use crate::fleet::Fleet;
use crate::gateway::Writer;
use crate::machine::{peak_kib, processor_time, resident_kib};
use crate::report::Sample;
use crate::settings::Settings;

const CHANGES: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);
const ASK_AGAIN: Duration = Duration::from_millis(1);
const NODE: &str = "node-1";

pub(crate) async fn measure(settings: &Settings, directory: &Path) {
    let data_dir = directory.join("million").join("data");
    std::fs::create_dir_all(data_dir.parent().unwrap()).unwrap();
    println!("\n{} bindings\n\n| what | |\n|---|---|", settings.many);
    let begun = Instant::now();
    let filling = (data_dir.clone(), settings.many);
    let revision = tokio::task::spawn_blocking(move || fill(&filling.0, filling.1)).await.unwrap();
    row(&format!("filled by the engine, {revision} events"), seconds(begun.elapsed()));
    row("data directory", mib(bytes_below(&data_dir)));
    row("of it state snapshots", mib(bytes_below(&data_dir.join("snapshots"))));

    let begun = Instant::now();
    let mut plane = ControlPlaneProcess::start(&data_dir).await;
    row("start of the control plane", seconds(begun.elapsed()));
    let before = resident_kib(plane.process.pid());
    row("its resident memory", mib(before * 1024));

    snapshot(&plane).await;
    row("the most that the control plane held", mib(peak_kib(plane.process.pid()) * 1024));

    let cache = directory.join("million").join("cache").join("table");
    let more = cache_flags(&cache);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let mut node = NodeProcess::start_with(&plane.uri(), NODE, directory, &more).await;
    row("start of a node until it is ready", seconds(begun.elapsed()));
    let ready = Instant::now();
    while !cache.exists() {
        tokio::time::sleep(ASK_AGAIN).await;
    }
    row("until its cache is written, from then on", seconds(ready.elapsed()));
    row("cache", mib(std::fs::metadata(&cache).unwrap().len()));
    row("resident memory of the node", mib(resident_kib(node.process.pid()) * 1024));
    row("the most that it held", mib(peak_kib(node.process.pid()) * 1024));
    changes(&plane, &node).await;

    plane.process.stop().await;
    node.process.stop().await;
    let begun = Instant::now();
    let mut node = NodeProcess::start_with(&plane.uri(), NODE, directory, &more).await;
    row("start of the node from its cache, alone", seconds(begun.elapsed()));
    node.process.stop().await;
}

/// To a client that reads it and builds nothing.
async fn snapshot(plane: &ControlPlaneProcess) {
    let mut fleet = Fleet::alone(plane.address);
    let begun = Instant::now();
    fleet.connect(1, &Position::default()).await;
    row("a snapshot to a client that only reads", seconds(begun.elapsed()));
    row("its bytes", mib(fleet.shared.traffic.bytes()));
    fleet.disconnect().await;
}

/// From the write's begin until the control plane has the node's Ack.
async fn changes(plane: &ControlPlaneProcess, node: &NodeProcess) {
    let management = plane.management();
    let mut writer = Writer::to(&management);
    let (mut acked, mut written, mut node_ms) = <(Sample, Sample, Sample)>::default();
    for _ in 0..CHANGES {
        let before = processor_time(node.process.pid());
        let one = writer.write().await.unwrap();
        written.add(ms(one.answered - one.begun));
        while management.node(NODE).await.acked_revision < one.revision {
            tokio::time::sleep(ASK_AGAIN).await;
        }
        acked.add(ms(one.begun.elapsed()));
        tokio::time::sleep(PAUSE).await;
        node_ms.add(ms(processor_time(node.process.pid()).saturating_sub(before)));
    }
    for (what, sample) in [
        ("a change to its answer, p50, p99, most", &written),
        ("a change to the node's Ack", &acked),
        ("CPU of the node for it, its cache included", &node_ms),
    ] {
        row(what, format!("{} ms", sample.columns().join(", ")));
    }
}

fn cache_flags(cache: &Path) -> [String; 4] {
    let directory = cache.parent().unwrap();
    std::fs::create_dir_all(directory).unwrap();
    let key = directory.with_extension("key");
    std::fs::write(&key, "07".repeat(32)).unwrap();
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    ["--cache-file".into(), text(&cache.to_owned()), "--cache-key-file".into(), text(&key)]
}

fn bytes_below(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let sizes = entries.map(|entry| {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() { bytes_below(&entry.path()) } else { entry.metadata().unwrap().len() }
    });
    sizes.sum()
}

fn row(what: &str, value: impl Display) {
    println!("| {what} | {value} |");
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / 1_048_576.0)
}

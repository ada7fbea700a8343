//! Writes through gRPC to replicas that share a log on etcd, beside transactions of the same shape and
//! size on the same etcd: first with one replica, then with three, with one client and with many.
//! Turns alternate, so that what else the machine does meets all alike; what counts are the
//! medians of the ratios within a round. It takes less than a minute.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measurement that cannot go on panics"
)]

mod bare;
mod fill;
#[path = "../durable_writes/gateway.rs"]
mod gateway;
#[path = "../durable_writes/sample.rs"]
mod sample;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_tests::{ControlPlaneProcess, Etcd};

use bare::BareEtcd;
use fill::fill;
use gateway::{Ask, CLIENTS, Gateway};
use sample::{Sample, median};

const HELP: &str = "\
Writes per second and their latency through replicas on etcd, beside bare transactions on the same etcd.

    cargo build --release -p countersign
    cargo run --release -p countersign-benches --bin shared_writes -- [FLAGS]

    --rounds N        rounds with one replica, and as many with three (5)
    --turn-ms MS      how long each of the turns of a round takes (800)
    --fill N          instead: writes N events by 64 clients, and a tenth of that by one, and says
                      how many bytes each takes in etcd
    --etcd URL        an etcd that runs already; else one of one member is started
    --directory DIR   where the replicas' data directories go (beside the binary)
    --help            this";

struct Settings {
    rounds: usize,
    turn: Duration,
    fill: usize,
    etcd: Option<String>,
    directory: PathBuf,
}

impl Settings {
    fn of(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut settings = Self {
            rounds: 5,
            turn: Duration::from_millis(800),
            fill: 0,
            etcd: None,
            directory: beside_the_binary(),
        };
        while let Some(flag) = arguments.next() {
            if flag == "--help" {
                println!("{HELP}");
                std::process::exit(0);
            }
            let value = arguments.next().unwrap_or_else(|| panic!("{flag} wants a value"));
            let number = || value.parse().unwrap_or_else(|_| panic!("{flag} wants a number"));
            match flag.as_str() {
                "--rounds" => settings.rounds = number(),
                "--turn-ms" => {
                    settings.turn = Duration::from_millis(value.parse().expect("milliseconds"));
                }
                "--fill" => settings.fill = number(),
                "--etcd" => settings.etcd = Some(value),
                "--directory" => settings.directory = value.into(),
                _ => panic!("{flag} is no flag of this; --help tells them"),
            }
        }
        settings
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let settings = Settings::of(std::env::args().skip(1));
    let directory = tempfile::tempdir_in(&settings.directory).unwrap();
    let own = settings.etcd.is_none().then(Etcd::start);
    let endpoint = own.as_ref().map(Etcd::endpoint).or(settings.etcd).expect("an etcd");
    let log = format!("shared-writes-{}", std::process::id());
    let start = async |name| replica(directory.path(), name, &endpoint, &log).await;

    let mut planes = vec![start("one").await];
    let mut at_leader = Gateway::on(&planes[0]).await;
    if let (Some(etcd), 1..) = (&own, settings.fill) {
        fill(&mut at_leader, settings.fill, CLIENTS, etcd).await;
        return fill(&mut at_leader, settings.fill / 10, 1, etcd).await;
    }
    let turn = settings.turn;
    let mut bare = BareEtcd::at(&endpoint, &log, CLIENTS).await;
    println!("an append has {} bytes of frames; {} rounds\n", bare.frame_bytes(), settings.rounds);
    let mut table = Table::default();
    for _ in 0..=settings.rounds {
        table.add("bare etcd, 1", bare.append_for(turn, 1).await);
        table.add("bare etcd, 64 heads", bare.append_for(turn, CLIENTS).await);
        table.add("1 client", at_leader.ask_for(turn, Ask::Rebind, 1).await);
        table.add("64 clients", at_leader.ask_for(turn, Ask::Rebind, CLIENTS).await);
        table.add("1 client that only reads", at_leader.ask_for(turn, Ask::Read, 1).await);
    }
    table.report("one replica");
    goals(&table, "1 client", "64 clients");

    planes.push(start("two").await);
    planes.push(start("three").await);
    let (mut at_follower, mut over_all) = (at_leader.over(&planes[1..2]), at_leader.over(&planes));
    let mut table = Table::default();
    for _ in 0..=settings.rounds {
        table.add("bare etcd, 1", bare.append_for(turn, 1).await);
        table.add("1 client, at the leader", at_leader.ask_for(turn, Ask::Rebind, 1).await);
        table.add("1 client, at a follower", at_follower.ask_for(turn, Ask::Rebind, 1).await);
        table.add("64 clients, at all three", over_all.ask_for(turn, Ask::Rebind, CLIENTS).await);
    }
    table.report("three replicas");
    goals(&table, "1 client, at the leader", "64 clients, at all three");
}

/// Samples by what was measured; the first of each, when everything runs for the first time, counts
/// for nothing.
#[derive(Default)]
struct Table(Vec<(&'static str, Vec<Sample>)>);

impl Table {
    fn add(&mut self, what: &'static str, sample: Sample) {
        match self.0.iter_mut().find(|row| row.0 == what) {
            Some(row) => row.1.push(sample),
            None => self.0.push((what, Vec::new())),
        }
    }

    fn report(&self, of: &str) {
        println!("{of:<28} {:>9} {:>10} {:>10}", "writes/s", "p50", "p99");
        for (what, samples) in &self.0 {
            let rate = median(samples.iter().map(Sample::per_second));
            let p50 = median(samples.iter().map(|sample| sample.quantile_us(50)));
            let p99 = median(samples.iter().map(|sample| sample.quantile_us(99)));
            println!("{what:<28} {rate:>9.0} {p50:>7.0} µs {p99:>7.0} µs");
        }
    }

    /// The median of the ratios within a round.
    fn ratio(&self, what: &str, to: &str) -> f64 {
        let samples = |name| &self.0.iter().find(|row| row.0 == name).expect("a row").1;
        let pairs = samples(what).iter().zip(samples(to));
        median(pairs.map(|(what, to)| what.per_second() / to.per_second()))
    }
}

fn goals(table: &Table, one: &str, many: &str) {
    println!(
        "{one}: {:.2} of bare etcd (at least 0.70 is the aim)",
        table.ratio(one, "bare etcd, 1")
    );
    println!("{many}: {:.1} times {one} (at least 10 is the aim)\n", table.ratio(many, one));
}

async fn replica(directory: &Path, name: &str, etcd: &str, log: &str) -> ControlPlaneProcess {
    let master = directory.join("master.key");
    std::fs::write(&master, "5a".repeat(32)).unwrap();
    std::fs::set_permissions(&master, std::fs::Permissions::from_mode(0o600)).unwrap();
    let args = ["--log", "etcd", "--etcd-endpoint", etcd, "--etcd-prefix", log];
    let args = [&args[..], &["--master-key-file", master.to_str().unwrap()]].concat();
    ControlPlaneProcess::start_with(&directory.join(name), &args).await
}

fn beside_the_binary() -> PathBuf {
    std::env::current_exe().unwrap().parent().expect("a directory").to_owned()
}

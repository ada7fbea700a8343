//! Durable writes per second through gRPC, with one client and with many, beside a bare append
//! and fdatasync on the same disk. Rounds take turns, so that what else the machine does meets
//! all three alike; what counts are the medians of the ratios within a round.
//!
//! ```text
//! cargo build --release -p countersign
//! cargo run --release -p countersign-benches --bin durable_writes [DIRECTORY] [ROUNDS]
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on panics"
)]

mod bare;
mod gateway;
mod machine;
mod sample;

use std::path::PathBuf;
use std::time::Duration;

use countersign_tests::ControlPlaneProcess;

use bare::BareFile;
use gateway::{Ask, CLIENTS, Gateway};
use machine::Ticks;
use sample::{Sample, median};

const ROUNDS: usize = 9;
const TURN: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let disk = arguments.next().map_or_else(beside_the_binary, PathBuf::from);
    let rounds =
        arguments.next().map_or(ROUNDS, |rounds| rounds.parse().expect("ROUNDS is a number"));

    let directory = tempfile::tempdir_in(&disk).unwrap();
    let mut bare = BareFile::create(&directory.path().join("bare"));
    let plane = ControlPlaneProcess::start(&directory.path().join("data")).await;
    let mut gateway = Gateway::on(&plane).await;

    // Files that are made and code that runs for the first time are not what is measured.
    let _ = Round::take(&mut bare, &mut gateway).await;
    let begun = Ticks::now(plane.process.pid());
    let mut taken = Vec::new();
    for _ in 0..rounds {
        taken.push(Round::take(&mut bare, &mut gateway).await);
    }
    report(&taken);
    let others = begun.taken_by_others(&Ticks::now(plane.process.pid()));
    println!("other processes took {:.0} % of the processors meanwhile", others * 100.0);
}

/// One turn of each.
struct Round {
    bare: Sample,
    one: Sample,
    many: Sample,
    /// What gRPC costs alone, with both ends on this machine.
    one_reads: Sample,
    many_read: Sample,
}

impl Round {
    async fn take(bare: &mut BareFile, gateway: &mut Gateway) -> Self {
        Self {
            bare: bare.append_for(TURN),
            one: gateway.ask_for(TURN, Ask::Rebind, 1).await,
            many: gateway.ask_for(TURN, Ask::Rebind, CLIENTS).await,
            one_reads: gateway.ask_for(TURN, Ask::Read, 1).await,
            many_read: gateway.ask_for(TURN, Ask::Read, CLIENTS).await,
        }
    }
}

fn report(rounds: &[Round]) {
    println!("durable writes, medians of {} rounds\n", rounds.len());
    println!("{:<28} {:>9} {:>10} {:>10}", "", "writes/s", "p50", "p99");
    line("bare append and fdatasync", rounds.iter().map(|round| &round.bare));
    line("1 client", rounds.iter().map(|round| &round.one));
    line(&format!("{CLIENTS} clients"), rounds.iter().map(|round| &round.many));
    line("1 client that only reads", rounds.iter().map(|round| &round.one_reads));
    line(&format!("{CLIENTS} that only read"), rounds.iter().map(|round| &round.many_read));
    let single =
        median(rounds.iter().map(|round| round.one.per_second() / round.bare.per_second()));
    let shared =
        median(rounds.iter().map(|round| round.many.per_second() / round.one.per_second()));
    println!("\n1 client: {single:.2} of the bare append (at least 0.70 is the aim)");
    println!("{CLIENTS} clients: {shared:.1} times 1 client (at least 10 is the aim)");

    // A write costs at least an append and the way there and back, which a read costs as well;
    // and no more writes than reads are answered in a second.
    let room = median(rounds.iter().map(|round| {
        let (bare, read) = (round.bare.per_second(), round.one_reads.per_second());
        read / (bare + read)
    }));
    let most = median(rounds.iter().map(|round| round.many_read.per_second()));
    println!("gRPC leaves room for {room:.2} of the bare append, and for {most:.0} writes/s");
}

fn line<'a>(what: &str, samples: impl Iterator<Item = &'a Sample> + Clone) {
    let rate = median(samples.clone().map(Sample::per_second));
    let p50 = median(samples.clone().map(|sample| sample.quantile_us(50)));
    let p99 = median(samples.map(|sample| sample.quantile_us(99)));
    println!("{what:<28} {rate:>9.0} {p50:>7.0} µs {p99:>7.0} µs");
}

/// Where a build is, there is a disk; a directory for temporary files may be memory.
fn beside_the_binary() -> PathBuf {
    std::env::current_exe().unwrap().parent().expect("a directory").to_owned()
}

//! The power lost at random moments: under the log alone, under a whole control plane, and under
//! a log without fdatasync, which must not come through.

use std::time::Duration;

use countersign_control_plane::log::Durability;
use countersign_tests::ControlPlaneProcess;

use crate::appender::{Appender, verify};
use crate::dice::Dice;
use crate::disk::Disk;
use crate::ledger::{Ledger, assert_kept, read_log};
use crate::setting::prepare;
use crate::writer::Writers;

const ROUNDS: usize = 10;
/// A disk is used for so many rounds: on a new one it is the first start that is cut off.
const ROUNDS_PER_DISK: usize = 2;
/// The longest time from a start to the loss.
const RUN_MAX: Duration = Duration::from_millis(1_500);

#[test]
fn a_loss_of_power_takes_nothing_that_the_log_acknowledged() {
    let outcomes = lose_power_under_appenders(Durability::Full);
    for (round, outcome) in outcomes.iter().enumerate() {
        outcome.found.as_ref().unwrap_or_else(|lost| panic!("round {round}: {lost}"));
    }
    let acknowledged: u64 = outcomes.iter().map(|outcome| outcome.acknowledged).sum();
    assert!(acknowledged > 0, "nothing was acknowledged, so nothing was tried out");
    println!("{ROUNDS} rounds: {acknowledged} records acknowledged, 0 lost");
}

#[test]
fn without_fdatasync_a_loss_of_power_is_noticed() {
    let outcomes = lose_power_under_appenders(Durability::FlushOnlyForTests);
    let lost: Vec<&String> = outcomes.iter().filter_map(|o| o.found.as_ref().err()).collect();
    assert!(!lost.is_empty(), "sled's flush alone was enough in {ROUNDS} rounds: {outcomes:?}");
    println!(
        "{} of {ROUNDS} rounds lost what was acknowledged, or did not open: {lost:#?}",
        lost.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_of_power_takes_nothing_that_the_control_plane_acknowledged() {
    let disk = Disk::new();
    let mut plane = ControlPlaneProcess::start(&disk.path()).await;
    let management = plane.management();
    let nowhere = ([127, 0, 0, 1], 9).into();
    let places = prepare(&management, nowhere).await;
    let ledger = Ledger::default();
    let writers = Writers::start(&plane.uri(), &places, &ledger);
    let mut dice = Dice::new(2);
    for _ in 0..ROUNDS {
        tokio::time::sleep(dice.up_to(RUN_MAX)).await;
        disk.lose_power();
        plane.process.kill();
        let acknowledged = ledger.so_far();
        disk.boot();
        plane.start_again().await;
        assert_kept(&acknowledged, &read_log(&management).await);
        writers.assert_go_on();
    }
    writers.end().await;
    assert_kept(&ledger.so_far(), &read_log(&management).await);
    // Before the disk goes.
    plane.process.kill();
    println!(
        "{ROUNDS} rounds: {} writes acknowledged, {} of them asked again, 0 lost, 0 made twice",
        ledger.so_far().len(),
        ledger.asked_again(),
    );
}

#[derive(Debug)]
struct Outcome {
    acknowledged: u64,
    found: Result<(), String>,
}

fn lose_power_under_appenders(durability: Durability) -> Vec<Outcome> {
    let mut dice = Dice::new(1);
    let mut outcomes = Vec::new();
    for _ in 0..ROUNDS / ROUNDS_PER_DISK {
        let disk = Disk::new();
        for _ in 0..ROUNDS_PER_DISK {
            let appender = Appender::start(&disk.path(), durability);
            std::thread::sleep(dice.up_to(RUN_MAX));
            // What is said later is not counted: a flush without fdatasync would promise even
            // what it does after the loss.
            let acknowledged = appender.acknowledged();
            disk.lose_power();
            let last_acknowledged = appender.kill();
            disk.boot();
            let promised = match durability {
                Durability::Full => last_acknowledged,
                Durability::FlushOnlyForTests => acknowledged,
            };
            let found = verify(&disk.path(), promised);
            outcomes.push(Outcome { acknowledged: promised, found });
        }
    }
    outcomes
}

//! Runs seed after seed on all cores. A seed that fails is told, runs once more with everything
//! written down, and can be run alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::broken::Broken;
use crate::world::World;

const SEEDS: u64 = 10_000;
/// Fewer seeds than this need not have seen everything.
const SEEDS_THAT_SEE_ALL: u64 = 1_000;
/// What must have happened in so many runs, or the simulation has gone blind.
const SEEN: [&str; 26] = [
    "bookmarks",
    "control planes died",
    "deltas",
    "lines broken",
    "lines stalled",
    "logs exchanged",
    "logs restored",
    "logs rolled back",
    "nodes died",
    "nodes in the dark",
    "nodes on another log",
    "nodes slow",
    "refused: LOG_ROLLED_BACK",
    "requests repeated",
    "silent lines",
    "snapshots",
    "streams begun anew",
    "streams doubled",
    "streams resumed",
    "tables",
    "refused: another log",
    "logs accepted",
    "tables healed",
    "changes refused",
    "snapshots shared",
    "waits for a snapshot",
];

pub(crate) fn run() {
    match number("SIMULATION_SEED") {
        Some(seed) => {
            let (failed, told) = tell(seed);
            println!("{told}");
            assert!(failed.is_none(), "seed {seed}: {}", failed.unwrap_or_default());
        }
        None => run_all(number("SIMULATION_SEEDS").unwrap_or(SEEDS)),
    }
}

fn run_all(seeds: u64) {
    let (next, tally, failed) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()), Mutex::new(None));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while failed.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    let mut world = World::new(seed, false);
                    if outcome(&mut world).is_err() {
                        failed.lock().unwrap().get_or_insert(seed);
                    }
                    for (what, count) in world.tally {
                        *tally.lock().unwrap().entry(what).or_insert(0) += count;
                    }
                }
            });
        }
    });
    if let Some(seed) = failed.into_inner().unwrap() {
        let (why, told) = tell(seed);
        println!("{told}");
        panic!(
            "seed {seed}: {}\nrun it alone with SIMULATION_SEED={seed}",
            why.unwrap_or_default()
        );
    }
    let tally: BTreeMap<&str, u64> = tally.into_inner().unwrap();
    tell_all(&format!("simulation: {seeds} seeds, {tally:?}\n"));
    if seeds >= SEEDS_THAT_SEE_ALL {
        for what in SEEN {
            assert!(tally.contains_key(what), "in {seeds} runs there were no {what}");
        }
    }
}

/// Past where a test's output is kept back: how much was tried is always told.
fn tell_all(line: &str) {
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

fn tell(seed: u64) -> (Option<String>, String) {
    let mut world = World::new(seed, true);
    let outcome = outcome(&mut world);
    (outcome.err().map(|Broken(why)| why), world.told.unwrap_or_default().join("\n"))
}

/// A panic is as good as a promise broken.
fn outcome(world: &mut World) -> Result<(), Broken> {
    let caught = catch_unwind(AssertUnwindSafe(|| world.run()));
    caught.unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<String>().cloned();
        let why = why.or_else(|| panic.downcast_ref::<&str>().map(|&why| why.to_owned()));
        Err(Broken(why.unwrap_or_else(|| "a panic".into())))
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

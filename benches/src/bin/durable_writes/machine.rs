//! What else the machine did during a measurement: on a busy one the ratios say little.

use std::fs;

/// Of `/proc/PID/stat` and `/proc/stat`, in clock ticks.
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;

/// The processors' time up to some moment.
#[derive(Debug)]
pub(crate) struct Ticks {
    all: f64,
    idle: f64,
    ours: f64,
}

impl Ticks {
    /// `plane` and this process are ours.
    pub(crate) fn now(plane: u32) -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap();
        let ticks = numbers(stat.lines().next().unwrap().strip_prefix("cpu").unwrap());
        // user, nice, system, idle, iowait, irq, softirq, steal; the rest is counted in these.
        let all = ticks.iter().take(8).sum();
        let idle = ticks[3] + ticks[4];
        Self { all, idle, ours: ticks_of("self") + ticks_of(&plane.to_string()) }
    }

    /// The share of the processors that others took since.
    pub(crate) fn taken_by_others(&self, now: &Self) -> f64 {
        let busy = (now.all - self.all) - (now.idle - self.idle);
        ((busy - (now.ours - self.ours)) / (now.all - self.all)).max(0.0)
    }
}

fn ticks_of(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name of the process, in parentheses, may hold anything.
    let (_, after_name) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = after_name.split(' ').collect();
    [USER_TICKS, SYSTEM_TICKS].iter().map(|field| fields[*field].parse::<f64>().unwrap()).sum()
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

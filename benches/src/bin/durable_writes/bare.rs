//! The limit: what the disk gives to one writer who appends to a plain file and syncs it.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::sample::Sample;

/// As long as an event of a binding is in the log.
const EVENT_BYTES: usize = 200;

#[derive(Debug)]
pub(crate) struct BareFile(File);

impl BareFile {
    pub(crate) fn create(path: &Path) -> Self {
        Self(File::create_new(path).unwrap())
    }

    pub(crate) fn append_for(&mut self, turn: Duration) -> Sample {
        let begun = Instant::now();
        let mut latencies = Vec::new();
        while begun.elapsed() < turn {
            let asked = Instant::now();
            self.0.write_all(&[b'.'; EVENT_BYTES]).unwrap();
            self.0.sync_data().unwrap();
            latencies.push(asked.elapsed());
        }
        Sample::new(begun.elapsed(), latencies)
    }
}

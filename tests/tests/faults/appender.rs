//! A process that appends to a log as fast as it can, and what it said was durable.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;

use countersign_control_plane::log::{CheckpointKey, DataDir, Durability, EventLog as _, LocalLog};
use countersign_shared::id::LogId;
use countersign_tests::built;

const LOG_ID: LogId = LogId::from_bytes([1; 16]);
const RECORD_BYTES: usize = 200;
/// More than there is time for.
const RECORDS: &str = "100000000";
const READ_RECORDS: usize = 4_096;

/// Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Appender {
    child: Child,
    acknowledged: Arc<AtomicU64>,
    reader: Option<JoinHandle<()>>,
}

impl Appender {
    pub(crate) fn start(data_dir: &Path, durability: Durability) -> Self {
        let append = built("examples/append", "-p countersign-control-plane --examples");
        let mut command = Command::new(append);
        command.arg(data_dir).args(["--records", RECORDS]);
        command.args(["--record-bytes", &RECORD_BYTES.to_string()]);
        if durability == Durability::FlushOnlyForTests {
            command.arg("--flush-only");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let acknowledged = Arc::new(AtomicU64::new(0));
        let (said, seen) = (child.stdout.take().unwrap(), Arc::clone(&acknowledged));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(said).lines() {
                // The last line may be cut short by the end of the process, but never a number.
                seen.store(line.unwrap().parse().unwrap(), SeqCst);
            }
        });
        Self { child, acknowledged, reader: Some(reader) }
    }

    /// The newest revision that it said was durable, so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(SeqCst)
    }

    /// Ends it. Gives all that it said.
    pub(crate) fn kill(mut self) -> u64 {
        self.end();
        self.acknowledged()
    }

    fn end(&mut self) {
        // Fails only where it has ended before.
        let _ = self.child.kill();
        self.child.wait().unwrap();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.end();
    }
}

/// Opens the log and reads it to its end. What is wrong with it, if it does not open, or does not
/// hold everything up to the revision, byte for byte.
pub(crate) fn verify(data_dir: &Path, acknowledged: u64) -> Result<(), String> {
    let dir = DataDir::open(data_dir, LOG_ID).map_err(|error| error.to_string())?;
    let master = dir.master_key(None).map_err(|error| error.to_string())?;
    let key = CheckpointKey::derive(&master, LOG_ID);
    let log = LocalLog::open(dir, key, Durability::Full).map_err(|error| error.to_string())?;
    let mut read = 0;
    loop {
        let records = log.reader().read(read + 1, READ_RECORDS).map_err(|e| e.to_string())?;
        let Some(last) = records.last().map(|record| record.revision) else { break };
        for record in records {
            if record.bytes != content(record.revision) {
                return Err(format!("the record at revision {} is another", record.revision));
            }
        }
        read = last;
    }
    if read < acknowledged {
        return Err(format!("{acknowledged} was acknowledged, the log ends at {read}"));
    }
    Ok(())
}

/// As the appender makes it.
fn content(revision: u64) -> Vec<u8> {
    let mut content = format!("record {revision} ").into_bytes();
    content.resize(RECORD_BYTES, b'.');
    content
}

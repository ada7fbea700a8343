//! What events take in etcd: so many are written by clients, and etcd is asked how large it is, before
//! and after it forgot its history and gave back the space.

use std::time::{Duration, Instant};

use countersign_tests::Etcd;

use crate::gateway::{Ask, Gateway};

const TURN: Duration = Duration::from_secs(1);

/// Writes at least so many events, and says what they take.
pub(crate) async fn fill(gateway: &mut Gateway, events: usize, clients: usize, etcd: &Etcd) {
    let (before, begun) = (Size::of(etcd), Instant::now());
    let mut written = 0;
    while written < events {
        written += gateway.ask_for(TURN, Ask::Rebind, clients).await.count();
    }
    let took = begun.elapsed();
    let with_history = Size::of(etcd);
    let compact = format!(r#"{{"revision":"{}","physical":true}}"#, with_history.revision);
    etcd.ask("kv/compaction", &compact);
    etcd.ask("maintenance/defragment", "{}");
    let without = Size::of(etcd);
    let each = |now: &Size| now.bytes.saturating_sub(before.bytes) / written;
    println!(
        "{written} events by {clients} clients in {took:.0?}, {:.1} to an append: {} bytes of etcd for each, {} \
         without its history",
        written as f64 / (with_history.revision - before.revision) as f64,
        each(&with_history),
        each(&without),
    );
}

struct Size {
    bytes: usize,
    revision: usize,
}

impl Size {
    fn of(etcd: &Etcd) -> Self {
        let status = etcd.ask("maintenance/status", "{}");
        let number = |name: &str| {
            let (_, text) = status.split_once(&format!("\"{name}\":\"")).expect(name);
            text.split('"').next().and_then(|digits| digits.parse().ok()).expect(name)
        };
        Self { bytes: number("dbSizeInUse"), revision: number("revision") }
    }
}

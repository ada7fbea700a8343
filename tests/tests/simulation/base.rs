//! What every run begins with: a log with two environments, APIs that are published and keys that
//! are bound, made once for all runs.

use std::sync::LazyLock;

use countersign_control_plane::command::{Authority, Command, Request};
use countersign_control_plane::engine::Envelope;
use countersign_control_plane::log::EventLog;
use countersign_shared::event::Origin;
use countersign_shared::id::{EnvironmentId, LogId};
use countersign_shared::state::State;
use countersign_shared::text::{ActedAs, Actor, Reason};

use crate::disk::Disk;
use crate::histories::Histories;
use crate::intent::{APIS, GROUPS, Intent};
use crate::plane::{Start, start};
use crate::secrets::{FOREIGN, HOME, KEYS};

static HOME_BASE: LazyLock<(Disk, Histories)> = LazyLock::new(|| base(HOME));
static FOREIGN_BASE: LazyLock<(Disk, Histories)> = LazyLock::new(|| base(FOREIGN));

pub(crate) fn home() -> &'static (Disk, Histories) {
    &HOME_BASE
}

pub(crate) fn foreign() -> &'static (Disk, Histories) {
    &FOREIGN_BASE
}

fn base(log_id: LogId) -> (Disk, Histories) {
    let mut disk = Disk { log_id, records: vec![], acknowledged: vec![] };
    let (log, _) = disk.open();
    let reader = log.reader();
    let mut running = start(log, Start { state: State::default(), window: 1, at_once: 1 });
    let mut batch = running.writer.batch();
    let release = EnvironmentId::from_bytes([1; 16]);
    let origin = Origin {
        role: ActedAs::default(),
        actor: Actor::parse("system").unwrap(),
        source: String::new(),
        request: None,
        reason: Reason::default(),
    };
    let create = Request {
        command: Command::CreateLog { log_id, release },
        origin: origin.into(),
        authority: Authority::Unlimited,
        expected_revision: Some(0),
        data_key: None,
    };
    batch.take(Envelope::new(0, create).0);
    for (number, intent) in (1_000_000..).zip(intents(log_id)) {
        batch.take(Envelope::new(0, intent.request(number, log_id)).0);
    }
    running.writer.commit(batch).unwrap();
    disk.close(&*reader);
    let mut histories = Histories::default();
    histories.learn(&*reader);
    (disk, histories)
}

fn intents(log_id: LogId) -> Vec<Intent> {
    let mut intents = vec![Intent::CreateEnvironment { environment: 1 }];
    intents.extend((0..GROUPS).map(|group| Intent::CreateGroup { group }));
    intents.extend((0..APIS).map(|api| Intent::CreateApi { api, generation: 0 }));
    intents.extend((0..KEYS).map(|key| Intent::CreateKey { key, generation: 0 }));
    for api in 0..APIS - 1 {
        intents.push(Intent::Publish { api, environment: api % 2 });
        // The other log is not one that would do as well.
        let key = if log_id == HOME { api % KEYS } else { (api + 1) % KEYS };
        intents.push(Intent::Bind { key, api, environment: api % 2 });
    }
    intents
}

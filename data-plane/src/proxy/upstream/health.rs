//! Health checks: each target is asked once for the whole node, however many APIs and workers use
//! it, and all are told. A check is a request like any other, over a pool of its own, but unsigned.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use countersign_shared::api::HealthCheck;
use http::header::USER_AGENT;
use http::{HeaderValue, Request};
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use super::tally::Tally;
use crate::clock;
use crate::proxy::backend::{self, Pool, Terms};
use crate::proxy::body::OutboundBody;
use crate::proxy::ours::Ours;
use crate::table::{Health, Place, RoutingTable};

/// What makes two checks the same: where, and how.
type Key = (Arc<str>, HealthCheck);

#[derive(Debug)]
pub(super) struct Checks {
    pool: Rc<Pool>,
    running: HashMap<Key, Running>,
}

/// A check that goes on until it is dropped.
#[derive(Debug)]
struct Running {
    told: Rc<Told>,
    task: AbortHandle,
}

/// Who is told, and what they were told last.
#[derive(Debug, Default)]
struct Told {
    healths: RefCell<Vec<Arc<Health>>>,
    is_out: Cell<bool>,
}

impl Checks {
    pub(super) fn new(pool: Rc<Pool>) -> Self {
        Self { pool, running: HashMap::new() }
    }

    /// Begins and ends checks, so that they are those of the table.
    pub(super) fn follow(&mut self, table: &RoutingTable) {
        let mut wanted: HashMap<Key, (&Place, Vec<Arc<Health>>)> = HashMap::new();
        for place in table.places() {
            if let Some(health) = &place.health {
                let key = (Arc::clone(&place.filed_under), health.check.clone());
                wanted.entry(key).or_insert((place, vec![])).1.push(Arc::clone(health));
            }
        }
        self.running.retain(|key, _| wanted.contains_key(key));
        for (key, (place, healths)) in wanted {
            let pool = &self.pool;
            let running = self.running.entry(key.clone()).or_insert_with(|| {
                let told = Rc::<Told>::default();
                let asking = ask(Rc::clone(pool), place.clone(), key.1, Rc::clone(&told));
                Running { told, task: tokio::task::spawn_local(asking).abort_handle() }
            });
            for health in &healths {
                health.set_out(running.told.is_out.get());
            }
            running.told.healths.replace(healths);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asks for ever.
async fn ask(pool: Rc<Pool>, place: Place, check: HealthCheck, told: Rc<Told>) {
    let mut tally = Tally::default();
    let mut ticks = interval(Duration::from_millis(check.interval_ms.into()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let is_well = is_well(&pool, &place, &check).await;
        let Some(is_out) = tally.note(is_well, &check) else { continue };
        let target = &*place.address;
        if is_out {
            warn!(target, "the target fails its health checks and is passed over");
        } else {
            info!(target, "the target passes its health checks again");
        }
        told.is_out.set(tally.is_out());
        told.healths.borrow().iter().for_each(|health| health.set_out(is_out));
    }
}

/// One check: any answer of 200–399 in time is a good one.
async fn is_well(pool: &Pool, place: &Place, check: &HealthCheck) -> bool {
    let request = Request::get(check.path.as_str())
        .header(USER_AGENT, HeaderValue::from_static("countersign-health-check"));
    let Ok(request) = request.body(()) else { return false };
    let head = request.into_parts().0;
    let patience = Duration::from_millis(check.timeout_ms.into());
    let terms = Terms { ours: &Ours::to(&place.host), upgrade: false, patience };
    let exchange = backend::exchange(pool, place, &head, OutboundBody::Empty, terms, clock::now);
    let Ok(Ok(mut answer)) = timeout(patience, exchange).await else { return false };
    // A short body leaves the connection to the next check; nobody waits for a long one.
    answer.body.take_whole(clock::now());
    (200..400).contains(&answer.status.as_u16())
}

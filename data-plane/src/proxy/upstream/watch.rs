//! The thread beside the workers: follows the table, asks for the addresses behind names, looks
//! whether identities have changed, checks who is well. Nothing on a request's way waits for it.

use std::collections::HashSet;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::LocalOptions;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;

use super::health::Checks;
use crate::clock;
use crate::proxy::backend::Pool;
use crate::proxy::phase::Phase;
use crate::proxy::worker::Shared;
use crate::table::RoutingTable;

/// From one look at the table and the files to the next.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Runs until the node stops.
pub fn run_upstream(shared: Arc<Shared>, mut phase: watch::Receiver<Phase>) -> io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let mut stopped = pin!(phase.wait_for(|phase| *phase == Phase::Stopped));
        tokio::select! {
            () = Watch::new(shared).run() => {}
            _ = &mut stopped => {}
        }
    });
    Ok(())
}

struct Watch {
    shared: Arc<Shared>,
    table: Option<Arc<RoutingTable>>,
    checks: Checks,
    pool: Rc<Pool>,
    /// The names of the table's targets, and what their TLS is filed under.
    names: HashSet<Arc<str>>,
    tls: HashSet<Arc<str>>,
    resolved_at: Option<Instant>,
    resolving: Option<JoinHandle<()>>,
}

impl Watch {
    fn new(shared: Arc<Shared>) -> Self {
        let pool = Rc::new(Pool::new(Arc::clone(shared.upstream())));
        Self {
            shared,
            table: None,
            checks: Checks::new(Rc::clone(&pool)),
            pool,
            names: HashSet::new(),
            tls: HashSet::new(),
            resolved_at: None,
            resolving: None,
        }
    }

    async fn run(mut self) {
        let mut looks = interval(LOOK_INTERVAL);
        loop {
            looks.tick().await;
            self.follow_table();
            self.resolve(clock::now());
            self.shared.upstream().tls.renew(&self.tls);
            self.pool.sweep(clock::now());
        }
    }

    fn follow_table(&mut self) {
        let in_force = self.shared.table.load_full();
        let is_same = match (&in_force, &self.table) {
            (Some(in_force), Some(table)) => Arc::ptr_eq(in_force, table),
            (None, None) => true,
            _ => false,
        };
        let Some(table) = in_force.filter(|_| !is_same) else { return };
        self.checks.follow(&table);
        let named = table.places().filter(|place| place.literal.is_none());
        let names: HashSet<_> = named.map(|place| Arc::clone(&place.address)).collect();
        // A name that is new is asked for at once.
        if !names.is_subset(&self.names) {
            self.resolved_at = None;
        }
        self.names = names;
        let tls = table.places().filter_map(|place| place.tls.as_ref());
        self.tls = tls.map(|terms| Arc::clone(&terms.filed_under)).collect();
        self.table = Some(table);
    }

    /// Beside everything else: an answer may take its time.
    fn resolve(&mut self, now: Instant) {
        let upstream = Arc::clone(self.shared.upstream());
        let interval = upstream.settings.resolve_interval;
        let is_due =
            self.resolved_at.is_none_or(|at| now.saturating_duration_since(at) >= interval);
        if is_due && self.resolving.as_ref().is_none_or(JoinHandle::is_finished) {
            self.resolved_at = Some(now);
            let names = self.names.clone();
            let resolving = async move { upstream.names.renew(names).await };
            self.resolving = Some(tokio::task::spawn_local(resolving));
        }
    }
}

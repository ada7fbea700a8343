//! The targets that a worker has connections to: one pool per worker, so that nothing is shared and
//! nothing locked.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;

use super::retry_budget::RetryBudget;
use super::target::{Standing, Target};
use crate::proxy::upstream::Upstream;
use crate::table::Place;
use crate::telemetry::PoolCount;

#[derive(Debug)]
pub(in crate::proxy) struct Pool {
    targets: RefCell<HashMap<Arc<str>, Rc<Target>>>,
    pub(super) upstream: Arc<Upstream>,
    pub(in crate::proxy) retry_budget: RetryBudget,
}

impl Pool {
    pub(in crate::proxy) fn new(upstream: Arc<Upstream>) -> Self {
        Self { targets: RefCell::default(), upstream, retry_budget: RetryBudget::default() }
    }

    pub(super) fn target(&self, place: &Place) -> Rc<Target> {
        let mut targets = self.targets.borrow_mut();
        if let Some(target) = targets.get(&place.filed_under) {
            return Rc::clone(target);
        }
        let target = Rc::new(Target::new(place, Arc::clone(&self.upstream)));
        targets.insert(Arc::clone(&place.filed_under), Rc::clone(&target));
        target
    }

    pub(super) fn standing(&self, place: &Place, now: Instant) -> Standing {
        let is_out = place.health.as_ref().is_some_and(|health| health.is_out());
        match self.targets.borrow().get(&place.filed_under) {
            None => Standing { rests: is_out, in_flight: 0 },
            Some(target) => {
                Standing { rests: is_out || target.rests(now), in_flight: target.in_flight() }
            }
        }
    }

    /// How much there is of it.
    pub(in crate::proxy) fn count(&self) -> PoolCount {
        self.targets.borrow().values().fold(PoolCount::default(), |sum, target| PoolCount {
            idle: sum.idle + target.idle(),
            shared: sum.shared + target.multiplexed.borrow().len(),
            in_flight: sum.in_flight + target.in_flight(),
        })
    }

    /// Closes what is closed on the other side, has been idle for too long, or leads to an address
    /// that is no longer behind its name.
    pub(in crate::proxy) fn sweep(&self, now: Instant) {
        self.targets.borrow_mut().retain(|_, target| {
            target.sweep(now);
            target.is_remembered() || Rc::strong_count(target) > 1
        });
    }
}

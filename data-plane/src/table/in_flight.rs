//! How many requests of an API this node has under way, where that is limited. All workers count
//! in one word; an API without a limit counts nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

#[derive(Debug)]
pub struct InFlight {
    count: AtomicU32,
    most: u32,
}

/// Counts until it is dropped.
#[derive(Debug)]
pub struct Permit(Arc<InFlight>);

impl InFlight {
    pub fn at_most(most: u32) -> Self {
        Self { count: AtomicU32::new(0), most }
    }

    /// None where there are as many as there may be.
    pub fn enter(self: &Arc<Self>) -> Option<Permit> {
        let raised = |count: u32| count.checked_add(1).filter(|count| *count <= self.most);
        self.count.fetch_update(Relaxed, Relaxed, raised).ok()?;
        Some(Permit(Arc::clone(self)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_ends_makes_room_for_the_next() {
        let in_flight = Arc::new(InFlight::at_most(2));
        let first = in_flight.enter().unwrap();
        let _second = in_flight.enter().unwrap();
        assert!(in_flight.enter().is_none());
        drop(first);
        let _third = in_flight.enter().unwrap();
        assert!(in_flight.enter().is_none());
    }
}

//! The turns of the streams of one process: who waits is woken when it is its turn, and who leaves,
//! in whatever way, makes room for the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::metrics::StreamMetrics;
use crate::turns::{AtOnce, Number, Place, Turns};

#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    metrics: Arc<StreamMetrics>,
}

#[derive(Debug)]
struct State {
    turns: Turns,
    waiting: HashMap<Number, oneshot::Sender<()>>,
}

impl Gate {
    pub(super) fn new(limit: AtOnce, metrics: Arc<StreamMetrics>) -> Arc<Self> {
        let state = State { turns: Turns::new(limit), waiting: HashMap::new() };
        Arc::new(Self { state: Mutex::new(state), metrics })
    }

    /// One more stream wants a snapshot.
    pub(super) fn enter(self: &Arc<Self>) -> Turn {
        let (comes, admitted) = oneshot::channel();
        let mut state = self.lock();
        let number = state.turns.enter(Instant::now());
        if state.turns.place(number).is_some() {
            state.waiting.insert(number, comes);
        }
        self.tell(&state);
        Turn { gate: Arc::clone(self), number, admitted, whole: false }
    }

    /// Wakes those whose turn it is after a change.
    fn change(&self, change: impl FnOnce(&mut Turns, Instant) -> Vec<Number>) {
        let mut state = self.lock();
        for number in change(&mut state.turns, Instant::now()) {
            if let Some(comes) = state.waiting.remove(&number) {
                let _ = comes.send(());
            }
        }
        self.tell(&state);
    }

    fn tell(&self, state: &State) {
        let signed = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.snapshots_waiting.set(signed(state.turns.waiting()));
        self.metrics.snapshots_sending.set(signed(state.turns.sending()));
        self.metrics
            .snapshot_bytes_unsent
            .set(i64::try_from(state.turns.bytes()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream's turn, from when it asks until it is sent its snapshot or gone.
#[derive(Debug)]
pub(super) struct Turn {
    gate: Arc<Gate>,
    number: Number,
    admitted: oneshot::Receiver<()>,
    whole: bool,
}

impl Turn {
    /// Where the stream stands; `None` when it is its turn.
    pub(super) fn place(&self) -> Option<Place> {
        self.gate.lock().turns.place(self.number)
    }

    /// Waits for the turn; for ever once it has come.
    pub(super) async fn comes(&mut self) {
        if self.admitted.is_terminated() || (&mut self.admitted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What its snapshot amounts to.
    pub(super) fn weighs(&self, bytes: u64) {
        self.gate.change(|turns, now| turns.weighs(now, self.number, bytes));
    }

    /// So much of it is on its way.
    pub(super) fn sent(&self, bytes: u64) {
        self.gate.change(|turns, now| turns.sent(now, self.number, bytes));
    }

    /// All of it is on its way.
    pub(super) fn done(mut self) {
        self.whole = true;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.gate.lock().waiting.remove(&self.number);
        self.gate.change(|turns, now| turns.leave(now, self.number, self.whole));
    }
}

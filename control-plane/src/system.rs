//! What the control plane writes by itself when it starts.

use std::sync::Arc;

use countersign_shared::event::Origin;
use countersign_shared::id::{EnvironmentId, LogId};
use countersign_shared::text::{ActedAs, Actor, Reason};

use crate::clock;
use crate::command::{Authority, Command, Request};
use crate::engine::{EngineHandle, ExecuteError};
use crate::keystore::FIRST_MASTER_KEY;

/// What nobody asked for: the first event of a new log, and that the master key was rotated, where a
/// crash came before the event.
pub(crate) async fn note(
    engine: &EngineHandle,
    log_id: LogId,
    master_key: u32,
) -> Result<(), ExecuteError> {
    let view = engine.view();
    if view.tip.head.revision == 0 {
        let release = EnvironmentId::from_bytes(clock::new_id());
        by_system(engine, Command::CreateLog { log_id, release }, Some(0)).await?;
    }
    if master_key > FIRST_MASTER_KEY && master_key > view.state.master_key() {
        by_system(engine, Command::NoteMasterKey { number: master_key }, None).await?;
    }
    Ok(())
}

async fn by_system(
    engine: &EngineHandle,
    command: Command,
    expected_revision: Option<u64>,
) -> Result<(), ExecuteError> {
    let Ok(actor) = Actor::parse("system") else { return Ok(()) };
    let origin = Arc::new(Origin {
        role: ActedAs::default(),
        actor,
        source: String::new(),
        request: None,
        reason: Reason::default(),
    });
    let authority = Authority::Unlimited;
    let request = Request { command, origin, authority, expected_revision, data_key: None };
    engine.execute(clock::now_ms(), request).await?;
    Ok(())
}

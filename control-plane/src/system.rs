//! What the control plane writes by itself when it starts.

use std::sync::Arc;
use std::time::Duration;

use countersign_shared::event::Origin;
use countersign_shared::id::{EnvironmentId, LogId};
use countersign_shared::text::{ActedAs, Actor, Reason};

use crate::clock;
use crate::command::{Authority, Command, Request};
use crate::engine::{EngineHandle, ExecuteError};
use crate::keystore::FIRST_MASTER_KEY;

/// A replica that waits for the first event of a new log looks again after this time.
const BEGIN_AGAIN: Duration = Duration::from_millis(200);

/// What nobody asked for: the first event of a new log, and that the master key was rotated, where a
/// crash came before the event. Of several replicas the one that leads writes it.
pub(crate) async fn note(
    engine: &EngineHandle,
    log_id: LogId,
    master_key: u32,
) -> Result<(), ExecuteError> {
    let mut revision = engine.revision();
    while engine.view().tip.head.revision == 0 {
        let release = EnvironmentId::from_bytes(clock::new_id());
        if by_system(engine, Command::CreateLog { log_id, release }, Some(0)).await? {
            break;
        }
        // What cannot be reached now is tried again below.
        let _ = engine.follow(true).await;
        // Another replica writes it, or this one tries again.
        let _ = tokio::time::timeout(BEGIN_AGAIN, revision.changed()).await;
    }
    if master_key > FIRST_MASTER_KEY && master_key > engine.view().state.master_key() {
        by_system(engine, Command::NoteMasterKey { number: master_key }, None).await?;
    }
    Ok(())
}

/// Whether another replica has to do it, or this one later.
pub(crate) fn is_elsewhere(error: &ExecuteError) -> bool {
    matches!(error, ExecuteError::NotLeading { .. } | ExecuteError::Unavailable(_))
}

/// Whether it is done; where another replica leads, it is that one's to do.
async fn by_system(
    engine: &EngineHandle,
    command: Command,
    expected_revision: Option<u64>,
) -> Result<bool, ExecuteError> {
    let Ok(actor) = Actor::parse("system") else { return Ok(true) };
    let origin = Arc::new(Origin {
        role: ActedAs::default(),
        actor,
        source: String::new(),
        request: None,
        reason: Reason::default(),
    });
    let authority = Authority::Unlimited;
    let request = Request { command, origin, authority, expected_revision, data_key: None };
    match engine.execute(clock::now_ms(), request).await {
        Ok(_) => Ok(true),
        Err(error) if is_elsewhere(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

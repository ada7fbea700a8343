//! The first admin: a token in a file of the data directory, for whoever can read that. It is made
//! when the control plane starts, asks for credentials, and has no admin; and when somebody who
//! starts it says so. It is good for a day, and void as soon as an admin has called.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use countersign_shared::access::{Right, Role, Target, TokenFields};
use countersign_shared::event::Origin;
use countersign_shared::id::{GrantId, OperatorTokenId};
use countersign_shared::state::State;
use countersign_shared::text::{ActedAs, Actor, InvalidText, Reason, Remark};

use crate::command::{Authority, Command, GrantedScope, Request, WhichGrants};
use crate::engine::{EngineHandle, ExecuteError};
use crate::{bearer, clock, system};

/// No certificate can name it: parentheses do not stand in the names of certificates.
pub(crate) const OPERATOR: &str = "(bootstrap)";
pub const FILE: &str = "bootstrap-token";
const TTL_MS: i64 = 24 * 3600 * 1000;

#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("the first token could not be made: {0}")]
    Execute(#[from] ExecuteError),
    #[error("the first token could not be made: {0}")]
    Text(#[from] InvalidText),
    #[error("{file} could not be written: {error}")]
    Write { file: String, error: std::io::Error },
}

/// Whether somebody else than the first token may do everything.
fn has_admin(state: &State) -> bool {
    state.access().grants().values().any(|granted| {
        let grant = &granted.grant;
        grant.operator.as_str() != OPERATOR && grant.allows(Right::Administer, Target::Everywhere)
    })
}

/// Whether there is a first token that has not been voided.
pub(crate) fn is_open(state: &State) -> bool {
    Actor::parse(OPERATOR).is_ok_and(|name| state.access().grants_of(&name).next().is_some())
}

/// Makes the token and says where it lies, if there is no admin or `anew`. One that was made before
/// is worth nothing then. Of several replicas the one that leads does it, unless another is asked for it.
pub(crate) async fn prepare(
    engine: &EngineHandle,
    data_dir: &Path,
    anew: bool,
) -> Result<(), BootstrapError> {
    if !anew && has_admin(&engine.view().state) {
        return Ok(());
    }
    match make(engine, data_dir).await {
        Err(BootstrapError::Execute(error)) if !anew && system::is_elsewhere(&error) => Ok(()),
        made => made,
    }
}

async fn make(engine: &EngineHandle, data_dir: &Path) -> Result<(), BootstrapError> {
    void(engine, data_dir).await?;
    let (operator, now_ms) = (Actor::parse(OPERATOR)?, clock::now_ms());
    let text = bearer::text(&clock::random_bytes());
    let Some(hash) = bearer::hash(&text) else { return Ok(()) };
    let grant = Command::GrantAccess {
        id: GrantId::from_bytes(clock::new_id()),
        operator: operator.clone(),
        role: Role::Admin,
        scope: GrantedScope::default(),
    };
    let fields = TokenFields {
        id: OperatorTokenId::from_bytes(clock::new_id()),
        operator,
        hash,
        expires_ms: now_ms.saturating_add(TTL_MS),
        remark: Remark::parse("the first token")?,
    };
    execute(engine, grant).await?;
    execute(engine, Command::CreateToken { fields: Box::new(fields) }).await?;
    let path = data_dir.join(FILE);
    write(&path, &text)
        .map_err(|error| BootstrapError::Write { file: path.display().to_string(), error })?;
    tracing::warn!(
        file = %path.display(),
        "there is no admin: a token that may do everything lies in this file, for 24 hours or until \
         an admin calls; grant somebody the role with `countersign operator grant NAME --role admin`"
    );
    Ok(())
}

/// Takes the first token's rights, the token and the file.
pub(crate) async fn void(engine: &EngineHandle, data_dir: &Path) -> Result<(), BootstrapError> {
    // Gone is what it shall be.
    let _ = std::fs::remove_file(data_dir.join(FILE));
    let view = engine.view();
    let operator = Actor::parse(OPERATOR)?;
    for token in view.state.access().tokens().values() {
        if token.fields.operator == operator {
            execute(engine, Command::RevokeToken { token: token.fields.id }).await?;
        }
    }
    if is_open(&view.state) {
        let grants = WhichGrants::AllOf(operator);
        execute(engine, Command::RevokeAccess { grants }).await?;
    }
    Ok(())
}

async fn execute(engine: &EngineHandle, command: Command) -> Result<(), BootstrapError> {
    let origin = Origin {
        actor: Actor::parse("system")?,
        role: ActedAs::parse("system")?,
        source: String::new(),
        request: None,
        reason: Reason::default(),
    };
    let request = Request {
        command,
        origin: Arc::new(origin),
        authority: Authority::Unlimited,
        expected_revision: None,
        data_key: None,
    };
    engine.execute(clock::now_ms(), request).await?;
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

//! What keeps secrets in a process's memory from its disks: no core dump, nobody else of the same user
//! who looks into it, and, where it is asked for, nothing swapped.

use clap::Args;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

use crate::failure::Failure;

// How a process that holds secrets guards its memory.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Memory")]
pub(crate) struct MemoryArgs {
    /// Lock all memory, so that nothing of it is ever swapped; where that is not permitted, the log says so
    ///
    /// All of the process, tables and buffers too: it has to fit. systemd: LimitMEMLOCK=infinity.
    #[arg(long, env = "COUNTERSIGN_LOCK_MEMORY", hide_env_values = true)]
    lock_memory: bool,

    /// Leave core dumps and debuggers possible: both show secrets
    #[arg(long, env = "COUNTERSIGN_ALLOW_CORE_DUMPS", hide_env_values = true)]
    allow_core_dumps: bool,
}

impl MemoryArgs {
    /// Before anything secret is read.
    pub(crate) fn guard(&self) -> Result<(), Failure> {
        if self.allow_core_dumps {
            tracing::warn!("core dumps and debuggers are possible, and show secrets");
        } else {
            forbid_dumps().map_err(|error| {
                Failure::failed(format!("core dumps cannot be forbidden: {error}"))
                    .advise("allow them with --allow-core-dumps")
            })?;
        }
        if self.lock_memory {
            match lock() {
                Ok(()) => tracing::info!("memory is locked"),
                Err(why) => tracing::warn!(%why, "memory is not locked"),
            }
        }
        Ok(())
    }
}

fn forbid_dumps() -> rustix::io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
}

/// Under a limit it is not tried: memory beyond it would be refused in the middle of a request.
fn lock() -> Result<(), String> {
    let is_unlimited = getrlimit(Resource::Memlock).current.is_none();
    if !is_unlimited && !rustix::process::geteuid().is_root() {
        return Err("its limit (ulimit -l) is not `unlimited`".to_owned());
    }
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    mlockall(all).map_err(|error| error.to_string())
}

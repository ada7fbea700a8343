//! The `countersign` binary, or another program, as a process that is ended, whatever happens, by its
//! pid. What it writes goes to a file, which is shown when it does not do what it should.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::patience::eventually;

#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it with these arguments and no variables. Both its outputs are added to the file.
    pub fn spawn(args: &[&str], log: &Path) -> Self {
        Self::of(Command::new(countersign()).args(args).env_clear(), log)
    }

    /// Any program. Both its outputs are added to the file.
    pub fn of(command: &mut Command, log: &Path) -> Self {
        let open = || -> File { OpenOptions::new().create(true).append(true).open(log).unwrap() };
        let child = command.stdin(Stdio::null()).stdout(open()).stderr(open()).spawn().unwrap();
        Self { child, log: log.to_owned() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Panics, with what it wrote, if it has ended.
    pub fn assert_runs(&mut self) {
        if let Some(status) = self.ended() {
            panic!("the process ended with {status}; it wrote:\n{}", self.log());
        }
    }

    /// SIGKILL, and its end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and its end.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        eventually("the process ends after SIGTERM", async || self.ended()).await
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn countersign() -> PathBuf {
    built("countersign", "-p countersign")
}

/// A binary of the workspace, of the same profile as the test or measurement that runs: beside
/// it, or, where that is in `deps/`, in the directory above. `what` builds it.
pub fn built(name: &str, what: &str) -> PathBuf {
    let running = std::env::current_exe().unwrap();
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let mut places = running.ancestors().skip(1).take(2).map(|directory| directory.join(&name));
    places.find(|place| place.is_file()).unwrap_or_else(|| {
        panic!(
            "{name} is not built: build it with `cargo build {what}` (and `--release` where this \
             is a release build)"
        )
    })
}

//! `countersign` as a shell calls it: what it says, and how it ends.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::process::countersign;

/// Calls on one control plane.
#[derive(Debug, Clone)]
pub struct Cli {
    control_plane: String,
}

/// What a call said.
#[derive(Debug, Clone)]
pub struct Said {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Cli {
    pub fn to(control_plane: &str) -> Self {
        Self { control_plane: control_plane.to_owned() }
    }

    /// One call, with words parted by spaces.
    pub fn say(&self, line: &str) -> Said {
        self.say_with(line, "")
    }

    /// The same, with something on standard input.
    pub fn say_with(&self, line: &str, stdin: &str) -> Said {
        let mut child = Command::new(countersign())
            .args(line.split_whitespace())
            .env_clear()
            .env("COUNTERSIGN_CONTROL_PLANE", &self.control_plane)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A call that wants no input may have ended before it is written.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        Said {
            status: status.code().expect("an exit status"),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// What a call that must succeed prints with `-o json`.
    pub fn json(&self, line: &str) -> Value {
        self.json_with(line, "")
    }

    /// The same, with something on standard input.
    pub fn json_with(&self, line: &str, stdin: &str) -> Value {
        let said = self.say_with(&format!("{line} -o json"), stdin);
        assert_eq!(said.status, 0, "countersign {line}: {}", said.stderr);
        serde_json::from_str(&said.stdout)
            .unwrap_or_else(|e| panic!("{line}: {e}: {}", said.stdout))
    }
}

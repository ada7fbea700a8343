//! What is measured, and how much of it.

use std::path::PathBuf;

#[derive(Debug)]
pub(crate) struct Settings {
    /// All where none is named.
    pub(crate) cases: Vec<String>,
    pub(crate) etcd: PathBuf,
    pub(crate) streams: usize,
    pub(crate) bindings: usize,
    pub(crate) changes: usize,
    pub(crate) rounds: usize,
    /// Of the case `million`.
    pub(crate) many: usize,
}

impl Settings {
    pub(crate) fn of(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut settings = Self {
            cases: vec![],
            etcd: PathBuf::from("etcd"),
            streams: 1_000,
            bindings: 10_000,
            changes: 200,
            rounds: 4,
            many: 1_000_000,
        };
        while let Some(flag) = arguments.next() {
            if flag == "--quick" {
                (settings.changes, settings.rounds, settings.many) = (40, 2, 100_000);
                continue;
            }
            let value = arguments.next().unwrap_or_else(|| panic!("{flag} wants a value"));
            let number = || value.parse().unwrap_or_else(|_| panic!("{flag} wants a number"));
            match flag.as_str() {
                "--case" => settings.cases.push(value),
                "--etcd" => settings.etcd = value.into(),
                "--streams" => settings.streams = number(),
                "--bindings" => settings.bindings = number(),
                "--changes" => settings.changes = number(),
                "--rounds" => settings.rounds = number(),
                "--many" => settings.many = number(),
                _ => panic!("{flag} is no flag of this"),
            }
        }
        settings
    }

    pub(crate) fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|wanted| wanted == case)
    }
}

//! A configuration file that was changed anywhere is refused or means the same when it is written
//! again; it never ends the process.

use std::path::Path;

use clap::CommandFactory as _;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_norway::Value;

use super::defaults_of;
use crate::args::Cli;

#[path = "../../../tests/tests/parsers/edits.rs"]
mod edits;
use edits::{changed, edits};

const FILE: &str = "\
# comment
control-plane: [http://10.0.0.1:7400, 'http://10.0.0.2:7400']
output: json
listen: 0.0.0.0:8080
data-plane: {environment: [RELEASE, STAGING], workers: 2}
backend:
  key: \"orders-1\"
  allow-unsigned-payload: true
api: {create: {backend: [http://a:1, http://b:2], timeout-ms: 700}}
";

/// What some lines take from a file, or why the file is refused.
fn taken(file: &str) -> Result<Vec<String>, String> {
    let lines = ["countersign env list", "countersign backend", "countersign data-plane"];
    let mut taken = Vec::new();
    for line in lines {
        let command = defaults_of(Cli::command(), Path::new("it.yaml"), file);
        let command = command.map_err(|failure| failure.to_string())?;
        let matches = command.try_get_matches_from(line.split(' '));
        taken.push(matches.map_or_else(|error| error.to_string(), |it| format!("{it:?}")));
    }
    Ok(taken)
}

#[test]
fn the_file_as_it_stands_is_taken() {
    let taken = taken(FILE).unwrap();
    assert!(taken.iter().all(|it| it.starts_with("ArgMatches")), "{taken:?}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_changed_file_is_refused_or_means_the_same_again(edits in edits(4)) {
        let bytes = changed(FILE.as_bytes(), &edits);
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        if let Ok(first) = taken(&text) {
            let value: Value = serde_norway::from_str(&text).unwrap();
            let again = serde_norway::to_string(&value).unwrap();
            prop_assert_eq!(taken(&again).unwrap(), first, "{}", again);
        }
    }
}

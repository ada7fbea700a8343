//! The cases that every verifier is held to, `verifiers/cases/cases.json`: built here, compared
//! with the file, and put to this crate's own verifier. With `REGENERATE_CASES=1` the file is
//! written instead of compared.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod accepts;
mod case;
mod contract;
mod file;
mod malformed;
mod refusals;
mod request;
mod tampered;
mod vectors;

use std::collections::BTreeSet;

use case::{Case, Expected};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../verifiers/cases/cases.json");

#[test]
fn the_file_holds_exactly_these_cases() {
    let built = file::written(&cases());
    if std::env::var_os("REGENERATE_CASES").is_some() {
        std::fs::write(FILE, &built).unwrap();
    }
    let found = std::fs::read_to_string(FILE).unwrap();
    assert!(found == built, "the cases changed: run this test with REGENERATE_CASES=1 and review");
    serde_json::from_str::<serde_json::Value>(&found).unwrap();
}

#[test]
fn the_verifier_answers_every_case_as_expected() {
    for case in cases() {
        assert_eq!(contract::outcome(&case.request), case.expected, "{}: {}", case.id, case.says);
    }
}

#[test]
fn the_cases_are_many_and_each_is_named_once() {
    let cases = cases();
    let ids: BTreeSet<_> = cases.iter().map(|case| &case.id).collect();
    assert_eq!(ids.len(), cases.len());
    let refusals = cases.iter().filter(|case| matches!(case.expected, Expected::Refused(_)));
    assert!(refusals.clone().count() >= 40);
    let codes: BTreeSet<_> = refusals.map(|case| format!("{:?}", case.expected)).collect();
    assert_eq!(codes.len(), 13, "each reason has a case: {codes:?}");
}

fn cases() -> Vec<Case> {
    let mut cases = vectors::cases();
    cases.extend(accepts::cases());
    cases.extend(malformed::cases());
    cases.extend(refusals::cases());
    cases.extend(tampered::cases());
    cases
}

//! The edge as one table: raw requests × (answer, what a strict and a lax backend double read).
//!
//! The rows are the files in `rows/`, meant to be read; `row.rs` says how they are written. Each
//! row is tried against four nodes: before a strict and before a lax double, with an API that is
//! signed (its body is read first) and one that is not (its body streams). Whatever a row
//! expects, these hold as well: no double reads more requests than were answered, none reads a
//! request in a body, and what reaches it says each of the gateway's headers exactly once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should panic"
)]

mod doubles;
mod row;
mod run;
#[path = "../node/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of the whole node")]
mod support;

use row::{Answer, Row, Then};

/// The table, by what is attacked.
const TABLE: &[(&str, &str)] = &[
    ("length", include_str!("rows/length.txt")),
    ("coding", include_str!("rows/coding.txt")),
    ("chunks", include_str!("rows/chunks.txt")),
    ("syntax", include_str!("rows/syntax.txt")),
    ("limits", include_str!("rows/limits.txt")),
    ("target", include_str!("rows/target.txt")),
    ("path", include_str!("rows/path.txt")),
    ("host", include_str!("rows/host.txt")),
    ("headers", include_str!("rows/headers.txt")),
    ("connection", include_str!("rows/connection.txt")),
];

fn rows() -> Vec<Row> {
    TABLE.iter().flat_map(|(file, text)| row::parse(file, text)).collect()
}

#[tokio::test]
async fn every_row_of_the_table_holds() {
    let rows = rows();
    let wrong = run::table(&rows).await;
    assert!(
        wrong.is_empty(),
        "{} wrong of {} rows:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_table_has_a_hundred_rows_and_no_name_twice() {
    let mut names: Vec<String> = rows().into_iter().map(|row| row.name).collect();
    assert!(names.len() >= 100, "{} rows", names.len());
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "a name stands twice");
}

#[test]
fn a_refusal_in_doubt_about_framing_closes() {
    let doubtful = ["length: ", "coding: ", "chunks: ", "syntax: "];
    for row in rows().iter().filter(|row| doubtful.iter().any(|f| row.name.starts_with(f))) {
        if let Some(Answer::Status(400, _)) = row.answers.last() {
            assert_eq!(row.then, Then::Closed, "{}", row.name);
        }
    }
}

#[test]
fn every_row_that_is_known_to_fall_short_says_why() {
    for row in rows() {
        assert!(row.known.is_none_or(|known| !known.reason.is_empty()), "{}", row.name);
    }
}

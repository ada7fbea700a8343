//! `countersign audit diff`

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Map, json};

use super::moment::Moment;
use crate::args::Globals;
use crate::differences::{Changed, Shown, between};
use crate::failure::Failure;
use crate::output::List;

pub(super) const COLUMNS: &[&str] = &["RESOURCE", "FIELD", "BEFORE", "AFTER"];

/// Show what differs between two moments, field by field
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign audit diff 4711 4720
  countersign audit diff '1 day ago' '0s ago' -o json")]
pub(crate) struct Diff {
    /// The earlier moment: a revision, RFC 3339, or such as `2h ago`
    #[arg(value_name = "BEFORE")]
    before: Moment,

    /// The later moment
    #[arg(value_name = "AFTER")]
    after: Moment,
}

pub(super) async fn run(args: Diff, globals: &Globals) -> Result<(), Failure> {
    let plane = globals.plane().await?;
    let mut before = BTreeMap::new();
    let from = args.before.each(&plane, "", |resource| {
        let shown = Shown::of(&resource)?;
        before.insert(shown.identity.clone(), shown);
        Ok(())
    });
    let from = from.await?;
    let mut list = globals.output().list(COLUMNS);
    let to = args.after.each(&plane, "", |resource| {
        let shown = Shown::of(&resource)?;
        let former = before.remove(&shown.identity);
        push(&mut list, &between(former.as_ref(), Some(&shown)))
    });
    let to = to.await?;
    // What is left was there before and is not any more.
    for former in before.values() {
        push(&mut list, &between(Some(former), None))?;
    }
    list.finish()?;
    eprintln!("from revision {} to revision {}", from.revision, to.revision);
    Ok(())
}

fn push(list: &mut List, all: &[Changed]) -> Result<(), Failure> {
    for changed in all {
        let object: Map<_, _> = [
            ("resource".to_owned(), json!(changed.label)),
            ("field".to_owned(), json!(changed.field)),
            ("before".to_owned(), json!(changed.before)),
            ("after".to_owned(), json!(changed.after)),
        ]
        .into_iter()
        .collect();
        let Changed { label, field, before, after } = changed.clone();
        list.element(&object, |_| vec![label, field, before, after])?;
    }
    Ok(())
}

//! Results on standard output, as a table, JSON or YAML. Diagnostics never come here; they go to
//! standard error. Nothing is coloured, and lines wrap only where a terminal is looking.

mod table;

use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd;

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::json::{self, Named};
pub(crate) use table::{enum_name, time};

/// Clears a terminal and begins at its top.
const CLEARED: &str = "\x1b[2J\x1b[H";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: columns, names rather than ids.
    Table,
    /// One object for a get or a write, an array for a list.
    Json,
    /// The same as YAML.
    Yaml,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) format: Format,
}

impl Output {
    /// The reply of a get or a write.
    pub(crate) fn reply<M: Named>(self, reply: &M) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => table::fields(&json::dynamic(reply)?),
            Format::Json => pretty(&Value::Object(json::reply(reply)?))?,
            Format::Yaml => yaml(&json::reply(reply)?)?,
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", text.trim_end())?;
        Ok(stdout.flush()?)
    }

    /// Something that no message of the contract says: as data, or as the text for people.
    pub(crate) fn value(self, value: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => text(),
            Format::Json => pretty(value)?,
            Format::Yaml => yaml(value)?,
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", text.trim_end())?;
        Ok(stdout.flush()?)
    }

    /// Begins a list under these column headers.
    pub(crate) fn list(self, columns: &'static [&'static str]) -> List {
        List { format: self.format, columns, rows: Vec::new(), written: 0 }
    }

    /// One element of an endless list, on a line (YAML: a document) of its own, at once.
    pub(crate) fn line<M: Named>(
        self,
        message: &M,
        line: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => line(),
            Format::Json => Value::Object(json::object(message)?).to_string(),
            Format::Yaml => format!("---\n{}", yaml(&json::object(message)?)?.trim_end()),
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }
}

/// A table that takes the place of the one before it on a terminal, and follows it elsewhere.
pub(crate) fn screen(columns: &[&str], rows: Vec<Vec<String>>) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let width = if stdout.is_terminal() { terminal_columns(&stdout) } else { None };
    let before = if stdout.is_terminal() { CLEARED } else { "" };
    writeln!(stdout, "{before}{}", table::rows(columns, rows, width))?;
    Ok(stdout.flush()?)
}

/// A list as it grows: JSON and YAML are written element by element, so that a long log does not
/// have to fit into memory; a table waits for its last row, to know how wide its columns are.
#[derive(Debug)]
pub(crate) struct List {
    format: Format,
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
    written: usize,
}

impl List {
    /// Whether rows are wanted at all; those who must ask for names need not ask otherwise.
    pub(crate) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    pub(crate) fn push<M: Named>(
        &mut self,
        message: &M,
        row: impl FnOnce(&M) -> Vec<String>,
    ) -> Result<(), Failure> {
        if self.is_table() {
            self.rows.push(row(message));
            return Ok(());
        }
        self.element(&json::object(message)?, |_| Vec::new())
    }

    /// The same for something that no message of the contract says.
    pub(crate) fn element(
        &mut self,
        object: &Map<String, Value>,
        row: impl FnOnce(&Map<String, Value>) -> Vec<String>,
    ) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        match self.format {
            Format::Table => self.rows.push(row(object)),
            Format::Json => {
                let text = pretty(object)?.replace('\n', "\n  ");
                write!(stdout, "{}\n  {text}", if self.written == 0 { "[" } else { "," })?;
            }
            Format::Yaml => write!(stdout, "{}", yaml(&[object])?)?,
        }
        self.written += 1;
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        match self.format {
            Format::Table => {
                let width = if stdout.is_terminal() { terminal_columns(&stdout) } else { None };
                writeln!(stdout, "{}", table::rows(self.columns, self.rows, width))?;
            }
            Format::Json | Format::Yaml if self.written == 0 => writeln!(stdout, "[]")?,
            Format::Json => writeln!(stdout, "\n]")?,
            Format::Yaml => {}
        }
        Ok(stdout.flush()?)
    }
}

fn terminal_columns(terminal: &impl AsFd) -> Option<u16> {
    rustix::termios::tcgetwinsize(terminal).ok().map(|size| size.ws_col).filter(|it| *it > 0)
}

fn pretty<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))
}

fn yaml<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    serde_norway::to_string(value).map_err(|error| Failure::failed(error.to_string()))
}

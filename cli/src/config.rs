//! The YAML file of `--config`: its keys are the long names of flags, and its values become their
//! defaults, so that flags and variables beat them. A key that no command has is refused.
//!
//! ```yaml
//! control-plane: http://10.0.0.1:7400     # a setting: every command that has the flag
//! data-plane:                             # a section: that command alone
//!   environment: [RELEASE, STAGING]
//! ```

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use serde_norway::{Mapping, Value};

use crate::failure::Failure;

#[cfg(test)]
mod changed;

/// The commands that run for long. Their flags are settings, which may stand at the top.
pub(crate) const PROCESSES: [&str; 4] = ["dev", "control-plane", "data-plane", "backend"];

/// The command with the defaults of the file that the line or the variable names, if one does.
pub(crate) fn with_defaults(command: Command, line: &[OsString]) -> Result<Command, Failure> {
    let variable = std::env::var_os("COUNTERSIGN_CONFIG").filter(|name| !name.is_empty());
    let Some(path) = named_on(line).or_else(|| variable.map(PathBuf::from)) else {
        return Ok(command);
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!("the configuration file {} cannot be read: {error}", path.display()))
    })?;
    defaults_of(command, &path, &text)
}

/// `--config FILE` or `--config=FILE`, before clap has parsed anything.
fn named_on(line: &[OsString]) -> Option<PathBuf> {
    let mut words = line.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    None
}

fn defaults_of(command: Command, path: &Path, text: &str) -> Result<Command, Failure> {
    let mut file = File { path, globals: Vec::new() };
    let value = serde_norway::from_str(text)
        .map_err(|error| file.refuse(format!("is not YAML: {error}")))?;
    match value {
        Value::Null => Ok(command),
        Value::Mapping(mapping) => {
            file.globals = command.get_arguments().filter(|arg| is_key(arg)).cloned().collect();
            file.section(command, "", mapping)
        }
        _ => Err(file.refuse("must map names of flags to values")),
    }
}

struct File<'a> {
    path: &'a Path,
    /// The flags that every command takes, so every section too.
    globals: Vec<Arg>,
}

impl File<'_> {
    /// The command with the defaults of its section; the top of the file is the section of the
    /// whole, and there a flag of the processes counts for each that has it.
    fn section(
        &self,
        mut command: Command,
        place: &str,
        mapping: Mapping,
    ) -> Result<Command, Failure> {
        let processes: &[&str] = if place.is_empty() { &PROCESSES } else { &[] };
        let known = self.known(&command, processes);
        for (key, value) in mapping {
            let key = self.name(&key)?;
            let shown = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            match value {
                Value::Mapping(inner) => {
                    let Some(verb) = command.find_subcommand(&key).cloned() else {
                        return Err(self.unknown(&shown, &known));
                    };
                    let verb = self.section(verb, &shown, inner)?;
                    command = command.mut_subcommand(&key, |_| verb);
                }
                value => {
                    let mut is_known = self.has(&command, &key);
                    if is_known {
                        command = self.with_default(command, &key, &shown, &value)?;
                    }
                    for &name in processes {
                        let Some(process) = command.find_subcommand(name) else { continue };
                        if own(process, &key).is_some() {
                            is_known = true;
                            let process = process.clone();
                            let process = self.with_default(process, &key, &shown, &value)?;
                            command = command.mut_subcommand(name, |_| process);
                        }
                    }
                    if !is_known {
                        return Err(self.unknown(&shown, &known));
                    }
                }
            }
        }
        Ok(command)
    }

    /// The command whose flag defaults to the value, and is not required any more.
    fn with_default(
        &self,
        command: Command,
        key: &str,
        shown: &str,
        value: &Value,
    ) -> Result<Command, Failure> {
        let Some(arg) = own(&command, key).or_else(|| self.global(key)).cloned() else {
            return Ok(command);
        };
        let takes_many = matches!(arg.get_action(), ArgAction::Append);
        let texts = match value {
            Value::Sequence(items) if takes_many => {
                items.iter().map(|item| self.scalar(shown, item)).collect::<Result<_, _>>()?
            }
            value => vec![self.scalar(shown, value)?],
        };
        for text in &texts {
            self.check(&arg, key, shown, text)?;
        }
        let id = arg.get_id().clone();
        let arg = arg.required(false).default_values(texts);
        Ok(if own(&command, key).is_some() {
            command.mut_arg(&id, |_| arg)
        } else {
            command.arg(arg)
        })
    }

    /// Whether the flag takes the value: clap would not tell whose fault a bad default is.
    fn check(&self, arg: &Arg, key: &str, shown: &str, text: &str) -> Result<(), Failure> {
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            return match text {
                "true" | "false" => Ok(()),
                _ => Err(self.refuse(format!("says `{shown}: {text}`; say true or false"))),
            };
        }
        let probe = Arg::new("probe")
            .long(key.to_owned())
            .action(ArgAction::Set)
            .ignore_case(arg.is_ignore_case_set())
            .value_parser(arg.get_value_parser().clone());
        let line = ["config".to_owned(), format!("--{key}={text}")];
        let parsed = Command::new("config").arg(probe).try_get_matches_from(line);
        parsed.map(|_| ()).map_err(|error| {
            let why = error.to_string();
            let why = why.lines().next().unwrap_or_default().trim_start_matches("error: ");
            self.refuse(format!("says `{shown}: {text}`: {why}"))
        })
    }

    /// A key as flags are named; `_` is as good as `-`.
    fn name(&self, key: &Value) -> Result<String, Failure> {
        match key {
            Value::String(key) => Ok(key.replace('_', "-")),
            _ => Err(self.refuse("has a key that is not a text")),
        }
    }

    fn scalar(&self, shown: &str, value: &Value) -> Result<String, Failure> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(is) => Ok(is.to_string()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(self.refuse(format!("has under `{shown}` something else than one value"))),
        }
    }

    fn has(&self, command: &Command, key: &str) -> bool {
        own(command, key).is_some() || self.global(key).is_some()
    }

    fn global(&self, key: &str) -> Option<&Arg> {
        self.globals.iter().find(|arg| arg.get_long() == Some(key))
    }

    /// What may stand in a section, in the order of the alphabet.
    fn known(&self, command: &Command, processes: &[&str]) -> BTreeSet<String> {
        let flags = |command: &Command| -> Vec<String> {
            let args = command.get_arguments().chain(&self.globals).filter(|arg| is_key(arg));
            args.filter_map(Arg::get_long).map(str::to_owned).collect()
        };
        let mut known: BTreeSet<String> = flags(command).into_iter().collect();
        for process in processes {
            known.extend(command.find_subcommand(process).map(flags).unwrap_or_default());
        }
        known.extend(command.get_subcommands().map(|verb| format!("{}:", verb.get_name())));
        known
    }

    fn unknown(&self, key: &str, known: &BTreeSet<String>) -> Failure {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        self.refuse(format!("has the unknown key `{key}`; known here: {}", known.join(", ")))
    }

    fn refuse(&self, what: impl std::fmt::Display) -> Failure {
        Failure::usage(format!("the configuration file {} {what}", self.path.display()))
    }
}

/// The command's own flag of that long name.
fn own<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| is_key(arg) && arg.get_long() == Some(key))
}

/// Every flag but those that have done their work when the file is read.
fn is_key(arg: &Arg) -> bool {
    arg.get_long().is_some() && !["config", "help", "version"].contains(&arg.get_id().as_str())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    /// What a line parses to under a file: the command's name path is walked to the last verb.
    fn value(file: &str, line: &str, id: &str) -> Result<Vec<String>, String> {
        let command = defaults_of(Cli::command(), Path::new("it.yaml"), file)
            .map_err(|failure| failure.to_string())?;
        let matches = command.try_get_matches_from(line.split(' ')).map_err(|e| e.to_string())?;
        let mut verb = &matches;
        while let Some((_, inner)) = verb.subcommand() {
            verb = inner;
        }
        let raw = verb.get_raw(id).map(|all| all.map(|one| one.to_string_lossy().into_owned()));
        Ok(raw.map(Iterator::collect).unwrap_or_default())
    }

    #[test]
    fn a_flag_beats_the_file() {
        let file = "control_plane: http://file:1\noutput: yaml";
        let plane = |line| value(file, line, "control_plane").unwrap();
        assert_eq!(plane("countersign env list"), ["http://file:1"]);
        assert_eq!(plane("countersign env list --control-plane http://flag:2"), ["http://flag:2"]);
        assert_eq!(plane("countersign --control-plane http://flag:2 env list"), ["http://flag:2"]);
        assert_eq!(value(file, "countersign env list", "output").unwrap(), ["yaml"]);
    }

    #[test]
    fn a_section_is_for_its_command_alone() {
        let file = "backend: {key: orders-1, control-plane: 'http://section:1'}\n\
                    api: {create: {backend: [http://a:1, http://b:2]}}";
        assert_eq!(value(file, "countersign backend", "key").unwrap(), ["orders-1"]);
        let plane = |line| value(file, line, "control_plane").unwrap();
        assert_eq!(plane("countersign backend"), ["http://section:1"]);
        assert_eq!(plane("countersign --control-plane http://flag:2 backend"), ["http://flag:2"]);
        assert_eq!(plane("countersign env list"), ["http://127.0.0.1:7400"]);
        let create = "countersign api create orders --group shop --method get --path /";
        assert_eq!(value(file, create, "backend").unwrap(), ["http://a:1", "http://b:2"]);
    }

    #[test]
    fn a_setting_at_the_top_is_for_every_process_that_has_it() {
        let listen = |line| value("listen: 127.0.0.1:1\nkey: k", line, "listen").unwrap();
        assert_eq!(listen("countersign backend"), ["127.0.0.1:1"]);
    }

    #[test]
    fn an_unknown_key_is_refused_with_those_that_are_known() {
        let refused = |file| value(file, "countersign env list", "output").unwrap_err();
        let error = refused("outptu: json");
        assert!(
            error.starts_with(
                "error: the configuration file it.yaml has the unknown key `outptu`; known here: "
            ),
            "{error}"
        );
        for known in ["output", "control-plane", "listen", "backend:", "api:"] {
            assert!(error.split([' ', ',']).any(|word| word == known), "{known} in {error}");
        }
        assert!(
            refused("api: {create: {outptu: json}}").contains("unknown key `api.create.outptu`")
        );
        assert!(refused("force: true").contains("unknown key `force`"), "only in its section");
        assert!(refused("apis: {create: {}}").contains("unknown key `apis`"));
        assert!(refused("config: x").contains("unknown key `config`"));
    }

    #[test]
    fn a_bad_value_is_refused_with_its_key() {
        let refused = |file| value(file, "countersign env list", "output").unwrap_err();
        assert!(refused("output: xml").contains("says `output: xml`: invalid value 'xml'"));
        assert!(refused("output: [json, yaml]").contains("under `output` something else"));
        assert!(
            refused("backend: {allow-unsigned-payload: perhaps}").contains("say true or false")
        );
        assert!(refused("- a").contains("must map"));
        assert!(refused("a: [").contains("is not YAML"));
    }

    #[test]
    fn the_file_is_found_on_the_line_before_anything_is_parsed() {
        let found = |line: &str| named_on(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(found("countersign env list --config a.yaml"), Some(PathBuf::from("a.yaml")));
        assert_eq!(found("countersign --config=a.yaml env list"), Some(PathBuf::from("a.yaml")));
        assert_eq!(found("countersign env get -- --config"), None);
        assert_eq!(found("countersign env list"), None);
    }
}

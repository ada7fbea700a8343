//! Where a secret comes from: standard input, a file, or a person at a terminal. A secret is
//! never an argument, for those can be read by everyone on the machine.

use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use countersign_shared::secret::Secret;

use crate::failure::Failure;

/// Far above the 64 characters of the longest secret, so that a wrong file is not read whole.
const SECRET_BYTES_MAX: u64 = 4096;

// Where the secret is read from.
#[derive(Debug, Clone, Args)]
pub(crate) struct SecretArgs {
    /// Read the secret from standard input; one line end after it is dropped
    #[arg(long, conflicts_with = "secret_file")]
    secret_stdin: bool,

    /// Read the secret from a file; one line end after it is dropped
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl SecretArgs {
    /// The secret; `None` to have it generated.
    pub(crate) fn read(&self) -> Result<Option<Secret>, Failure> {
        match self.given()? {
            Some(secret) => Ok(Some(secret)),
            None if std::io::stdin().is_terminal() => asked(),
            None => Ok(None),
        }
    }

    /// A secret that there must be: of a flag, or asked for once.
    pub(crate) fn known(&self) -> Result<Secret, Failure> {
        if let Some(secret) = self.given()? {
            return Ok(secret);
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::usage(
                "the secret is wanted: give --secret-file or --secret-stdin",
            ));
        }
        rpassword::prompt_password("Secret: ")
            .map(Secret::new)
            .map_err(|error| Failure::failed(format!("the secret cannot be asked for: {error}")))
    }

    /// Whether the secret takes standard input, so that nothing else can.
    pub(crate) fn takes_stdin(&self) -> bool {
        self.secret_stdin
    }

    /// The secret of a flag; nobody is asked.
    pub(crate) fn given(&self) -> Result<Option<Secret>, Failure> {
        if self.secret_stdin {
            return one_line(std::io::stdin().lock(), "standard input").map(Some);
        }
        self.secret_file.as_deref().map(from_file).transpose()
    }
}

/// Says on standard error that the secret in the reply is there this once.
pub(crate) fn tell_generated(secret: &str) {
    if !secret.is_empty() {
        eprintln!(
            "note: the generated secret is shown this once; keep it where the backend finds it"
        );
    }
}

pub(crate) fn from_file(path: &Path) -> Result<Secret, Failure> {
    let name = format!("the secret file {}", path.display());
    let file = File::open(path).map_err(|error| Failure::failed(format!("{name}: {error}")))?;
    one_line(file, &name)
}

fn one_line(from: impl Read, name: &str) -> Result<Secret, Failure> {
    let mut text = String::new();
    from.take(SECRET_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::failed(format!("{name}: {error}")))?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        return Err(Failure::failed(format!("{name} holds more than {SECRET_BYTES_MAX} bytes")));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(Failure::failed(format!("{name} is empty"))
            .advise("leave the flag out to have a secret generated"));
    }
    Ok(Secret::new(text))
}

fn asked() -> Result<Option<Secret>, Failure> {
    let prompt = |text: &str| {
        rpassword::prompt_password(text)
            .map(Secret::new)
            .map_err(|error| Failure::failed(format!("the secret cannot be asked for: {error}")))
    };
    let secret = prompt("Secret (empty to have one generated): ")?;
    if secret.is_empty() {
        return Ok(None);
    }
    if prompt("Secret once more: ")? == secret {
        Ok(Some(secret))
    } else {
        Err(Failure::failed("the two secrets differ; nothing was written"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_line_end_is_dropped() {
        for (text, secret) in [
            ("abc", "abc"),
            ("abc\n", "abc"),
            ("abc\r\n", "abc"),
            ("abc\n\n", "abc\n"),
            ("a\r", "a\r"),
        ] {
            assert_eq!(one_line(text.as_bytes(), "it").unwrap().expose(), secret);
        }
    }

    #[test]
    fn empty_and_endless_sources_are_refused() {
        assert_eq!(
            one_line("\n".as_bytes(), "the file").unwrap_err().to_string(),
            "error: the file is empty\n  what to do: leave the flag out to have a secret generated"
        );
        assert!(one_line(std::io::repeat(b'a'), "it").is_err());
    }
}

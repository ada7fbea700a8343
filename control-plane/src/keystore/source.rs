//! Where master keys come from: a file, a command such as the client of a key service, or whoever
//! started the process. What is read is overwritten; nothing of it is ever logged or in an error.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::master::{FILE_BYTES_MAX, MasterKey, MasterKeyError};

/// The variable that a master key may come in. No command that is started here gets it.
pub const MASTER_KEY_VARIABLE: &str = "COUNTERSIGN_MASTER_KEY";
/// A command that has not said the key by then is ended.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(30);
const COMMAND_WAIT: Duration = Duration::from_millis(10);

/// Where a master key comes from.
#[derive(Clone)]
pub enum MasterKeySource {
    File(PathBuf),
    /// A file in a directory that systemd guards, whatever its mode says.
    Credential(PathBuf),
    /// A program and its arguments, which no shell sees; what it writes to standard output is the key.
    Command(Vec<String>),
    /// A key that the process was given.
    Given(Arc<MasterKey>),
}

impl MasterKeySource {
    /// A program and its arguments, separated by spaces.
    pub fn command(line: &str) -> Option<Self> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self::Command(words))
    }

    /// A key of the 64 hex digits that a variable has.
    pub fn given(text: &str) -> Result<Self, MasterKeyError> {
        let key = MasterKey::parse(text.as_bytes());
        let key = key.ok_or(MasterKeyError::MalformedText(MASTER_KEY_VARIABLE.to_owned()))?;
        Ok(Self::Given(Arc::new(key)))
    }

    pub fn read(&self) -> Result<MasterKey, MasterKeyError> {
        match self {
            Self::File(path) => MasterKey::load(path),
            Self::Credential(path) => MasterKey::load_guarded(path),
            Self::Command(words) => run(words),
            Self::Given(key) => Ok(key.copy()),
        }
    }

    /// Where the key after this one is looked for, unless somebody says where: beside the file.
    pub fn next(&self) -> Option<Self> {
        let beside = |path: &PathBuf| {
            let mut next = path.as_os_str().to_owned();
            next.push(".next");
            PathBuf::from(next)
        };
        match self {
            Self::File(path) => Some(Self::File(beside(path))),
            Self::Credential(path) => Some(Self::Credential(beside(path))),
            Self::Command(_) | Self::Given(_) => None,
        }
    }
}

impl fmt::Display for MasterKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Credential(path) => write!(f, "the file {}", path.display()),
            // Its arguments are not told: a token might be among them.
            Self::Command(words) => {
                write!(f, "the command {}", words.first().map_or("", String::as_str))
            }
            Self::Given(_) => write!(f, "the variable {MASTER_KEY_VARIABLE}"),
        }
    }
}

impl fmt::Debug for MasterKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeySource({self})")
    }
}

fn run(words: &[String]) -> Result<MasterKey, MasterKeyError> {
    let (program, arguments) = words.split_first().ok_or_else(|| failed("", "there is none"))?;
    let mut child = Command::new(Path::new(program))
        .args(arguments)
        .env_remove(MASTER_KEY_VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| failed(program, &error.to_string()))?;
    let stdout = child.stdout.take();
    let (sender, said) = mpsc::sync_channel(1);
    let reading = thread::Builder::new().name("master-key".into()).spawn(move || {
        // Room from the start, so that the key is never moved and left behind.
        let most = FILE_BYTES_MAX + 1;
        let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(2 * most).unwrap_or(0)));
        let read = stdout.map(|stdout| stdout.take(most).read_to_end(&mut text));
        let _ = sender.send((read.is_some_and(|read| read.is_ok()), text));
    });
    reading.map_err(|error| failed(program, &error.to_string()))?;
    let begun = Instant::now();
    let text = said.recv_timeout(COMMAND_TIME_MAX);
    // It may have closed its output and go on.
    while begun.elapsed() < COMMAND_TIME_MAX && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(COMMAND_WAIT);
    }
    // Of one that has ended already this is nothing.
    let _ = child.kill();
    let ended = child.wait().map_err(|error| failed(program, &error.to_string()))?;
    let seconds = COMMAND_TIME_MAX.as_secs();
    match text {
        _ if begun.elapsed() >= COMMAND_TIME_MAX => {
            Err(failed(program, &format!("it did not end within {seconds} s")))
        }
        Ok(_) if !ended.success() => Err(failed(program, &ended.to_string())),
        Ok((true, text)) => MasterKey::parse(&text)
            .ok_or_else(|| MasterKeyError::MalformedText(format!("what {program} said"))),
        Ok((false, _)) | Err(_) => Err(failed(program, "its output cannot be read")),
    }
}

fn failed(program: &str, what: &str) -> MasterKeyError {
    MasterKeyError::Command { program: program.to_owned(), what: what.to_owned() }
}

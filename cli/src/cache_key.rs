//! Where the key of a node's cache comes from: a file, a variable, or the credentials of systemd, in
//! this order. Never an argument, for those can be read by everyone on the machine.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_data_plane::CacheKey;

use crate::failure::Failure;

const VARIABLE: &str = "COUNTERSIGN_CACHE_KEY";
/// The name of the credential, below `$CREDENTIALS_DIRECTORY`.
const CREDENTIAL: &str = "countersign-cache-key";
/// Far more than 64 digits and a line's end, so that a wrong file is not read whole.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// The key for a cache at this path, which must not lie in the same directory.
pub(crate) fn read(cache: &Path, key_file: Option<&Path>) -> Result<Arc<CacheKey>, Failure> {
    if let Some(path) = key_file {
        if folder(path) == folder(cache) {
            let what = "the key of the cache lies beside it, where whoever gets the one gets both";
            return Err(Failure::usage(format!("{what}: keep it in another directory")));
        }
        return of_file(path);
    }
    if let Some(text) = std::env::var_os(VARIABLE) {
        return parse(text.as_encoded_bytes(), VARIABLE);
    }
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    if let Some(path) = credentials.map(|folder| folder.join(CREDENTIAL)).filter(|it| it.exists()) {
        return of_file(&path);
    }
    Err(Failure::usage(format!(
        "a cache needs a key: give --cache-key-file, {VARIABLE}, or the credential {CREDENTIAL} of systemd"
    )))
}

fn of_file(path: &Path) -> Result<Arc<CacheKey>, Failure> {
    let name = format!("the cache's key {}", path.display());
    let failed = |error| Failure::failed(format!("{name}: {error}"));
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut text).map_err(failed)?;
    parse(&text, &name)
}

fn parse(text: &[u8], name: &str) -> Result<Arc<CacheKey>, Failure> {
    let key = CacheKey::parse(text).ok_or_else(|| {
        Failure::failed(format!("{name} is not a key, which is 64 hex digits or 32 bytes"))
            .advise("make one with `openssl rand -hex 32`")
    })?;
    Ok(Arc::new(key))
}

/// Where a path leads, links followed as far as they are there.
fn folder(path: &Path) -> Option<PathBuf> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    parent.canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_read_where_it_does_not_lie_beside_the_cache() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cache = here.path().join("table");
        for folder in [&here, &there] {
            std::fs::write(folder.path().join("key"), "0f".repeat(32)).unwrap();
        }
        assert!(read(&cache, Some(&there.path().join("key"))).is_ok());
        let beside = read(&cache, Some(&here.path().join("key"))).unwrap_err();
        assert!(beside.to_string().contains("lies beside it"), "{beside}");
        std::fs::write(there.path().join("key"), "0f0f").unwrap();
        let short = read(&cache, Some(&there.path().join("key"))).unwrap_err();
        assert!(short.to_string().contains("64 hex digits"), "{short}");
        assert!(!short.to_string().contains("0f0f"), "never shown");
    }
}

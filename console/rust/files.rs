//! The built files, in the binary. Each is packed and tagged once, when the first is asked for.

use std::io::Write;
use std::sync::LazyLock;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

const PAGE: &str = "index.html";

const BUILT: [(&str, &str, &[u8]); 4] = [
    (PAGE, "text/html; charset=utf-8", include_bytes!("../dist/index.html")),
    ("console.js", "text/javascript; charset=utf-8", include_bytes!("../dist/console.js")),
    ("console.css", "text/css; charset=utf-8", include_bytes!("../dist/console.css")),
    ("icon.svg", "image/svg+xml", include_bytes!("../dist/icon.svg")),
];

#[derive(Debug)]
pub(crate) struct File {
    name: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Bytes,
    pub(crate) packed: Bytes,
    /// With its quotes.
    pub(crate) tag: String,
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let made = BUILT.iter().map(|&(name, content_type, bytes)| File {
        name,
        content_type,
        bytes: Bytes::from_static(bytes),
        packed: packed(bytes),
        tag: format!(
            "\"{}\"",
            HEXLOWER.encode(Sha256::digest(bytes).get(..16).unwrap_or_default())
        ),
    });
    made.collect()
});

/// The file of that path, or the page where the path names no file.
pub(crate) fn find(path: &str) -> Option<&'static File> {
    let name = path.trim_start_matches('/');
    let is_file = name.rsplit('/').next().is_some_and(|last| last.contains('.'));
    let wanted = if is_file { name } else { PAGE };
    FILES.iter().find(|file| file.name == wanted)
}

fn packed(bytes: &'static [u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; if it did, an empty file would be noticed by every test.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map(Bytes::from).unwrap_or_default()
}

//! An ext4 on a loop device, whose power can be lost.
//!
//! The moment of the loss is the ioctl `FS_IOC_SHUTDOWN` without a flush of the journal: from then
//! on the kernel lets nothing of this file system reach its device, neither what programs wrote
//! and it still holds in memory, nor its journal. So the device, which is a file, holds exactly
//! what had been written to it at that instant, even in the middle of an fdatasync. A copy of it
//! is what a machine finds when it boots again: it is mounted, and the journal replayed. What is
//! not modelled is a device that loses what it has taken but was not told to flush.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

const SIZE: &str = "128M";
/// `FS_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: this crate has no unsafe code.
const SHUTDOWN: &str = r#"
    open(my $mounted, "<", $ARGV[0]) or die "$ARGV[0]: $!";
    my $without_journal = pack("L", 2);
    ioctl($mounted, 0x8004587d, $without_journal) or die "ioctl: $!";
"#;
/// Whoever had files open may need a moment to close them.
const UNMOUNT_TRIES: u32 = 100;
const UNMOUNT_AGAIN: Duration = Duration::from_millis(20);

/// Mounted until it is dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    directory: TempDir,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let disk = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::create_dir(disk.path()).unwrap();
        run("truncate", &["--size", SIZE, text(&disk.image())]);
        run("mkfs.ext4", &["-q", "-b", "4096", text(&disk.image())]);
        disk.mount();
        disk
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// From this instant on nothing reaches the device.
    pub(crate) fn lose_power(&self) {
        run("perl", &["-e", SHUTDOWN, text(&self.path())]);
    }

    /// After [`Disk::lose_power`], and when the processes on it have ended: mounts what the device
    /// held, at the same place.
    pub(crate) fn boot(&self) {
        let crashed = self.directory.path().join("crashed");
        let (image, copy) = (self.image(), crashed.as_path());
        run("cp", &["--sparse=always", text(&image), text(copy)]);
        // Nothing was under way any more while it was copied.
        run("cmp", &[text(&image), text(copy)]);
        unmount(&self.path());
        std::fs::rename(copy, image).unwrap();
        self.mount();
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", text(&self.image()), text(&self.path())]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.path());
    }
}

fn unmount(mounted: &Path) {
    for _ in 0..UNMOUNT_TRIES {
        match Command::new("umount").arg(mounted).output() {
            Ok(output) if !output.status.success() => std::thread::sleep(UNMOUNT_AGAIN),
            _ => return,
        }
    }
    // Somebody has files open for good: it goes when they do.
    let _ = Command::new("umount").arg("--lazy").arg(mounted).status();
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} failed: {}A loss of power is tried out on a loop device, which takes root, \
         /dev/loop-control, and mkfs.ext4, mount and perl.",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of UTF-8")
}

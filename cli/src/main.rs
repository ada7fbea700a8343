//! The `countersign` binary: hands its arguments to the library and its status to the shell.

use std::process::ExitCode;

/// A request allocates a few small blocks on one thread and frees them there: what this allocator
/// is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    countersign::main(std::env::args_os())
}

//! The `countersign` binary: hands its arguments to the library and its status to the shell.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// A request allocates a few small blocks on one thread and frees them there: what this allocator
/// is made for. What is freed is overwritten: libraries, too, leave secrets behind where they read
/// requests into.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    countersign::main(std::env::args_os())
}

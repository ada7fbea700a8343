//! The `countersign` binary: hands its arguments to the library and its status to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    countersign::main(std::env::args_os())
}

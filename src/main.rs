//! The `mqt` program: argv in, exit status out.

use std::process::ExitCode;

fn main() -> ExitCode {
    mqt::run(std::env::args_os())
}

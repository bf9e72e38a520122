//! The `samenloop-partner` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    samenloop_partner::run(std::env::args_os())
}

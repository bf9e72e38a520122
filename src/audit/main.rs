//! The `samenloop-audit` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    samenloop_audit::run(std::env::args_os())
}

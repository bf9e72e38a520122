//! The `samenloop-service` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    samenloop_service::run(std::env::args_os())
}

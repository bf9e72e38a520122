//! The `samenloop-monitor` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    samenloop_monitor::run(std::env::args_os())
}

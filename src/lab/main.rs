//! The `samenloop-lab` command.

fn main() -> std::process::ExitCode {
    samenloop_lab::run(std::env::args_os())
}

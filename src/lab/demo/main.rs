//! The `demo` command.

fn main() -> std::process::ExitCode {
    samenloop_lab::demo::run(std::env::args_os())
}

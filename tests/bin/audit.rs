//! The auditor's own main, as a binary of this package, for what it prints and how it ends.

fn main() -> std::process::ExitCode {
    samenloop_audit::run(std::env::args_os())
}

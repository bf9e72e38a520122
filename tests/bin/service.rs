//! The service's own main, as a binary of this package, for tests that kill the process.

fn main() -> std::process::ExitCode {
    samenloop_service::run(std::env::args_os())
}

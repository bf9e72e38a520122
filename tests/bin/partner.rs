//! The partner's own main, as a binary of this package, for stories that interrupt it.

fn main() -> std::process::ExitCode {
    samenloop_partner::run(std::env::args_os())
}

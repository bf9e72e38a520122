//! The whole round on sample data, by the very code that partners, operators, monitors and auditors
//! run: a real service on loopback, mutual TLS, four partners with untidy files, the production
//! policy.

mod round;
mod sample;
mod story;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

pub use round::{Outcome, play};
pub use sample::PARTIES;

/// Plays a whole round on synthetic registrations and cleans up after itself.
///
/// Certificates, a service on loopback, four partners with untidy CSV files, encode, submit, freeze,
/// link, release, a report, an audit, and what is true beside what was counted.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
struct Flags {
    /// Print JSON: true, estimated, released, audit.
    #[arg(long)]
    json: bool,
}

/// Runs the demo and returns its exit code: 0 if the round was played and the audit passed.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let flags = match Flags::try_parse_from(args) {
        Ok(flags) => flags,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    match tell(&flags) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn tell(flags: &Flags) -> anyhow::Result<bool> {
    let folder = tempfile::Builder::new().prefix("samenloop-demo-").tempdir()?;
    let narrate = |line: &str| {
        if !flags.json {
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = play(folder.path(), &narrate) => outcome,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted; everything is cleaned up")),
        }
    })?;
    let text = if flags.json {
        serde_json::to_string_pretty(&outcome.json()?)? + "\n"
    } else {
        story::tell(&outcome)
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(outcome.passed())
}

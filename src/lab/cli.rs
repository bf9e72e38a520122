//! The `samenloop-lab` command.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::evaluate::{self, Job};

/// Measures samenloop on data whose truth is known. Never deployed.
#[derive(Debug, Parser)]
#[command(name = "samenloop-lab", version)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Encode and link files with a truth column, and compare the counts with the truth.
    ///
    /// Runs the very code of a real round, locally, under a public key: do not give it data of real
    /// people that may not be read here.
    Evaluate(EvaluateFlags),
}

#[derive(Debug, Args)]
struct EvaluateFlags {
    /// A source; give one for each file.
    #[arg(long, required = true, value_name = "NAME=FILE.csv", value_parser = source)]
    source: Vec<(String, PathBuf)>,
    /// Header of the column that tells who is who; it is never encoded.
    #[arg(long, value_name = "COLUMN")]
    truth: String,
    /// A linkage schema; without one it is drafted as `samenloop-partner schema init` does.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Write source, row (from 0) and cluster of every row to this file.
    #[arg(long, value_name = "FILE.csv")]
    clusters_out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn source(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), file.into()))
        }
        _ => Err("write NAME=FILE.csv".to_owned()),
    }
}

/// Shows percents on a terminal.
struct Percent;

impl samenloop_link::Progress for Percent {
    fn permille(&self, done: u32) {
        if std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr(), "\rlinking {:3} %", done / 10);
            if done >= 1000 {
                let _ = writeln!(std::io::stderr());
            }
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

/// Runs the command and returns its exit code: 0, 1 with a reason, or 2 for wrong usage.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let flags = match Flags::try_parse_from(args) {
        Ok(flags) => flags,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let Command::Evaluate(flags) = flags.command;
    match evaluate(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "samenloop-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn evaluate(flags: EvaluateFlags) -> anyhow::Result<()> {
    let job = Job { sources: flags.source, truth: flags.truth, schema: flags.schema };
    let (evaluation, clusters) = evaluate::evaluate(&job, &Percent)?;
    if let Some(path) = &flags.clusters_out {
        evaluate::write_clusters(path, &job, &clusters)?;
    }
    let text = if flags.json {
        serde_json::to_string_pretty(&evaluation)? + "\n"
    } else {
        evaluate::render(&evaluation)
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")
}

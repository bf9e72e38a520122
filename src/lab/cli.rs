//! The `samenloop-lab` command.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{attack, clkhash, coverage, estimate, evaluate, ptable, similar, synth};

/// Measures samenloop on data whose truth is known. Never deployed.
#[derive(Debug, Parser)]
#[command(name = "samenloop-lab", version)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Attack the shipped encodings as someone who has the submitted records and a population list.
    ///
    /// On synthetic people, with controls that must break. docs/encoding-attacks.md says what is not covered.
    Attack(attack::command::Flags),
    /// Measure many encodings side by side: linkage quality at best, size, speed, attack success.
    ///
    /// Prints the table of docs/encodings-tried.md. Takes half an hour; --only picks.
    Schemes(attack::tried::Flags),
    /// Encode and link files with a truth column, and compare the counts with the truth.
    ///
    /// Runs the very code of a real round, locally, under a public key: do not give it data of real
    /// people that may not be read here.
    Evaluate(evaluate::command::Flags),
    /// Link many synthetic rounds and count how often the intervals hold the truth.
    ///
    /// Prints the figures of docs/linkage-model.md. Seeds from 1000 on served no tuning.
    Coverage(coverage::command::Flags),
    /// Estimate how many people no list knows, from capture histories, by every model side by side.
    ///
    /// The very code that a release's population report uses. Models differ by more than their
    /// intervals; cautions say what the data cannot carry.
    Estimate(estimate::command::Flags),
    /// Print the perturbation table of the cell-key method for a largest noise, a variance and the
    /// small counts that never occur.
    Ptable(ptable::Flags),
    /// Find the pairs of two files of CLKs that are alike, exactly as anonlink does.
    ///
    /// Reading and writing files is not counted in the seconds.
    Similar(similar::command::Flags),
    /// Write registrations of people who do not exist, as dirty as those of a Dutch region.
    ///
    /// Six CSV files with the truth in `person_id`, and truth.json; the same seed gives the same bytes.
    Synth(synth::command::Flags),
    /// Hash a file as clkhash 0.18.3 does, bit for bit, from its own linkage schema.
    Clkhash(clkhash::command::Flags),
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
    let outcome = match flags.command {
        Command::Attack(flags) => attack::command::run(flags),
        Command::Schemes(flags) => attack::tried::run(flags),
        Command::Evaluate(flags) => evaluate::command::run(flags),
        Command::Coverage(flags) => coverage::command::run(flags),
        Command::Estimate(flags) => estimate::command::run(flags),
        Command::Ptable(flags) => ptable::run(flags),
        Command::Similar(flags) => similar::command::run(flags),
        Command::Synth(flags) => synth::command::run(flags),
        Command::Clkhash(flags) => clkhash::command::run(flags),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "samenloop-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! The `samenloop-partner` command: arguments, words and exit codes over the library.

mod ceremony;
mod commands;
mod progress;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use samenloop_schema::{PartyId, RoundId, SubmissionId};

/// Pseudonymise your own registrations and submit them to a linkage round.
#[derive(Parser)]
#[command(name = "samenloop-partner", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The round's linkage key, which only the partners have.
    #[command(subcommand)]
    Key(KeyCommand),
    /// The round's linkage schema: which columns are used, and how.
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Check a CSV file and pseudonymise it into an extract.
    Encode(EncodeArguments),
    /// Send an extract; run it again after an interruption and it goes on where it stopped.
    Submit(SubmitArguments),
    /// Show the round's state and your own submissions.
    Status(ServiceArguments),
    /// Delete a submission of yours at the service.
    Withdraw(WithdrawArguments),
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Draw a new 256-bit key into a new file that only you can read.
    New {
        /// The file to write; it is never replaced.
        #[arg(long)]
        out: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Draw the key together with the other partners, by mail: make a share and seal it to them.
    #[command(subcommand)]
    Share(ShareCommand),
    /// Check the other partners' shares against their commitments and make the key of all of them.
    Combine(CombineArguments),
    /// Print the key check value, to compare with the other partners; with --config also announce
    /// it to the service.
    Check(KeyCheckArguments),
}

#[derive(Subcommand)]
enum ShareCommand {
    /// Draw a share into a new file that only you can read, and print the commitment that you mail to
    /// all other partners.
    New {
        /// Your organisation's name in the round: small letters, digits, - and _.
        #[arg(long)]
        name: PartyId,
        /// Label of the round, as in the schema.
        #[arg(long)]
        round: String,
        /// The file to write; it is never replaced.
        #[arg(long)]
        out: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Encrypt your share to each of the other partners, once you have all commitments. The file may be
    /// mailed to all of them.
    Seal {
        /// Your share.
        #[arg(long)]
        share: PathBuf,
        /// The commitments of all partners, your own too, one a line.
        #[arg(long)]
        commitments: PathBuf,
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct CombineArguments {
    /// Your share.
    #[arg(long)]
    share: PathBuf,
    /// The commitments of all partners, your own too, one a line.
    #[arg(long)]
    commitments: PathBuf,
    /// The sealed file of another partner; give one for each.
    #[arg(long, required = true)]
    sealed: Vec<PathBuf>,
    /// The key file to write; it is never replaced.
    #[arg(long)]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct KeyCheckArguments {
    /// The key file.
    #[arg(long)]
    key: PathBuf,
    /// The schema file.
    #[arg(long)]
    schema: PathBuf,
    /// Announce the value to the service that this file names.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The round, as 64 hexadecimal characters; otherwise the configuration's.
    #[arg(long, requires = "config")]
    round: Option<RoundId>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum SchemaCommand {
    /// Draft a schema from the headers and contents of CSV files.
    Init(InitArguments),
    /// Check a schema and print its hash; with a file also say what is weak about it.
    Check {
        /// The schema file.
        #[arg(long)]
        schema: PathBuf,
        /// A CSV file to measure it on.
        #[arg(long)]
        csv: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct InitArguments {
    /// A CSV file; give one per system whose headers differ.
    #[arg(long, required_unless_present = "clks")]
    csv: Vec<PathBuf>,
    /// A file of CLKs in clkhash's JSON: draft a schema that takes CLKs of their length. With --csv too,
    /// match keys, codes and months are drafted from it.
    #[arg(long)]
    clks: Option<PathBuf>,
    /// Label of the round: small letters, digits, - and _.
    #[arg(long, default_value = "round-1")]
    round: String,
    /// Take given names by their families in the match keys that allow it, so that Kees equals Cornelis.
    #[arg(long)]
    formal_names: bool,
    /// A file of further families of given names, one a line, the formal name first.
    #[arg(long, requires = "formal_names", value_name = "FILE")]
    same_names: Option<PathBuf>,
    /// Headers of columns that must not be used.
    #[arg(long)]
    exclude: Vec<String>,
    /// The schema file to write; without it the schema is printed.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, requires = "out")]
    json: bool,
}

#[derive(Args)]
struct EncodeArguments {
    /// The schema file.
    #[arg(long)]
    schema: PathBuf,
    /// The key file.
    #[arg(long)]
    key: PathBuf,
    /// The CSV file.
    #[arg(long, required_unless_present = "clks")]
    csv: Option<PathBuf>,
    /// CLKs that you have already, in clkhash's JSON, for a schema that takes them. They are diffused
    /// with the round's key and never leave as they are. With --csv too, match keys, codes and months are
    /// those of its rows, which must be those of the CLKs in the same order.
    #[arg(long, conflicts_with = "skip_bad_rows")]
    clks: Option<PathBuf>,
    /// The extract to write.
    #[arg(long)]
    out: PathBuf,
    /// Leave out rows that cannot be read, and list them.
    #[arg(long)]
    skip_bad_rows: bool,
    /// Replace an existing extract.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ServiceArguments {
    /// File that says how to reach the service.
    #[arg(long)]
    config: PathBuf,
    /// The round, as 64 hexadecimal characters; otherwise the configuration's.
    #[arg(long)]
    round: Option<RoundId>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct SubmitArguments {
    /// The extract.
    extract: PathBuf,
    #[command(flatten)]
    service: ServiceArguments,
}

#[derive(Args)]
struct WithdrawArguments {
    /// The submission, as 32 hexadecimal characters; otherwise your only one.
    #[arg(long)]
    submission: Option<SubmissionId>,
    #[command(flatten)]
    service: ServiceArguments,
}

/// Runs the command and says how it ended: 0 done, 1 failed with the reason on standard error, 2
/// wrong usage.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are asked for and go to standard output.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    match commands::run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use samenloop_wire::client::ClientConfig;

    use super::*;

    #[test]
    fn arguments_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_sample_configuration_is_one() {
        let sample: Result<ClientConfig, _> =
            toml::from_str(include_str!("../../../docs/samples/partner.toml"));
        assert!(sample.is_ok_and(|config| config.round.is_some()));
    }
}

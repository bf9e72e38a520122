//! `samenloop-lab synth`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{Plan, Population};

/// What the command takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// Number of different people.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    people: u64,
    /// The same seed gives the same files.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Directory for the files; made when it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many of the six sources: ggd, ggz, opvang, wmo, politie, corporatie.
    #[arg(long, value_name = "K", default_value_t = 6)]
    sources: usize,
    /// How often errors are made, in multiples of the rates of regio: 0 to 3.
    #[arg(long, value_name = "TIMES", default_value_t = 1.0)]
    noise: f64,
}

/// Writes the files and prints what is true of them.
pub fn run(flags: Flags) -> anyhow::Result<()> {
    let Flags { people, seed, sources, noise, .. } = flags;
    let plan = Plan { people, seed, sources, noise };
    let truth = Population::new(plan)?.write(&flags.out)?;
    let text = format!(
        "{} records of {} people in {} sources: {}\n",
        truth.records,
        truth.unique_people,
        truth.records_per_source.len(),
        flags.out.display()
    );
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")
}

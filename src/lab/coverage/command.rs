//! `samenloop-lab coverage`.

use std::io::Write as _;

use anyhow::Context as _;
use clap::Args;

use super::{Kind, Rounds, coverage};

/// What the command takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// Synthetic rounds; each takes some seconds.
    #[arg(long, value_name = "N", default_value_t = 50)]
    rounds: u32,
    /// Different people of each round.
    #[arg(long, value_name = "N", default_value_t = 2500)]
    people: u64,
    /// Seed of the first round; each next one has the next.
    #[arg(long, value_name = "S", default_value_t = 1000)]
    seed: u64,
    /// How often errors are made in the first round, in multiples of the rates of regio.
    #[arg(long, value_name = "TIMES", default_value_t = 0.6)]
    least_noise: f64,
    /// How often in the last; those between lie evenly between.
    #[arg(long, value_name = "TIMES", default_value_t = 1.4)]
    most_noise: f64,
    /// Posterior draws of each round; else as many as the service takes. The share of 100 draws that has a
    /// pair together errs by itself, so that whether probabilities are right shows with more.
    #[arg(long, value_name = "N")]
    draws: Option<u32>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Makes the rounds and prints.
pub fn run(flags: Flags) -> anyhow::Result<()> {
    let Flags { rounds: number, people, seed, draws, .. } = flags;
    let noise = (flags.least_noise, flags.most_noise);
    let rounds = Rounds { number, people, seed, noise, draws };
    let found = coverage(&rounds, |round, evaluation| {
        let unique = evaluation.unique;
        let _ = writeln!(
            std::io::stderr(),
            "round {} of {number}: {} people, estimated {:.0} ({:.0} to {:.0}), F1 {:.3}",
            round + 1,
            unique.truth,
            unique.estimate,
            unique.low,
            unique.high,
            evaluation.pairs.f1
        );
    })?;
    let text = if flags.json {
        serde_json::to_string_pretty(&found)? + "\n"
    } else {
        let line = |name: &str, kind: &Kind| {
            format!(
                "{name:10} {:5} of {:5} intervals hold the truth ({:.1} %)   off by {:+.2} % on average, {:.2} % \
                 root mean square   half width {:.2} %\n",
                kind.covered,
                kind.numbers,
                100.0 * kind.coverage(),
                100.0 * kind.bias,
                100.0 * kind.error,
                100.0 * kind.half_width
            )
        };
        let calibration = &found.calibration;
        let curve = calibration.curve.iter().map(|bin| {
            format!("   said {:.2}, true {:.2} of {}\n", bin.expected, bin.truth, bin.pairs)
        });
        format!(
            "{}{}{}F1 {:.3} on average; {} doubtful pairs, calibration error {:.3}\n{}",
            line("all people", &found.total),
            line("sources", &found.sources),
            line("overlaps", &found.overlaps),
            found.f1,
            calibration.doubtful,
            calibration.error,
            curve.collect::<String>()
        )
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")
}

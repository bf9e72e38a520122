//! `samenloop-lab attack`.

use std::io::Write as _;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::{Extent, attack, report};

/// What the command takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// Few targets and seconds instead of minutes; its rates are too coarse to judge by.
    #[arg(long)]
    small: bool,
    /// Whatever is drawn follows from it.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Attacks and prints; fails when a control does not break or the default does.
pub fn run(flags: Flags) -> anyhow::Result<()> {
    let extent = if flags.small { Extent::small() } else { Extent::full() };
    let extent = Extent { seed: flags.seed, ..extent };
    let told = |scheme: &str| {
        let _ = writeln!(std::io::stderr(), "attacking: {scheme}");
    };
    let report = attack(extent, &told)?;
    let text = if flags.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        report::table(&report)
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")?;
    let failed = report.gates.iter().filter(|gate| !gate.holds).count();
    ensure!(
        flags.small || failed == 0,
        "{failed} of {} gates do not hold; do not open a round with these encodings",
        report.gates.len()
    );
    Ok(())
}

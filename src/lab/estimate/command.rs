//! `samenloop-lab estimate`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Args;
use comfy_table::{Table, presets};
use samenloop_disclose::estimate::LinkageErrors;

use super::{Line, Report, Study, of_lists, of_register, study};

/// What the command takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// Capture histories: a column of 0 and 1 for each list and a last column "count"; or a person a
    /// row without a count; or "nbcap" (how often met), covariates and a count for one register.
    #[arg(long, value_name = "FILE.csv")]
    histories: PathBuf,
    /// Occasions on which one register could meet people, where that is known.
    #[arg(long, value_name = "T")]
    occasions: Option<usize>,
    /// Least share of links that linkage found, for the sensitivity band.
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    links_found: f64,
    /// Largest share of people falsely linked with another list, for the sensitivity band.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    links_false: f64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Estimates and prints.
pub fn run(flags: Flags) -> anyhow::Result<()> {
    let (found, falsely) = (flags.links_found, flags.links_false);
    ensure!(
        found > 0.0 && found <= 1.0 && falsely >= 0.0 && falsely < found,
        "--links-found must lie above 0 up to 1, --links-false from 0 to below it"
    );
    let report = match study(&flags.histories)? {
        Study::Lists { names, histories } => {
            let corners = [(1.0, 0.0), (found, 0.0), (1.0, falsely), (found, falsely)];
            let errors = corners.map(|(found, falsely)| LinkageErrors { found, falsely });
            of_lists(&names, &histories, &errors)
        }
        Study::Register { names, register } => of_register(&names, &register, flags.occasions),
    };
    let text =
        if flags.json { serde_json::to_string_pretty(&report)? + "\n" } else { render(&report) };
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")
}

fn render(report: &Report) -> String {
    let mut table = Table::new();
    let head = ["estimator", "people", "95 % interval", "over linkage errors", "terms"];
    table.load_style(presets::NOTHING).set_header(head);
    for line in &report.estimates {
        let Line { estimator, n, low, high, terms, linkage, .. } = line;
        let end = |end: &Option<f64>| end.map_or("∞".to_owned(), |end| format!("{end:.0}"));
        let interval = match (low, high) {
            (None, None) => "none".to_owned(),
            _ => format!("{} to {}", end(low), end(high)),
        };
        let band = linkage.map(|[low, high]| format!("{low:.0} to {high:.0}")).unwrap_or_default();
        let terms = terms.as_ref().map(|terms| terms.join(" ")).unwrap_or_default();
        table.add_row([estimator.clone(), format!("{n:.0}"), interval, band, terms]);
    }
    let mut text = format!("{:.0} people seen\n\n{table}\n", report.seen);
    for caution in &report.cautions {
        let _ = write!(text, "\nCaution: {caution}.\n");
    }
    text.push_str(
        "\nModels differ by more than their intervals; no single number is the population.\n",
    );
    text
}

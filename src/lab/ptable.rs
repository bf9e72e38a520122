//! `samenloop-lab ptable`: the perturbation table that a policy's noise comes from.

use std::io::Write as _;

use anyhow::Context as _;
use clap::Args;
use comfy_table::{Table, presets};
use samenloop_disclose::{NoiseShape, PerturbationTable};
use serde::Serialize;

/// What the command takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// Largest absolute noise.
    #[arg(long, value_name = "PEOPLE")]
    d: u32,
    /// Variance of the noise.
    #[arg(long, value_name = "PEOPLE²")]
    v: f64,
    /// Perturbed counts from 1 up to and including this never occur.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    js: u32,
    /// Least probability that a count stays as it is; or one for each true count from 1, with commas.
    #[arg(long, value_name = "SHARE", value_delimiter = ',')]
    pstay: Vec<f64>,
    /// Whether probabilities may not fall from the left up to no noise; or yes and no for each true
    /// count from 1, with commas.
    #[arg(
        long,
        value_name = "YES|NO",
        value_delimiter = ',',
        num_args = 0..=1,
        default_value = "true",
        default_missing_value = "true",
        value_parser = yes,
        action = clap::ArgAction::Append,
    )]
    mono: Vec<bool>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn yes(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "t" | "1" => Ok(true),
        "no" | "false" | "f" | "0" => Ok(false),
        _ => Err("write yes or no".to_owned()),
    }
}

/// One transition: true count, perturbed count, probability.
#[derive(Debug, Serialize)]
struct Row {
    i: u32,
    j: u32,
    p: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    table: Vec<Row>,
}

/// Makes the table and prints it.
pub fn run(flags: Flags) -> anyhow::Result<()> {
    let shape = NoiseShape {
        stay: flags.pstay,
        rising: flags.mono,
        ..NoiseShape::new(flags.d, flags.v, flags.js)
    };
    let table = PerturbationTable::new(&shape).context("there is no such table")?;
    let rows = table.transitions().map(|t| Row { i: t.from, j: t.to, p: t.probability });
    let report = Report { table: rows.collect() };
    let text = if flags.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        let mut grid = Table::new();
        grid.load_style(presets::NOTHING).set_header(["true", "perturbed", "probability"]);
        for Row { i, j, p } in &report.table {
            grid.add_row([i.to_string(), j.to_string(), format!("{p:.8}")]);
        }
        format!("{grid}\n\nThe last true count stands for every larger one too.\n")
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")
}

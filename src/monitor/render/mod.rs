//! Showing answers: for people, for programs, for spreadsheets, as a drawing. Nothing here prints.

mod csv;
mod draw;
mod html;
mod json;
mod lines;
mod matrix;
mod population;
mod quality;
mod table;
#[cfg(test)]
mod tests;
mod upset;

pub use csv::{csv, rounds_csv};
pub use draw::svg;
pub use html::html;
pub use json::{json, rounds_json};
pub use population::{
    population_csv, population_html, population_json, population_svg, population_table,
};
pub use quality::{quality_json, quality_table};
pub use table::{rounds_table, table};

use crate::report::{Measure, Report, Row};

/// Text from elsewhere without what could steer a terminal, on one line.
fn plain(text: &str) -> String {
    let words = text.split(char::is_whitespace).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).collect()
}

/// The rows for people: patterns of few sources first; the release has them by the sources' places.
fn ordered(report: &Report) -> Vec<&Row> {
    let mut rows: Vec<&Row> = report.rows.iter().collect();
    rows.sort_by_key(|row| if report.measure == Measure::Patterns { row.sources.len() } else { 0 });
    rows
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

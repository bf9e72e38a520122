//! For people: a table in words, with a legend for who never saw such a table.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::plain;
use crate::report::{Measure, Noise, Report, Row};
use crate::rounds::RoundLine;
use crate::words::{counted, listed, title};

/// The answer in words.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut text = title(report.measure).to_owned();
    let by: Vec<String> = report.by.iter().map(|name| plain(name)).collect();
    if !by.is_empty() {
        let _ = write!(text, ", by {}", listed(&by));
    }
    let filters: Vec<String> = report.filters.iter().map(|f| plain(&f.to_string())).collect();
    if !filters.is_empty() {
        let _ = write!(text, ", where {}", listed(&filters));
    }
    let _ = write!(
        text,
        "\nPurpose of the round: {}\nSources: {}\nRound {}\n\n",
        plain(&report.purpose),
        listed(&report.parties),
        report.round,
    );
    text.push_str(&body(report, &by));
    text.push_str("\n\n");
    text.push_str(&legend(report));
    text
}

fn body(report: &Report, by: &[String]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    let mut header = vec!["clients".to_owned()];
    header.extend(by.iter().cloned());
    header.extend(["number", "low", "high"].map(str::to_owned));
    table.set_header(header);
    let mut rows: Vec<&Row> = report.rows.iter().collect();
    // Patterns of few sources first; the release has them by the sources' places.
    rows.sort_by_key(|row| if report.measure == Measure::Patterns { row.sources.len() } else { 0 });
    for row in rows {
        let mut cells = vec![plain(&counted(report, row))];
        cells
            .extend(row.codes.iter().map(|code| code.as_deref().map_or("(unknown)".into(), plain)));
        cells.extend(match row.number {
            Some(number) => [number.count, number.low, number.high].map(|n| n.to_string()),
            None => [mark(report), String::new(), String::new()],
        });
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1 + by.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Whether the insider rule may withhold a number of this measure.
const fn under_insider_rule(measure: Measure) -> bool {
    !matches!(measure, Measure::Unique | Measure::Sources)
}

fn mark(report: &Report) -> String {
    let star = if under_insider_rule(report.measure) { "*" } else { "" };
    format!("<{}{star}", report.noise.threshold)
}

fn legend(report: &Report) -> String {
    let Noise { max_noise, variance, threshold, .. } = report.noise;
    let mut lines = vec![];
    if report.rows.iter().any(|row| row.number.is_none()) {
        let mark = mark(report);
        lines.push(if under_insider_rule(report.measure) {
            format!(
                "{mark}  Withheld: fewer than {threshold} clients, perhaps none, or so nearly all \
                 clients of one source that it would tell something about each of them."
            )
        } else {
            format!("{mark}  Withheld: fewer than {threshold} clients, perhaps none.")
        });
    }
    lines.push(format!(
        "Numbers are people, each counted once. Every number is deliberately off by at most \
         {max_noise}, typically by {:.0} or less, so that nobody can be singled out; rows therefore \
         need not add up.",
        variance.sqrt().ceil(),
    ));
    lines.push(
        "Low and high: how far the linkage's own doubts may move the number, 19 times out of 20. \
         The deliberate deviation comes on top, and so do people whom registrations show too \
         poorly to recognise: they are counted once too often."
            .to_owned(),
    );
    if report.measure == Measure::Sequence {
        lines.push(
            "At the same time: in contact with both in at least one month. Order unknown: a month \
             that would tell is missing."
                .to_owned(),
        );
    }
    if !report.by.is_empty() {
        lines.push(
            "(unknown): not filled in, or the sources that know the client say different things."
                .to_owned(),
        );
    }
    lines.join("\n")
}

/// The rounds in words.
#[must_use]
pub fn rounds_table(rounds: &[RoundLine]) -> String {
    if rounds.is_empty() {
        return "There are no rounds that this certificate may see.".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["round", "state", "sources", "purpose"]);
    for line in rounds {
        table.add_row([
            line.round.to_string(),
            line.state.to_string(),
            listed(&line.parties),
            plain(&line.purpose),
        ]);
    }
    table.to_string()
}

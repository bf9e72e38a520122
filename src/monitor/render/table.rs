//! For people: a table in words, with a legend for who never saw such a table.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::{ordered, percent, plain};
use crate::report::Report;
use crate::rounds::RoundLine;
use crate::words::{Language, counted, legend, listed, mark, title};

/// The question in words: what is counted, by which dimensions, under which conditions.
pub(super) fn heading(report: &Report, language: Language) -> String {
    let mut text = title(report, language);
    let by: Vec<String> = report.by.iter().map(|name| plain(name)).collect();
    if !by.is_empty() {
        let _ = write!(text, ", {} {}", language.of("by", "naar"), listed(&by, language));
    }
    let filters: Vec<String> = report.filters.iter().map(|f| plain(&f.to_string())).collect();
    if !filters.is_empty() {
        let _ = write!(text, ", {} {}", language.of("where", "waar"), listed(&filters, language));
    }
    text
}

/// The answer in words.
#[must_use]
pub fn table(report: &Report, language: Language) -> String {
    format!(
        "{}\n{}: {}\n{}: {}\n{} {}\n\n{}\n\n{}",
        heading(report, language),
        language.of("Purpose of the round", "Doel van de ronde"),
        plain(&report.purpose),
        language.of("Sources", "Bronnen"),
        listed(&report.parties, language),
        language.of("Round", "Ronde"),
        report.round,
        body(report, language),
        legend(report, language).join("\n"),
    )
}

fn body(report: &Report, language: Language) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    let shares = report.rows.iter().any(|row| row.share.is_some());
    let mut header = vec![language.of("clients", "cliënten").to_owned()];
    header.extend(report.by.iter().map(|name| plain(name)));
    let numbers = [("number", "aantal"), ("low", "laag"), ("high", "hoog"), ("share", "aandeel")];
    let numbers = &numbers[..if shares { 4 } else { 3 }];
    header.extend(numbers.iter().map(|(english, dutch)| language.of(english, dutch).to_owned()));
    table.set_header(header);
    let unknown = language.of("(unknown)", "(onbekend)");
    for row in ordered(report) {
        let mut cells = vec![plain(&counted(report, row, language))];
        cells.extend(row.codes.iter().map(|code| code.as_deref().map_or(unknown.into(), plain)));
        cells.extend(match row.number {
            Some(number) => [number.count, number.low, number.high].map(|n| n.to_string()),
            None => [mark(report, row), String::new(), String::new()],
        });
        if shares {
            cells.push(row.share.map_or_else(String::new, percent));
        }
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1 + report.by.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
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
            listed(&line.parties, Language::En),
            plain(&line.purpose),
        ]);
    }
    table.to_string()
}

//! A page for one answer: the drawing, the same numbers as a table, the explanation. Nothing is
//! loaded from anywhere.

use maud::{DOCTYPE, PreEscaped, html};

use super::draw::svg;
use super::table::heading;
use super::{ordered, percent, plain};
use crate::report::Report;
use crate::words::{Language, counted, legend, mark};

pub(super) const STYLE: &str = "body{font:16px/1.5 system-ui,'Segoe UI',Helvetica,Arial,sans-serif;\
color:#1b1b1b;max-width:60rem;margin:2rem auto;padding:0 1rem}svg{max-width:100%;height:auto}\
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .75rem;border-bottom:1px solid #ddd;\
text-align:left}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
caption{text-align:left;font-weight:bold}";

/// The answer as a self-contained page.
#[must_use]
pub fn html(report: &Report, language: Language) -> String {
    let heading = heading(report, language);
    let shares = report.rows.iter().any(|row| row.share.is_some());
    let unknown = language.of("(unknown)", "(onbekend)");
    let page = html! {
        (DOCTYPE)
        html lang=(language.of("en", "nl")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (heading) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (PreEscaped(svg(report, language)))
                table {
                    caption { (heading) }
                    thead { tr {
                        th { (language.of("clients", "cliënten")) }
                        @for name in &report.by { th { (plain(name)) } }
                        th.n { (language.of("number", "aantal")) }
                        th.n { (language.of("low", "laag")) }
                        th.n { (language.of("high", "hoog")) }
                        @if shares { th.n { (language.of("share", "aandeel")) } }
                    } }
                    tbody {
                        @for row in ordered(report) {
                            tr {
                                td { (plain(&counted(report, row, language))) }
                                @for code in &row.codes {
                                    td { (code.as_deref().map_or(unknown.to_owned(), plain)) }
                                }
                                @match row.number {
                                    Some(number) => {
                                        td.n { (number.count) }
                                        td.n { (number.low) }
                                        td.n { (number.high) }
                                    }
                                    None => { td.n { (mark(report, row)) } td {} td {} }
                                }
                                @if shares { td.n { (row.share.map_or_else(String::new, percent)) } }
                            }
                        }
                    }
                }
                @for line in legend(report, language) { p { (line) } }
                p { small { (language.of("Round", "Ronde")) " " (report.round) ", "
                    (language.of("release", "vrijgave")) " " (report.release) } }
            }
        }
    };
    page.into_string()
}

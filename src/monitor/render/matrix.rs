//! Overlap of every two sources as a heat map.

use maud::html;

use super::draw::{FAINT, GRID, INK, LINE, Piece, TEXT, WIDTH, at, largest, width_of, words};
use super::plain;
use crate::report::{Report, Row};
use crate::words::{Language, counted, mark};

pub(super) fn how_to_read(report: &Report, rows: &[&Row], language: Language) -> String {
    let told = language.of(
        "a square is how many people both organisations know: the one of its row and the one of its \
         column. Darker is more; the numbers in brackets are how far the linkage's doubts may move it.",
        "een vak is hoeveel mensen beide organisaties kennen: die van de rij en die van de kolom. \
         Donkerder is meer; de getallen tussen haken zijn hoe ver de twijfels van de koppeling het \
         kunnen verschuiven.",
    );
    let most = rows.iter().filter_map(|row| Some((row, row.number?)));
    most.max_by_key(|(_, number)| number.count).map_or_else(
        || told.to_owned(),
        |(row, number)| {
            let people = language.of("people are", "mensen zijn");
            let example = language.of("For instance", "Bijvoorbeeld");
            format!(
                "{told} {example}: {} {people} {}.",
                number.count,
                counted(report, row, language)
            )
        },
    )
}

/// From white to deep blue by the share of the largest number; dark squares get white text.
fn shade(share: f64) -> (String, &'static str) {
    let mix = |from: f64, to: f64| (from + (to - from) * share).round() as u8;
    let [red, green, blue] = [mix(238.0, 12.0), mix(243.0, 64.0), mix(250.0, 128.0)];
    (format!("#{red:02x}{green:02x}{blue:02x}"), if share > 0.5 { "#ffffff" } else { INK })
}

pub(super) fn panel(report: &Report, rows: &[&Row], _: Language) -> Piece {
    let names: Vec<String> = report.units.iter().map(|name| plain(name)).collect();
    let count = names.len();
    let left = names.iter().map(|name| width_of(name)).fold(40.0, f64::max) + 12.0;
    let side = ((WIDTH - 48.0 - left) / (count.max(2) - 1) as f64).clamp(40.0, 110.0);
    let tall = side.min(46.0);
    let most = largest(rows).max(1) as f64;
    let place = |name: &str| report.units.iter().position(|unit| unit == name);
    // The lower source of a pair is a column, the higher one a row: a staircase without repetition.
    let squares = rows.iter().filter_map(|row| match &row.sources[..] {
        [column, line] => Some((row, place(column)?, place(line)? - 1)),
        _ => None,
    });
    Piece {
        height: (count - 1) as f64 * tall + LINE + 8.0,
        body: html! {
            @for (row, column, line) in squares {
                @let x = left + column as f64 * side;
                @let y = line as f64 * tall;
                @let middle = x + side / 2.0 - 1.0;
                @if let Some(number) = row.number {
                    @let (fill, ink) = shade(number.count as f64 / most);
                    rect x=(at(x)) y=(at(y)) width=(at(side - 2.0)) height=(at(tall - 2.0)) fill=(fill) {}
                    (words(middle, y + tall / 2.0 + if number.low < number.high { -2.0 } else { 4.0 }, "middle", ink, &number.count.to_string()))
                    @if number.low < number.high {
                        text x=(at(middle)) y=(at(y + tall / 2.0 + 12.0)) text-anchor="middle" font-size="10" fill=(ink) {
                            "[" (number.low) "–" (number.high) "]"
                        }
                    }
                } @else {
                    rect x=(at(x)) y=(at(y)) width=(at(side - 2.0)) height=(at(tall - 2.0)) fill="#ffffff" stroke=(GRID) stroke-dasharray="3 3" {}
                    (words(middle, y + tall / 2.0 + 4.0, "middle", FAINT, &mark(report, row)))
                }
            }
            @for (place, name) in names.iter().enumerate() {
                @if place > 0 {
                    (words(left - 8.0, (place - 1) as f64 * tall + tall / 2.0 + 4.0, "end", INK, name))
                }
                @if place + 1 < count {
                    (words(left + place as f64 * side + side / 2.0 - 1.0, (count - 1) as f64 * tall + TEXT + 3.0, "middle", INK, name))
                }
            }
        },
    }
}

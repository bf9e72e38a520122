//! Patterns as an UpSet plot, one combination per line (Lex et al. 2014, "UpSet: Visualization of
//! Intersecting Sets").

use maud::html;

use super::draw::{
    FAINT, GRID, INK, LINE, Piece, TEXT, WIDTH, at, bar, ceiling, largest, width_of, words,
};
use crate::report::{Report, Row};
use crate::words::{Language, counted, mark};

/// Withheld combinations are drawn while there are no more combinations than this.
const MOST_LINES: usize = 31;
const COLUMN: f64 = 26.0;

/// The largest combination first; withheld ones last, if few enough to be drawn.
fn drawn<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let count = |row: &Row| row.number.map_or(0, |number| number.count);
    let mut drawn: Vec<&Row> = rows.to_vec();
    if drawn.len() > MOST_LINES {
        drawn.retain(|row| row.number.is_some());
    }
    drawn.sort_by_key(|row| std::cmp::Reverse(count(row)));
    drawn
}

pub(super) fn how_to_read(report: &Report, rows: &[&Row], language: Language) -> String {
    let told = language.of(
        "each line is one combination of organisations. A filled dot: this organisation knows these \
         people; an open dot: it does not. The bar is how many people have exactly that combination, \
         so everyone is in one line.",
        "elke regel is één combinatie van organisaties. Een dichte stip: deze organisatie kent deze \
         mensen; een open stip: zij kent hen niet. De balk is hoeveel mensen precies die combinatie \
         hebben, dus iedereen staat in één regel.",
    );
    let first = drawn(rows).into_iter().find_map(|row| Some((row, row.number?)));
    first.map_or_else(
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

pub(super) fn panel(report: &Report, rows: &[&Row], language: Language) -> Piece {
    let lines = drawn(rows);
    let names = &report.units;
    let head = names.iter().map(|name| width_of(name)).fold(0.0, f64::max) * 0.71 + 14.0;
    let column = |place: usize| 14.0 + place as f64 * COLUMN;
    let left = column(names.len()) + 10.0;
    let scale = (WIDTH - 48.0 - left - 190.0) / ceiling(largest(&lines));
    let hidden = rows.len() - lines.len();
    let note = format!(
        "{hidden} {} {}",
        language.of("further combinations are withheld:", "verdere combinaties zijn onderdrukt:"),
        rows.first().map_or_else(String::new, |row| mark(report, row))
    );
    Piece {
        height: head + lines.len() as f64 * LINE + if hidden > 0 { LINE } else { 0.0 },
        body: html! {
            @for (place, name) in names.iter().enumerate() {
                text transform=(format!("translate({:.1} {:.1}) rotate(-45)", column(place) + 4.0, head - 6.0)) fill=(INK) { (name) }
            }
            @for (line, row) in lines.iter().enumerate() {
                @let y = head + line as f64 * LINE;
                @let middle = y + LINE / 2.0;
                @let colour = if row.number.is_some() { INK } else { FAINT };
                @if line % 2 == 1 {
                    rect x="0" y=(at(y)) width=(at(left - 6.0)) height=(at(LINE)) fill="#f4f4f4" {}
                }
                @let known: Vec<usize> = (0..names.len()).filter(|place| row.sources.contains(&names[*place])).collect();
                @if let [first, .., last] = known[..] {
                    line x1=(at(column(first))) x2=(at(column(last))) y1=(at(middle)) y2=(at(middle)) stroke=(colour) stroke-width="2" {}
                }
                @for place in 0..names.len() {
                    @if known.contains(&place) {
                        circle cx=(at(column(place))) cy=(at(middle)) r="6" fill=(colour) {}
                    } @else {
                        circle cx=(at(column(place))) cy=(at(middle)) r="5" fill="#ffffff" stroke=(GRID) stroke-width="1.5" {}
                    }
                }
                (bar(report, row, left, y, scale))
            }
            @if hidden > 0 {
                (words(0.0, head + lines.len() as f64 * LINE + TEXT + 2.0, "start", FAINT, &note))
            }
        },
    }
}

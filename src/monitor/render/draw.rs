//! Drawings: the same numbers as the table, with a sentence that teaches how to read them.
//!
//! Self-contained SVG without scripts, fonts or links. Widths of text are estimated from its length.

use maud::{Markup, PreEscaped, html};

use super::table::heading;
use super::{lines, matrix, ordered, percent, plain, upset};
use crate::report::{Measure, Number, Report, Row};
use crate::words::{Language, counted, legend, listed, mark};

/// Width of every drawing, in SVG units.
pub(super) const WIDTH: f64 = 960.0;
/// Font size of everything but the title.
pub(super) const TEXT: f64 = 13.0;
pub(super) const LINE: f64 = 20.0;
const MARGIN: f64 = 24.0;
/// Categories that are drawn below each other; the rest is for the table.
const MOST_PANELS: usize = 12;

pub(super) const INK: &str = "#1b1b1b";
pub(super) const FAINT: &str = "#6b6b6b";
pub(super) const GRID: &str = "#dddddd";
pub(super) const BAR: &str = "#2a6fb0";

/// A piece of a drawing whose origin is its top left corner.
pub(super) struct Piece {
    pub height: f64,
    pub body: Markup,
}

/// Estimated width of text at the usual size.
pub(super) fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * TEXT * 0.56
}

/// One line of text that begins, ends or has its middle at `x`.
pub(super) fn words(x: f64, y: f64, anchor: &str, colour: &str, text: &str) -> Markup {
    html! { text x=(at(x)) y=(at(y)) text-anchor=(anchor) fill=(colour) { (text) } }
}

/// Coordinates with one decimal.
pub(super) fn at(number: f64) -> String {
    format!("{number:.1}")
}

/// A round number of people at or above the largest one.
pub(super) fn ceiling(largest: u64) -> f64 {
    let largest = largest.max(10) as f64;
    let step = 10_f64.powf(largest.log10().floor()) / 2.0;
    (largest / step).ceil() * step
}

/// A horizontal bar from `x` with its interval and its number; a withheld number is a mark.
pub(super) fn bar(report: &Report, row: &Row, x: f64, y: f64, scale: f64) -> Markup {
    let middle = y + LINE / 2.0;
    let base = middle + TEXT * 0.35;
    let Some(Number { count, low, high }) = row.number else {
        return words(x + 4.0, base, "start", FAINT, &mark(report, row));
    };
    let [end, low_end, high_end] = [count, low, high].map(|people| x + people as f64 * scale);
    let share = row.share.map_or_else(String::new, |share| format!("  ({})", percent(share)));
    let label = if low == high {
        format!("{count}{share}")
    } else {
        format!("{count}  [{low}–{high}]{share}")
    };
    html! {
        rect x=(at(x)) y=(at(y + 4.0)) width=(at(end - x)) height=(at(LINE - 8.0)) fill=(BAR) {}
        @if low < high {
            path d=(format!("M{low_end:.1} {middle:.1}H{high_end:.1}M{low_end:.1} {:.1}v6M{high_end:.1} {:.1}v6", middle - 3.0, middle - 3.0)) stroke=(INK) fill="none" {}
        }
        (words(end.max(high_end) + 6.0, base, "start", INK, &label))
    }
}

/// Rows as bars, each with its words before it.
fn bars(report: &Report, rows: &[&Row], language: Language) -> Piece {
    let names: Vec<String> =
        rows.iter().map(|row| plain(&counted(report, row, language))).collect();
    let left = names.iter().map(|name| width_of(name)).fold(60.0, f64::max).min(420.0) + 10.0;
    let scale = (WIDTH - 2.0 * MARGIN - left - 190.0) / ceiling(largest(rows));
    Piece {
        height: rows.len() as f64 * LINE,
        body: html! {
            @for (place, (row, name)) in rows.iter().zip(&names).enumerate() {
                @let y = place as f64 * LINE;
                (words(left - 8.0, y + LINE / 2.0 + TEXT * 0.35, "end", INK, name))
                (bar(report, row, left, y, scale))
            }
        },
    }
}

/// The largest number that must fit, intervals included.
pub(super) fn largest(rows: &[&Row]) -> u64 {
    rows.iter().filter_map(|row| row.number).map(|number| number.high).max().unwrap_or(0)
}

fn panel(report: &Report, rows: &[&Row], language: Language) -> Piece {
    match report.measure {
        Measure::Patterns => upset::panel(report, rows, language),
        Measure::Overlap => matrix::panel(report, rows, language),
        Measure::Trend => lines::panel(report, rows, language),
        Measure::Sequence if report.per.is_some() => lines::panel(report, rows, language),
        _ => bars(report, rows, language),
    }
}

/// How the drawing of this measure is read, for who never saw one.
pub(super) fn how_to_read(report: &Report, language: Language) -> String {
    let rows = ordered(report);
    let told = match report.measure {
        Measure::Patterns => upset::how_to_read(report, &rows, language),
        Measure::Overlap => matrix::how_to_read(report, &rows, language),
        Measure::Trend => lines::how_to_read(language),
        Measure::Sequence if report.per.is_some() => lines::how_to_read(language),
        _ => language
            .of(
                "each bar is a number of people, which stands behind it; the thin line over its end \
                 is how far the linkage's doubts may move it, from and to the numbers in brackets.",
                "elke balk is een aantal mensen, dat erachter staat; de dunne lijn over het eind is \
                 hoe ver de twijfels van de koppeling het kunnen verschuiven, van en tot de getallen \
                 tussen haken.",
            )
            .to_owned(),
    };
    format!("{}: {told}", language.of("How to read this", "Zo leest u dit"))
}

/// Text cut into lines that fit the drawing at a font size.
fn wrapped(text: &str, size: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        // Unwrap safety: there is always a line.
        let line = lines.last_mut().expect("a line");
        if !line.is_empty()
            && (width_of(line) + width_of(word)) * size / TEXT > WIDTH - 2.0 * MARGIN
        {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The rows of each combination of categories, with its name.
fn panels(report: &Report, language: Language) -> Vec<(String, Vec<&Row>)> {
    let mut panels: Vec<(&Vec<Option<String>>, Vec<&Row>)> = vec![];
    for row in ordered(report) {
        match panels.iter_mut().find(|(codes, _)| **codes == row.codes) {
            Some((_, rows)) => rows.push(row),
            None => panels.push((&row.codes, vec![row])),
        }
    }
    let name = |codes: &Vec<Option<String>>| {
        let unknown = language.of("(unknown)", "(onbekend)");
        let each = report.by.iter().zip(codes).map(|(name, code)| {
            format!("{} {}", plain(name), code.as_deref().map_or(unknown.to_owned(), plain))
        });
        each.collect::<Vec<_>>().join(", ")
    };
    panels.into_iter().map(|(codes, rows)| (name(codes), rows)).collect()
}

/// The answer as a drawing, of its own size, for a file or inside a page.
#[must_use]
pub fn svg(report: &Report, language: Language) -> String {
    let about = format!(
        "{} · {}: {}",
        plain(&report.purpose),
        language.of("Sources", "Bronnen"),
        listed(&report.parties, language)
    );
    let panels = panels(report, language).into_iter().map(|(name, rows)| {
        let Piece { height, body } = panel(report, &rows, language);
        (name, (height, body))
    });
    let mut notes = legend(report, language);
    notes.push(format!("{} {}", language.of("Round", "Ronde"), report.round));
    let how = how_to_read(report, language);
    page_of(&heading(report, language), &about, &how, panels.collect(), &notes, language)
}

/// A drawing of named panels, each with its height, below a heading and above notes.
pub(super) fn page_of(
    heading: &str,
    about: &str,
    how: &str,
    panels: Vec<(String, (f64, Markup))>,
    notes: &[String],
    language: Language,
) -> String {
    let mut y = MARGIN;
    let mut body = vec![];
    let mut paragraph = |y: &mut f64, text: &str, size: f64, colour: &str, bold: bool| {
        for line in wrapped(text, size) {
            *y += size * 1.45;
            body.push(html! {
                text x=(at(MARGIN)) y=(at(*y)) font-size=(at(size)) fill=(colour)
                    font-weight=(if bold { "bold" } else { "normal" }) { (line) }
            });
        }
    };
    paragraph(&mut y, heading, 18.0, INK, true);
    paragraph(&mut y, about, TEXT, FAINT, false);
    y += 6.0;
    paragraph(&mut y, how, TEXT, INK, false);
    y += LINE;
    let more = panels.len().saturating_sub(MOST_PANELS);
    let mut drawn = vec![];
    for (name, (height, piece)) in panels.into_iter().take(MOST_PANELS) {
        if !name.is_empty() {
            paragraph(&mut y, &name, TEXT + 1.0, INK, true);
            y += 8.0;
        }
        drawn.push(html! {
            g transform=(format!("translate({MARGIN:.1} {y:.1})")) { (piece) }
        });
        y += height + LINE;
    }
    if more > 0 {
        let told = language.of(
            "further categories are not drawn: choose one with --where, or ask for a table.",
            "verdere categorieën zijn niet getekend: kies er een met --where, of vraag een tabel.",
        );
        paragraph(&mut y, &format!("{more} {told}"), TEXT, INK, false);
    }
    for note in notes {
        paragraph(&mut y, note, TEXT - 1.0, FAINT, false);
    }
    let height = y + MARGIN;
    let drawing = html! {
        svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox=(format!("0 0 {WIDTH:.0} {height:.0}"))
            width=(format!("{WIDTH:.0}")) height=(format!("{height:.0}"))
            font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size=(at(TEXT)) {
            title { (heading) }
            desc { (how) }
            rect width="100%" height="100%" fill="#ffffff" {}
            @for piece in body.iter().chain(&drawn) { (piece) }
        }
    };
    let PreEscaped(drawing) = drawing;
    drawing
}

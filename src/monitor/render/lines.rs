//! Numbers over time as lines, one per kind of number.

use maud::{Markup, html};

use super::draw::{
    FAINT, GRID, INK, LINE, Piece, TEXT, WIDTH, at, ceiling, largest, width_of, words,
};
use super::plain;
use crate::report::{Period, Report, Row};
use crate::words::{Language, counted};

const HEIGHT: f64 = 300.0;
/// Distinct for the colour-blind (Okabe and Ito 2008).
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6b6b6b"];
const HORIZONTAL_LABELS: f64 = 12.0;

pub(super) fn how_to_read(language: Language) -> String {
    language
        .of(
            "each dot is the number of people in one period, and a line joins the periods that follow \
             each other. The thin upright line through a dot is how far the linkage's doubts may move \
             it. In the grey band numbers are too small to be shown: a hollow dot there is withheld, \
             and may be none.",
            "elke stip is het aantal mensen in één periode, en een lijn verbindt perioden die op elkaar \
             volgen. Het dunne streepje door een stip is hoe ver de twijfels van de koppeling het kunnen \
             verschuiven. In de grijze band zijn getallen te klein om te tonen: een open stip daar is \
             onderdrukt en kan ook nul zijn.",
        )
        .to_owned()
}

struct Series<'a> {
    name: String,
    rows: Vec<&'a Row>,
}

/// Rows that differ in their period only. Series of which nothing is shown are left out.
fn series<'a>(report: &Report, rows: &[&'a Row], language: Language) -> (Vec<Series<'a>>, usize) {
    let mut all: Vec<Series<'_>> = vec![];
    for row in rows {
        let whole = Row { period: None, ..(*row).clone() };
        let name = plain(&counted(report, &whole, language));
        match all.iter_mut().find(|series| series.name == name) {
            Some(series) => series.rows.push(row),
            None => all.push(Series { name, rows: vec![row] }),
        }
    }
    let before = all.len();
    all.retain(|series| series.rows.iter().any(|row| row.number.is_some()));
    all.sort_by_key(|series| std::cmp::Reverse(largest(&series.rows)));
    all.truncate(COLOURS.len());
    let left_out = before - all.len();
    (all, left_out)
}

pub(super) fn panel(report: &Report, rows: &[&Row], language: Language) -> Piece {
    let (all, left_out) = series(report, rows, language);
    let mut periods: Vec<Period> = rows.iter().filter_map(|row| row.period).collect();
    periods.sort_by_key(|period| period.first);
    periods.dedup();
    let top = ceiling(largest(rows));
    let left = width_of(&format!("{top:.0}")) + 10.0;
    let names = all.iter().map(|series| width_of(&series.name)).fold(80.0, f64::max).min(320.0);
    let right = WIDTH - 48.0 - names - 14.0;
    let step = (right - left) / periods.len().max(1) as f64;
    let x = |place: usize| left + (place as f64 + 0.5) * step;
    let y = |people: f64| HEIGHT - people / top * HEIGHT;
    let hidden = format!(
        "{left_out} {}",
        language.of(
            "further lines are not drawn, because they are withheld in every period or for lack of room.",
            "verdere lijnen zijn niet getekend, omdat ze in elke periode onderdrukt zijn of uit plaatsgebrek."
        )
    );
    let every = (periods.len() as f64 / HORIZONTAL_LABELS).ceil().max(1.0) as usize;
    let threshold = f64::from(report.noise.joint.threshold);
    Piece {
        height: HEIGHT + LINE * if left_out > 0 { 2.2 } else { 1.4 },
        body: html! {
            rect x=(at(left)) y=(at(y(threshold.min(top)))) width=(at(right - left)) height=(at(HEIGHT - y(threshold.min(top)))) fill="#eeeeee" {}
            @for tick in 0..=4 {
                @let people = top * f64::from(tick) / 4.0;
                line x1=(at(left)) x2=(at(right)) y1=(at(y(people))) y2=(at(y(people))) stroke=(GRID) {}
                (words(left - 6.0, y(people) + 4.0, "end", FAINT, &format!("{people:.0}")))
            }
            @for (place, period) in periods.iter().enumerate().step_by(every) {
                (words(x(place), HEIGHT + TEXT + 5.0, "middle", FAINT, &period.to_string()))
            }
            @for (series, colour) in all.iter().zip(COLOURS) {
                @let points: Vec<(f64, &Row)> = series.rows.iter().filter_map(|row| {
                    Some((x(periods.iter().position(|p| Some(*p) == row.period)?), *row))
                }).collect();
                (curve(&points, colour, &y))
            }
            @for ((series, colour), label) in all.iter().zip(COLOURS).zip(labels(&all, &y)) {
                (words(right + 10.0, label + 4.0, "start", colour, &series.name))
            }
            @if left_out > 0 {
                (words(left, HEIGHT + LINE + TEXT + 5.0, "start", INK, &hidden))
            }
        },
    }
}

fn curve(points: &[(f64, &Row)], colour: &str, y: &impl Fn(f64) -> f64) -> Markup {
    let mut path = String::new();
    let mut pen = 'M';
    for (x, row) in points {
        match row.number {
            Some(number) => {
                path.push_str(&format!("{pen}{x:.1} {:.1}", y(number.count as f64)));
                pen = 'L';
            }
            None => pen = 'M',
        }
    }
    html! {
        path d=(path) stroke=(colour) stroke-width="2" fill="none" {}
        @for (x, row) in points {
            @if let Some(number) = row.number {
                @if number.low < number.high {
                    line x1=(at(*x)) x2=(at(*x)) y1=(at(y(number.low as f64))) y2=(at(y(number.high as f64))) stroke=(colour) {}
                }
                circle cx=(at(*x)) cy=(at(y(number.count as f64))) r="3.5" fill=(colour) {}
            } @else {
                circle cx=(at(*x)) cy=(at(y(0.0) - 5.0)) r="3" fill="#ffffff" stroke=(colour) {}
            }
        }
    }
}

/// Heights of the lines' names: at the last shown number, pushed apart.
fn labels(all: &[Series<'_>], y: &impl Fn(f64) -> f64) -> Vec<f64> {
    let last = |series: &Series<'_>| {
        let number = series.rows.iter().rev().find_map(|row| row.number);
        y(number.map_or(0.0, |number| number.count as f64))
    };
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| last(&all[*a]).total_cmp(&last(&all[*b])));
    let mut heights = vec![0.0; all.len()];
    let mut least = 0.0_f64;
    for place in order {
        heights[place] = last(&all[place]).max(least);
        least = heights[place] + TEXT + 3.0;
    }
    heights
}

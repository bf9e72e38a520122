//! Gates, and the report for people to read.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::{Gate, Outcome, Report};

/// What must hold for a scheme that partners use.
pub(super) fn limits(attacks: &[Outcome], scheme: &str) -> Vec<Gate> {
    let of = |attack: &'static str, bound: f64, pick: &dyn Fn(&Outcome) -> bool, words: &str| {
        let mut worst: Option<&Outcome> = None;
        for outcome in
            attacks.iter().filter(|o| o.scheme == scheme && o.attack == attack && pick(o))
        {
            if worst.is_none_or(|worst| outcome.upper95 > worst.upper95) {
                worst = Some(outcome);
            }
        }
        let rate = worst.map_or(f64::NAN, |worst| worst.upper95);
        let view = worst.map_or("nothing", |worst| worst.view.as_str());
        let rule = format!(
            "{scheme}: {words} recognises at most {:.0} % (upper bound {:.2} %, by {view})",
            100.0 * bound,
            100.0 * rate
        );
        Gate { rule, holds: rate <= bound }
    };
    vec![
        of("A2 graph", 0.01, &|o| o.overlap == 1.0, "A2 at overlap 1"),
        of("A2 graph", 0.01, &|o| o.overlap == 0.5, "A2 at overlap 0.5"),
        of("A3 fingerprint", 0.01, &|o| o.known_pairs == 200, "A3 with 200 pairs"),
        of("A4 learner", 0.01, &|o| o.known_pairs == 500, "A4 with 500 pairs"),
        of("A4 learner", 0.05, &|o| o.known_pairs == 5000, "A4 with 5,000 pairs"),
        of("A6 codebook, attributes", 0.01, &|_| true, "A6"),
    ]
}

/// That the harness breaks what is known to break, and that the default withstands.
pub(super) fn gates(attacks: &[Outcome]) -> Vec<Gate> {
    let best = |scheme: &str, attack: &str| {
        let rates = attacks.iter().filter(|o| o.scheme == scheme && o.attack == attack);
        rates.fold(None, |best: Option<&Outcome>, o| match best {
            Some(best) if best.rate >= o.rate => Some(best),
            _ => Some(o),
        })
    };
    let broken = |scheme: &str, attack: &str, least: f64| {
        let best = best(scheme, attack);
        let rate = best.map_or(0.0, |best| best.rate);
        let rule = format!(
            "control: {attack} breaks {scheme}: {:.2} %, at least {:.1} %",
            100.0 * rate,
            100.0 * least
        );
        Gate { rule, holds: rate >= least }
    };
    let mut gates = vec![
        broken("default", "A0 leaked key", 0.99),
        broken("plain CLK", "A2 graph", 0.99),
        broken("plain CLK", "A3 fingerprint", 0.99),
        broken("plain CLK", "A4 learner", 0.99),
        broken("diffused t = 2", "A2 graph", 0.5),
        broken("diffused t = 2", "A4 learner", 0.99),
        broken("given-name match key", "A1 frequency", 0.2),
        broken("birth date and sex", "A6 codebook, attributes", 0.01),
    ];
    gates.extend(limits(attacks, "default"));
    gates
}

/// The report as text.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "scheme", "attack", "view", "overlap", "known", "targets", "hits", "rate %", "95 %",
        "chance %",
    ]);
    let percent = |share: f64| format!("{:.2}", 100.0 * share);
    for o in &report.attacks {
        table.add_row([
            o.scheme.clone(),
            o.attack.to_owned(),
            o.view.clone(),
            o.overlap.to_string(),
            o.known_pairs.to_string(),
            o.targets.to_string(),
            o.hits.to_string(),
            percent(o.rate),
            format!("{} – {}", percent(o.lower95), percent(o.upper95)),
            percent(o.chance),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = format!("{table}\n\n");
    for quality in &report.linkage {
        let _ = writeln!(
            text,
            "linkage of the same people  {:24} F1 {:.4}   {} bytes a record",
            quality.scheme, quality.f1, quality.bytes
        );
    }
    let told: Vec<String> =
        report.codebook.iter().map(|(name, people)| format!("{name} {people}")).collect();
    let _ =
        writeln!(text, "\nA6, people disclosed by each part of the default: {}\n", told.join(", "));
    for gate in &report.gates {
        let _ = writeln!(text, "{} {}", if gate.holds { "holds " } else { "FAILS " }, gate.rule);
    }
    let _ = writeln!(text, "\n{:.0} seconds", report.seconds);
    text
}

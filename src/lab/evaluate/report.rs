//! An evaluation for people to read.

use std::fmt::Write as _;

use comfy_table::{Table, presets};

use super::Evaluation;

fn grid<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    rows.for_each(|row| {
        table.add_row(row);
    });
    table.to_string()
}

/// Patterns beyond the most frequent are left to the JSON.
const PATTERNS: usize = 20;

/// The evaluation as text.
#[must_use]
pub fn table(evaluation: &Evaluation) -> String {
    let Evaluation { records, unlinkable, unique, pairs, seconds, .. } = evaluation;
    let mut text = String::new();
    let off = 100.0 * (unique.estimate / unique.truth as f64 - 1.0);
    let _ = write!(
        text,
        "{records} records in {} sources, {unlinkable} of them with too little to link\n\
         people   true {}   estimated {:.0}   ({off:+.1} %; 95 % {:.0} to {:.0})\n\
         pairs    true {}   linked {}   precision {:.4}   recall {:.4}   F1 {:.4}\n\
         blocks   about {:.2} % of the pairs of one person are in none\n\
         believed without the truth          precision {:.4}   recall {:.4}   F1 {:.4}\n\
         doubt    {} pairs with a probability of .05 to .95; it is off by {:.3} on average\n",
        evaluation.sources.len(),
        unique.truth,
        unique.estimate,
        unique.low,
        unique.high,
        pairs.truth,
        pairs.linked,
        pairs.precision,
        pairs.recall,
        pairs.f1,
        100.0 * evaluation.missed,
        evaluation.believed.precision,
        evaluation.believed.recall,
        evaluation.believed.f1,
        evaluation.calibration.doubtful,
        evaluation.calibration.error,
    );
    let compared = |(name, n): (&String, &super::Compared)| {
        [name.clone(), n.truth.to_string(), format!("{:.1}", n.estimated)]
    };
    let head = ["known to just", "true", "estimated"];
    let known = evaluation.sources_and_overlaps.iter().map(|(name, n)| {
        let interval = format!("{:.0} to {:.0}", n.low, n.high);
        [name.clone(), n.truth.to_string(), format!("{:.0}", n.count), interval]
    });
    let _ = write!(text, "\n{}\n", grid(["known to", "true", "counted", "95 %"], known));
    let stacking = evaluation.sources_per_person.iter();
    let _ = write!(text, "\n{}\n", grid(["sources", "true", "estimated"], stacking.map(compared)));
    let mut patterns: Vec<_> = evaluation.patterns.iter().collect();
    patterns.sort_by(|a, b| b.1.truth.cmp(&a.1.truth).then(a.0.cmp(b.0)));
    let shown = patterns.iter().copied().take(PATTERNS);
    let _ = write!(text, "\n{}\n", grid(head, shown.map(compared)));
    if patterns.len() > PATTERNS {
        let _ = writeln!(text, "and {} more, see --json", patterns.len() - PATTERNS);
    }
    let points = evaluation.thresholds.iter().map(|point| {
        let scores =
            |of: &super::Scores| [of.precision, of.recall, of.f1].map(|s| format!("{s:.3}"));
        let [own, truth] = [scores(&point.estimated), scores(&point.truth)];
        let [precision, recall, f1] = own;
        let [true_precision, true_recall, true_f1] = truth;
        let at = format!("{:.2}", point.at);
        [at, point.pairs.to_string(), precision, recall, f1, true_precision, true_recall, true_f1]
    });
    let head = ["together in", "pairs", "precision", "recall", "F1", "true", "true", "true"];
    let _ = write!(text, "\n{}\n", grid(head, points));
    if !evaluation.clusterings.is_empty() {
        let head = ["clusters by", "clusters", "precision", "recall", "F1"];
        let rows = evaluation.clusterings.iter().map(|own| {
            let [precision, recall, f1] =
                [own.pairs.precision, own.pairs.recall, own.pairs.f1].map(|s| format!("{s:.4}"));
            [own.method.clone(), own.clusters.to_string(), precision, recall, f1]
        });
        let _ = write!(text, "\n{}\n", grid(head, rows));
    }
    let quality = &evaluation.quality;
    for (name, told) in [("precision", quality.precision), ("recall", quality.recall)] {
        let _ = writeln!(
            text,
            "quality report: {name} of clients {:.3}, true {:.3}",
            told.estimated, told.truth
        );
    }
    let rows = quality.clients.iter().flat_map(|(list, clients)| {
        let row = |(code, own): (&String, &super::Clients)| {
            [list.clone(), code.clone(), own.clients.to_string(), own.mixed.to_string()]
        };
        clients.iter().map(row).collect::<Vec<_>>()
    });
    let head = ["clients by", "", "clients", "of several people"];
    let _ = write!(text, "\n{}\n", grid(head, rows));
    if !evaluation.sequence.is_empty() {
        let head = ["first", "second", "simultaneous", "first then", "then first", "unknown"];
        let rows = evaluation.sequence.iter().map(|pair| {
            let n = |number: f64| format!("{number:.1}");
            [
                pair.a.clone(),
                pair.b.clone(),
                n(pair.simultaneous),
                n(pair.first_then),
                n(pair.then_first),
                n(pair.unknown),
            ]
        });
        let _ = write!(text, "\n{}\n", grid(head, rows));
    }
    let stages = seconds.iter().map(|(stage, seconds)| format!("{stage} {seconds:.1} s"));
    let _ = writeln!(
        text,
        "\n{}   peak {} MiB",
        stages.collect::<Vec<_>>().join("   "),
        evaluation.peak_bytes >> 20
    );
    text
}

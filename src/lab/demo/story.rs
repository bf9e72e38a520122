//! The round's outcome for people to read.

use std::fmt::Write as _;

use comfy_table::{Table, presets};
use samenloop_monitor::{Language, Measure};

use super::round::Outcome;

/// The whole outcome as text.
pub(super) fn tell(outcome: &Outcome) -> String {
    let mut text = String::new();
    let shown = outcome.released.iter().filter(|report| report.measure == Measure::Overlap);
    for report in shown {
        let _ = writeln!(
            text,
            "\n{}",
            samenloop_monitor::render::table(report, Language::En).trim_end()
        );
    }
    let _ = write!(text, "\n{}{}", beside_the_truth(outcome), audit(outcome));
    let _ = writeln!(text, "\nDone in {:.0} s; nothing is left behind.", outcome.seconds);
    text
}

/// What only synthetic data can show: the truth beside what left the service.
fn beside_the_truth(outcome: &Outcome) -> String {
    let evaluation = &outcome.evaluation;
    let shown = |number: Option<u64>| number.map_or("withheld".to_owned(), |n| n.to_string());
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["people", "true", "linked", "released"]);
    let unique = &evaluation.unique;
    table.add_row([
        "in all sources together".to_owned(),
        unique.truth.to_string(),
        format!("{:.0} ({:.0} to {:.0})", unique.estimate, unique.low, unique.high),
        shown(outcome.number(Measure::Unique, |_| true)),
    ]);
    for (sources, n) in &evaluation.sources_per_person {
        let released = outcome.number(Measure::Stacking, |row| {
            row.source_count.is_some_and(|count| count.to_string() == *sources)
        });
        table.add_row([
            format!("known to exactly {sources}"),
            n.truth.to_string(),
            format!("{:.0}", n.estimated),
            shown(released),
        ]);
    }
    for (pattern, n) in &evaluation.patterns {
        let released = outcome.number(Measure::Patterns, |row| row.sources.join("+") == *pattern);
        table.add_row([
            format!("only {}", pattern.replace('+', ", ")),
            n.truth.to_string(),
            format!("{:.0}", n.estimated),
            shown(released),
        ]);
    }
    let records: u64 = outcome.encoded.iter().map(|report| report.quality.records).sum();
    format!(
        "What was true (known because the sample is invented), what linkage expects, what was \
         released\nfrom {records} submitted records:\n\n{table}\n"
    )
}

fn audit(outcome: &Outcome) -> String {
    let (ledger, store) = (&outcome.verification, &outcome.inspection);
    let mut text = format!(
        "\nThe audit {}.\n\
         - ledger: {} entries recomputed, {} inclusion proofs, {} findings\n\
         - store: {} bytes explained, {} unexplained, {} findings\n\
         - identities of the partners' files searched in store and rows: {}; found: {} (a planted one {} found)\n",
        if outcome.passed() { "passed" } else { "FAILED" },
        ledger.entries,
        ledger.inclusion_proofs,
        ledger.findings.len(),
        store.bytes.explained(),
        store.bytes.unexplained,
        store.findings.len(),
        store.markers,
        store.hits.values().sum::<u64>(),
        if store.control_found { "was" } else { "was NOT" },
    );
    for finding in ledger.findings.iter().chain(&store.findings) {
        let _ = writeln!(text, "  ! {finding}");
    }
    text
}

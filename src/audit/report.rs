//! One page for who signs: what was checked, how, what was found, what cannot be proven.

use std::fmt;

use maud::{DOCTYPE, PreEscaped, html};
use serde::Serialize;
use serde_json::Value;

use crate::verify::Verification;

/// What no audit of this kind can show.
pub const LIMITS: &[&str] = &[
    "The ledger proves what the service recorded, not that its operator made no copy.",
    "That two readers are shown the same ledger is known only once they compare checkpoints.",
    "That partners gave true and complete registrations is not checked here.",
    "That the program which ran is the one published rests on the digest that it states itself.",
];

/// The page.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether nothing was found.
    pub passed: bool,
    /// When it was made, seconds since 1970.
    pub at: u64,
    /// What was checked and how, a sentence each.
    pub checked: Vec<String>,
    /// What the ledger holds and what was found.
    pub verification: Verification,
    /// What an inspection of the store found, as `inspect --json` wrote it; none if there was none.
    pub inspection: Option<Value>,
    /// What cannot be proven.
    pub limits: &'static [&'static str],
}

impl Report {
    /// The page of a verification, and of an inspection as `inspect --json` wrote it.
    #[must_use]
    pub fn new(verification: Verification, inspection: Option<Value>, at: u64) -> Self {
        let mut checked = vec![];
        if let Some(head) = &verification.checkpoint {
            checked.push(format!(
                "The checkpoint of ledger {} with {} entries and root {}: its Ed25519 signature, by \
                 the key given to the auditor.",
                verification.ledger, head.size, head.root
            ));
            checked.push(format!(
                "{} entries: the bytes of each hash to its leaf, and the leaves to the root \
                 (RFC 6962), computed by the auditor's own program.",
                verification.entries
            ));
            checked.push(
                "The life of each round: that steps stand in a legal order, submissions are whole, \
                 frozen inputs are the sealed submissions, and releases stay inside their policy."
                    .to_owned(),
            );
        }
        if verification.inclusion_proofs > 0 {
            checked.push(format!(
                "{} inclusion proofs of the service (RFC 9162).",
                verification.inclusion_proofs
            ));
        }
        if let Some(size) = verification.consistent_from {
            checked.push(format!(
                "That the ledger still begins with the {size} entries that the auditor saw before."
            ));
        }
        if verification.compared > 0 {
            checked.push(format!(
                "That {} other readers were shown the same ledger.",
                verification.compared
            ));
        }
        if !verification.cosignatures.is_empty() {
            checked.push(
                "The cosignatures that each release rests on: by witnesses of its manifest, over \
                 checkpoints of this ledger from after the linkage (C2SP tlog-cosignature)."
                    .to_owned(),
            );
        }
        checked.extend(inspection.as_ref().map(inspected));
        let found_there = inspection.as_ref().is_none_or(clean);
        let passed = verification.passed() && found_there;
        Self { passed, at, checked, verification, inspection, limits: LIMITS }
    }

    /// Headings and their lines, in the order of the page.
    fn sections(&self) -> [(&'static str, Vec<String>); 5] {
        let Verification { kinds, rounds, cosignatures, findings, .. } = &self.verification;
        let rounds = rounds.iter().map(|(id, state)| match cosignatures.get(id) {
            Some(count) => format!("{id}: {state}, cosigned by {count} witnesses"),
            None => format!("{id}: {state}"),
        });
        let mut found: Vec<String> = findings.iter().map(ToString::to_string).collect();
        found.extend(self.inspection.iter().flat_map(findings_of));
        if found.is_empty() {
            found.push(match self.passed {
                true => "Nothing.".to_owned(),
                false => "The inspection's control was not found: it proves nothing.".to_owned(),
            });
        }
        [
            ("What was checked", self.checked.clone()),
            (
                "What the ledger holds",
                kinds.iter().map(|(kind, count)| format!("{kind}: {count}")).collect(),
            ),
            ("Rounds", rounds.collect()),
            ("What was found", found),
            ("What cannot be proven", self.limits.iter().map(ToString::to_string).collect()),
        ]
    }

    /// One page for a browser or a printer, to be signed. It loads nothing.
    #[must_use]
    pub fn to_html(&self) -> String {
        let outcome =
            if self.passed { "Nothing was found." } else { "Something was found: see below." };
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    title { "Audit of the ledger " (self.verification.ledger) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    h1 { "Audit of the ledger " (self.verification.ledger) }
                    p { strong { (outcome) } " Made on " (date(self.at)) " (UTC) by samenloop-audit "
                        (env!("CARGO_PKG_VERSION")) "." }
                    @for (heading, lines) in self.sections() {
                        h2 { (heading) }
                        ul { @for line in lines { li { (line) } } }
                    }
                    h2 { "Signed" }
                    table {
                        @for field in ["Name", "Function and organisation", "Place and date", "Signature"] {
                            tr { th { (field) } td {} }
                        }
                    }
                }
            }
        }
        .into_string()
    }
}

const STYLE: &str = "@page{size:A4;margin:15mm}body{font:10pt/1.35 sans-serif;max-width:48em;\
    margin:auto}h1{font-size:15pt}h2{font-size:11pt;margin:.8em 0 .2em}ul{margin:0;padding-left:1.2em}\
    li{overflow-wrap:anywhere}table{width:100%;border-collapse:collapse}th{text-align:left;width:30%;\
    font-weight:normal}th,td{border-bottom:1px solid #888;height:2em}";

/// What an inspection looked at, in a sentence.
fn inspected(inspection: &Value) -> String {
    let number = |at: &str| inspection.pointer(at).and_then(Value::as_u64).unwrap_or_default();
    let rows = match inspection.pointer("/unsealed/rows").and_then(Value::as_u64) {
        Some(rows) => format!("{rows} rows, unsealed, that match the ledger's digests"),
        None => "rows sealed".to_owned(),
    };
    format!(
        "The store: {} bytes that no rule explains, {} free or superseded bytes searched, {rows}, {} \
         known identities searched for; a control that was planted on the same path was {}.",
        number("/bytes/unexplained"),
        number("/pages/superseded"),
        number("/markers"),
        if inspection["control_found"] == true { "found" } else { "NOT FOUND" },
    )
}

fn clean(inspection: &Value) -> bool {
    let none = inspection["findings"].as_array().is_some_and(Vec::is_empty);
    none && inspection["control_found"] == true
}

fn findings_of(inspection: &Value) -> Vec<String> {
    let all = inspection["findings"].as_array().into_iter().flatten();
    all.map(|finding| {
        let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        format!("store, {}: {} ({})", finding["place"], text("rule"), text("evidence"))
    })
    .collect()
}

/// A day of the Gregorian calendar, `YYYY-MM-DD` (Howard Hinnant, chrono-compatible low-level date
/// algorithms, `civil_from_days`).
fn date(at: u64) -> String {
    let days = (at / 86_400) as i64 + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "AUDIT OF THE LEDGER {}, {}\n", self.verification.ledger, date(self.at))?;
        for (heading, lines) in self.sections() {
            writeln!(f, "{heading}")?;
            lines.iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::samples::{signed, story, verifier};
    use crate::verify::{Bundle, bundle};

    fn page(bundled: &Bundle) -> (bool, String) {
        let report = Report::new(bundle(bundled, &verifier(), None), None, 1_764_000_000);
        (report.passed, report.to_string())
    }

    #[test]
    fn the_page_says_what_was_checked_and_names_what_was_found() {
        let mut bundled = signed(story());
        let (passed, text) = page(&bundled);
        assert!(passed && text.contains("- Nothing.") && text.contains(LIMITS[0]));
        assert!(text.contains("2025-11-24"));
        assert!(text.contains("- batch_accepted: 10") && text.contains(": closed"));
        bundled.entries[3].leaf.0[0] ^= 1;
        let (passed, text) = page(&bundled);
        assert!(!passed && text.contains("entry 3 (key_announced): an entry hashes to its leaf"));
    }

    #[test]
    fn the_page_to_sign_loads_nothing_and_says_what_the_inspection_found() {
        let page = |inspection: Value| {
            let verification = bundle(&signed(story()), &verifier(), None);
            let report = Report::new(verification, Some(inspection), 0);
            (report.passed, report.to_html())
        };
        let mut inspection = serde_json::json!({
            "bytes": {"unexplained": 0}, "pages": {"superseded": 4096}, "markers": 3,
            "unsealed": {"rows": 700}, "control_found": true, "findings": []
        });
        let (passed, html) = page(inspection.clone());
        assert!(passed && html.contains("700 rows") && html.contains("1970-01-01"));
        assert!(html.contains("Signature") && !html.contains("http") && !html.contains("<script"));
        inspection["control_found"] = false.into();
        assert!(!page(inspection.clone()).0);
        inspection["control_found"] = true.into();
        let finding = serde_json::json!({
            "place": {"file": {"name": "<core>"}}, "rule": "no known identity", "evidence": "1 times"
        });
        inspection["findings"] = serde_json::json!([finding]);
        let (passed, html) = page(inspection);
        assert!(!passed && html.contains("no known identity") && !html.contains("<core>"));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (at, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(at), day);
        }
    }
}

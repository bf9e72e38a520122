//! One page for who signs: what was checked, how, what was found, what cannot be proven.

use std::fmt;

use serde::Serialize;

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
    /// What was checked and how, a sentence each.
    pub checked: Vec<String>,
    /// What the ledger holds and what was found.
    pub verification: Verification,
    /// What cannot be proven.
    pub limits: &'static [&'static str],
}

impl Report {
    /// The page of a verification.
    #[must_use]
    pub fn new(verification: Verification) -> Self {
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
        Self { passed: verification.passed(), checked, verification, limits: LIMITS }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "AUDIT OF THE LEDGER {}\n", self.verification.ledger)?;
        let list = |f: &mut fmt::Formatter<'_>, heading: &str, lines: &[String]| {
            writeln!(f, "{heading}")?;
            lines.iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
            writeln!(f)
        };
        list(f, "What was checked", &self.checked)?;
        let kinds = self.verification.kinds.iter().map(|(kind, count)| format!("{kind}: {count}"));
        list(f, "What the ledger holds", &kinds.collect::<Vec<_>>())?;
        let rounds = self.verification.rounds.iter();
        list(f, "Rounds", &rounds.map(|(id, state)| format!("{id}: {state}")).collect::<Vec<_>>())?;
        let found: Vec<String> = match self.verification.findings.as_slice() {
            [] => vec!["Nothing.".to_owned()],
            findings => findings.iter().map(ToString::to_string).collect(),
        };
        list(f, "What was found", &found)?;
        list(
            f,
            "What cannot be proven",
            &LIMITS.iter().map(ToString::to_string).collect::<Vec<_>>(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::samples::{signed, story, verifier};
    use crate::verify::{Bundle, bundle};

    fn page(bundled: &Bundle) -> (bool, String) {
        let report = Report::new(bundle(bundled, &verifier(), None));
        (report.passed, report.to_string())
    }

    #[test]
    fn the_page_says_what_was_checked_and_names_what_was_found() {
        let mut bundled = signed(story());
        let (passed, text) = page(&bundled);
        assert!(passed && text.contains("- Nothing.") && text.contains(LIMITS[0]));
        assert!(text.contains("- batch_accepted: 10") && text.contains(": closed"));
        bundled.entries[3].leaf.0[0] ^= 1;
        let (passed, text) = page(&bundled);
        assert!(!passed && text.contains("entry 3 (key_announced): an entry hashes to its leaf"));
    }
}

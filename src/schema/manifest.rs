//! The round manifest: what the round is for, who takes part, and under which rules.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, PartyId, RoundId};
use crate::policy::{BelowFloor, DisclosurePolicy};
use crate::questions::Questions;

/// Why a text is no manifest.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not TOML, an unknown key, or a value of another type; the message names line and column.
    #[error("the manifest cannot be read: {0}")]
    Syntax(String),
    /// A rule that spans several keys is broken.
    #[error("{place}: {rule}")]
    Rule {
        /// Where, in the words of the file.
        place: String,
        /// What is wrong and what would be right.
        rule: &'static str,
    },
    /// The disclosure policy is too weak.
    #[error(transparent)]
    Floor(#[from] BelowFloor),
}

/// A round as its coordinator announces it. Its bytes' hash is the round's identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundManifest {
    /// What the counts are for, for partners and auditors to read.
    pub purpose: String,
    /// Hash of the linkage schema, as `samenloop-partner schema check` prints it.
    pub schema_hash: Digest,
    /// Days after closing, or after freezing if it is never closed, until submissions are deleted.
    pub retention_days: u32,
    /// Parties whose sealed submissions a release needs.
    #[serde(default = "default_min_parties")]
    pub min_parties: usize,
    /// Whether this is meant to be a linkage of two parties, which `min_parties = 2` needs.
    #[serde(default)]
    pub two_party: bool,
    /// Verifier keys of those who watch the ledger, `name+hash+base64`, as `samenloop-audit witness-key`
    /// prints them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<String>,
    /// Witnesses that must have cosigned a checkpoint from after the linkage before anything is released.
    #[serde(default)]
    pub min_cosignatures: usize,
    /// Who takes part; the order is the order of every table.
    #[serde(rename = "party")]
    pub parties: Vec<Party>,
    /// How numbers leave.
    #[serde(default)]
    pub policy: DisclosurePolicy,
    /// What is asked beyond sources and code lists.
    #[serde(default)]
    pub questions: Questions,
}

const fn default_min_parties() -> usize {
    3
}

/// A partner organisation in a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Its id, as in its certificate.
    pub id: PartyId,
    /// Fewest records of a submission that can be sealed.
    #[serde(default = "default_min_records")]
    pub min_records: u64,
    /// Most records of a submission.
    pub max_records: u64,
    /// Whether one person may stand several times in its extract.
    #[serde(default = "default_duplicates")]
    pub may_hold_duplicates: bool,
    /// What kind of organisation it is, such as `opvang`; all parties have one, or none has.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub source_type: Option<String>,
}

const fn default_min_records() -> u64 {
    1
}

const fn default_duplicates() -> bool {
    true
}

impl RoundManifest {
    /// Reads and checks a manifest.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self =
            toml::from_str(text).map_err(|error| ManifestError::Syntax(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The identity of the round whose manifest file holds `text`.
    #[must_use]
    pub fn round_id(text: &str) -> RoundId {
        RoundId(Digest::of_parts("samenloop/v1/manifest", &[text.as_bytes()]).0)
    }

    /// The kinds of organisations, in the order in which they first stand, and per party the place of
    /// its kind; both empty where parties have none.
    #[must_use]
    pub fn source_types(&self) -> (Vec<String>, Vec<u16>) {
        let mut names: Vec<String> = vec![];
        let mut places = vec![];
        for name in self.parties.iter().filter_map(|party| party.source_type.as_ref()) {
            let place = names.iter().position(|known| known == name);
            places.push(place.unwrap_or(names.len()) as u16);
            if place.is_none() {
                names.push(name.clone());
            }
        }
        (names, places)
    }

    /// Place of a party in every table.
    #[must_use]
    pub fn place_of(&self, party: &PartyId) -> Option<usize> {
        self.parties.iter().position(|entry| entry.id == *party)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let rule = |place: &str, rule| Err(ManifestError::Rule { place: place.to_owned(), rule });
        if self.purpose.trim().is_empty() {
            return rule("purpose", "say what the counts are for");
        }
        if self.min_parties < 2 || (self.min_parties == 2 && !self.two_party) {
            return rule("min_parties", "must be 3 or more, or 2 together with two_party = true");
        }
        if self.parties.len() < self.min_parties {
            return rule("party", "there are fewer parties than min_parties");
        }
        if self.parties.len() > 1000 {
            return rule("party", "there can be at most 1000 parties");
        }
        let distinct: BTreeSet<_> = self.witnesses.iter().collect();
        if distinct.len() < self.witnesses.len() || distinct.len() > 1000 {
            return rule("witnesses", "must be different, and at most 1000");
        }
        if self.min_cosignatures > self.witnesses.len() {
            return rule("min_cosignatures", "there are fewer witnesses than must cosign");
        }
        let mut seen = BTreeSet::new();
        for party in &self.parties {
            let place = format!("party \"{}\"", party.id);
            if !seen.insert(&party.id) {
                return rule(&place, "stands twice");
            }
            if party.min_records == 0 || party.max_records < party.min_records {
                return rule(&place, "needs 1 <= min_records <= max_records");
            }
            if party.source_type.is_some() != self.parties[0].source_type.is_some() {
                return rule(&place, "either every party has a type or none has");
            }
            if party.source_type.as_ref().is_some_and(|name| name.trim().is_empty()) {
                return rule(&place, "a type must not be empty");
            }
        }
        self.questions.check()?;
        Ok(self.policy.check_floor()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(change: impl Fn(&str) -> String) -> Result<RoundManifest, ManifestError> {
        let parties: String = ["ggd", "ggz", "opvang"]
            .map(|id| format!("[[party]]\nid = \"{id}\"\nmax_records = 1000\n"))
            .concat();
        let good = format!(
            "purpose = \"How many people\"\nschema_hash = \"{}\"\nretention_days = 90\n{parties}",
            "ab".repeat(32)
        );
        RoundManifest::from_toml(&change(&good))
    }

    #[test]
    fn a_manifest_names_what_is_wrong() {
        assert!(manifest(str::to_owned).is_ok());
        let cases: &[(&str, &str, &str)] = &[
            ("\"ggz\"", "\"ggd\"", "party \"ggd\": stands twice"),
            ("\"ggz\"", "\"GGZ\"", "a party id has"),
            ("1000", "0", "party \"ggd\": needs 1 <= min_records"),
            ("How many people", " ", "purpose: say what"),
            ("retention_days", "retention", "unknown field `retention`"),
            ("retention_days", "min_parties = 2\nretention_days", "two_party = true"),
            ("retention_days", "min_parties = 4\nretention_days", "fewer parties"),
            ("retention_days", "min_cosignatures = 1\nretention_days", "fewer witnesses"),
            ("retention_days", "witnesses = [\"a\", \"a\"]\nretention_days", "must be different"),
            ("id = \"ggz\"", "id = \"ggz\"\ntype = \"zorg\"", "party \"ggz\": either every"),
            ("retention_days", "questions.round_to = 3\nretention_days", "questions.round_to"),
            ("retention_days", "policy.threshold = 5\nretention_days", "policy.threshold = 5"),
        ];
        for (from, to, message) in cases {
            let error = manifest(|good| good.replace(from, to)).map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|text| text.contains(message)), "{to}: {error:?}");
        }
    }
}

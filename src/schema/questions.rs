//! What a round asks beyond its sources and code lists: months, returning, regions, rounding.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::manifest::ManifestError;
use crate::month::Month;

/// What a round asks beyond its sources and code lists; a part of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Questions {
    /// Months that trends and flows tell of; without them neither is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub months: Option<MonthRange>,
    /// Most dimensions that split a trend or a flow. Months single people out, so this is 0 unless
    /// the manifest says otherwise.
    pub time_dimensions: usize,
    /// Whole months without any contact after which a client who is seen again has come back.
    pub return_gap: u16,
    /// Released counts are rounded to the nearest multiple of this, after noise and threshold: 1 or 5.
    pub round_to: u32,
    /// Variance of the noise of numbers made of more than one source's knowledge, in people squared.
    /// Without it that is as much as the questions need for no partner to learn about one person;
    /// partners who trust each other may agree on less, down to 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joint_variance: Option<u32>,
    /// Code lists that take the codes of another one together, such as regions of municipalities.
    #[serde(rename = "roll_up", skip_serializing_if = "Vec::is_empty")]
    pub roll_ups: Vec<RollUp>,
}

impl Default for Questions {
    fn default() -> Self {
        Self {
            months: None,
            time_dimensions: 0,
            return_gap: 6,
            round_to: 1,
            joint_variance: None,
            roll_ups: vec![],
        }
    }
}

/// Months from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonthRange {
    /// First month.
    pub from: Month,
    /// Last month.
    pub to: Month,
}

/// A code list that takes codes of a dimension together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollUp {
    /// Its name in questions, such as `regio`.
    pub name: String,
    /// The dimension of the linkage schema whose codes it takes together, such as `gemeente`.
    pub of: String,
    /// Per new code the codes that it takes together. A code that stands nowhere is unknown.
    pub groups: BTreeMap<String, Vec<String>>,
}

impl MonthRange {
    /// Most months of a range: ten years.
    pub const MOST: u16 = 120;

    /// Whether the range has at least one and at most [`MOST`](Self::MOST) months.
    #[must_use]
    pub fn is_legal(&self) -> bool {
        self.from <= self.to && self.to.index() - self.from.index() < Self::MOST
    }
}

impl RollUp {
    /// Per code of the dimension its place in `groups`, none for one without a group.
    pub fn places(&self, codes: &[String]) -> Result<Vec<Option<u16>>, String> {
        let unlisted = |code: &&String| !codes.contains(code);
        if let Some(code) = self.groups.values().flatten().find(unlisted) {
            return Err(format!("\"{code}\" is no code of the dimension \"{}\"", self.of));
        }
        let of = |code: &String| self.groups.values().position(|group| group.contains(code));
        Ok(codes.iter().map(|code| of(code).map(|place| place as u16)).collect())
    }
}

impl Questions {
    /// Checks every rule; [`RoundManifest::from_toml`](crate::RoundManifest::from_toml) does so too.
    pub fn check(&self) -> Result<(), ManifestError> {
        match self.broken_rule() {
            Some((place, rule)) => Err(ManifestError::Rule { place, rule }),
            None => Ok(()),
        }
    }

    fn broken_rule(&self) -> Option<(String, &'static str)> {
        let at = |place: &str, rule| Some((format!("questions.{place}"), rule));
        if self.months.is_some_and(|months| !months.is_legal()) {
            return at("months", "must go from a month to one at most ten years later");
        }
        if self.time_dimensions > 3 {
            return at("time_dimensions", "must be 3 or less");
        }
        if !(1..=120).contains(&self.return_gap) {
            return at("return_gap", "must be from 1 to 120 months");
        }
        if !matches!(self.round_to, 1 | 5) {
            return at("round_to", "must be 1 or 5");
        }
        if self.joint_variance.is_some_and(|variance| variance < 3) {
            return at("joint_variance", "must be 3 or more");
        }
        let mut names = BTreeSet::new();
        for roll_up in &self.roll_ups {
            let place = format!("roll_up \"{}\"", roll_up.name);
            let RollUp { name, of, groups } = roll_up;
            if name.trim() != name || name.is_empty() || name == of || !names.insert(name) {
                return at(&place, "needs a name of its own");
            }
            let mut seen = BTreeSet::new();
            if !groups.values().flatten().all(|code| seen.insert(code)) {
                return at(&place, "has a code in two groups; each code belongs to one at most");
            }
            if groups.is_empty() || groups.values().any(Vec::is_empty) {
                return at(&place, "needs groups, each of one code or more");
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "months = { from = \"2024-01\", to = \"2025-12\" }\n\
        time_dimensions = 1\nreturn_gap = 3\nround_to = 5\njoint_variance = 3\n\
        [[roll_up]]\nname = \"regio\"\nof = \"gemeente\"\n\
        groups = { west = [\"0014\", \"0037\"], oost = [\"0085\"] }\n";

    fn read(from: &str, to: &str) -> Questions {
        assert!(GOOD.contains(from), "{from}");
        toml::from_str(&GOOD.replace(from, to)).expect("questions")
    }

    #[test]
    fn questions_name_what_is_wrong() {
        assert_eq!(read("west", "west").broken_rule(), None);
        assert_eq!(Questions::default().broken_rule(), None);
        let cases = [
            ("2025-12", "2023-12", "questions.months"),
            ("2025-12", "2034-01", "questions.months"),
            ("time_dimensions = 1", "time_dimensions = 4", "questions.time_dimensions"),
            ("return_gap = 3", "return_gap = 0", "questions.return_gap"),
            ("round_to = 5", "round_to = 10", "questions.round_to"),
            ("joint_variance = 3", "joint_variance = 2", "questions.joint_variance"),
            ("0085", "0014", "questions.roll_up \"regio\""),
            ("[\"0085\"]", "[]", "questions.roll_up \"regio\""),
            ("\"regio\"", "\"gemeente\"", "questions.roll_up \"gemeente\""),
        ];
        for (from, to, place) in cases {
            let broken = read(from, to).broken_rule().map(|(place, _)| place);
            assert_eq!(broken.as_deref(), Some(place), "{to}");
        }
    }

    #[test]
    fn a_roll_up_finds_the_group_of_every_code() {
        let roll_up = &read("west", "west").roll_ups[0];
        let codes = ["0014", "0085", "0090", "0037"].map(str::to_owned);
        assert_eq!(roll_up.places(&codes), Ok(vec![Some(1), Some(0), None, Some(1)]));
        assert!(roll_up.places(&codes[1..]).is_err_and(|text| text.contains("\"0014\"")));
    }
}

//! The whole population, of whom the sources know a part, from the numbers of a release.

use crate::estimate::{Hidden, ReleasedPatterns, TooLittle, USUAL_ERRORS, hidden};
use crate::measure::{Family, MAX_PATTERN_SOURCES};
use crate::release::{QueryError, Release, Released, Table};

/// Estimates of the population in one combination of categories.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stratum {
    /// Per dimension of the question an index into its code list; none is the category unknown.
    pub codes: Vec<Option<u16>>,
    /// The estimates, or why the released numbers carry none.
    pub hidden: Result<Hidden, String>,
}

/// The answer to how many people there are, known or not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PopulationTable {
    /// Whether the lists are source types, because there are too many sources.
    pub by_type: bool,
    /// Names of the dimensions, as asked.
    pub by: Vec<String>,
    /// Per combination of categories, in the order of every table.
    pub strata: Vec<Stratum>,
}

impl Release {
    /// Estimates the population, split by dimensions in any order, from the released patterns and the
    /// released numbers of each source alone.
    pub fn population(&self, by: &[&str]) -> Result<Released<PopulationTable>, QueryError> {
        let by_type = self.frame.parties.len() > MAX_PATTERN_SOURCES;
        let family = if by_type { Family::TYPES } else { Family::SOURCES };
        let patterns = self.query(family.patterns, by)?;
        let each = self.query(family.each, by)?;
        let names: Vec<&str> = match by_type {
            true => self.frame.scope.types.iter().map(String::as_str).collect(),
            false => self.frame.parties.iter().map(|party| party.as_str()).collect(),
        };
        let step = self.frame.scope.round_to;
        // Rounding is off by anything up to half a step, equally often: variance (step² − 1) / 12.
        let rounded = f64::from(step * step - 1) / 12.0;
        // The numbers of source types are joint, those of sources are not.
        let of_each = if by_type { self.joint.variance } else { self.policy.variance };
        // Both tables have their strata in the same order within every place of their axis.
        let lists = names.len();
        let strata = each.cells.len() / lists;
        let column = |table: &Table, stratum: usize| -> Vec<Option<u32>> {
            let cells = table.cells.iter().skip(stratum).step_by(strata);
            cells.map(|cell| cell.number.map(|number| number.count)).collect()
        };
        let stratum = |stratum: usize| {
            let released = ReleasedPatterns {
                lists,
                counts: &column(&patterns, stratum),
                sources: &column(&each, stratum),
                threshold: self.joint.threshold,
                variance: self.joint.variance + rounded,
                source_variance: of_each + rounded,
            };
            Stratum {
                codes: each.cells[stratum].codes.clone(),
                hidden: hidden(&released, &USUAL_ERRORS).map_err(|rule| told(rule, &names)),
            }
        };
        let strata = (0..strata).map(stratum).collect();
        Ok(Released::passed(PopulationTable { by_type, by: patterns.by.clone(), strata }))
    }
}

/// The gate's words with the list's name in the place of its number.
fn told(rule: TooLittle, names: &[&str]) -> String {
    let text = rule.to_string();
    match rule {
        TooLittle::Overlap(list) | TooLittle::Withheld(list) => {
            text.replacen(&format!("list {}", list + 1), names[list], 1)
        }
        _ => text,
    }
}

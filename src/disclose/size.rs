//! How large a round's lattice is, before anything is submitted.

use samenloop_schema::DisclosurePolicy;

use crate::frame::Frame;
use crate::lattice::{Extent, MEASURES, combinations};
use crate::measure::Measure;

/// How many cells the lattice of a round has, and what makes it large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatticeSize {
    /// Cells of all questions together.
    pub cells: u64,
    /// The measure with the most of them.
    pub largest: Measure,
    /// Its cells.
    pub of_largest: u64,
    /// The dimension with the longest code list, and its codes.
    pub longest: Option<(String, usize)>,
}

impl LatticeSize {
    /// For telling a coordinator before anything is submitted that a release would exceed
    /// `policy.max_cells`.
    #[must_use]
    pub fn of(policy: &DisclosurePolicy, frame: &Frame) -> Self {
        let extent = Extent::new(frame);
        let categories: Vec<u64> = frame.lists().map(|list| list.codes.len() as u64 + 1).collect();
        let mut of = [0_u64; MEASURES];
        for dimensions in combinations(frame, policy.max_dimensions) {
            let strata = dimensions.iter().map(|d| categories[*d]).fold(1, u64::saturating_mul);
            for (measure, cells) in Measure::ALL.into_iter().zip(&mut of) {
                let axis = extent.split_len(frame, measure, &dimensions).unwrap_or(0) as u64;
                *cells = cells.saturating_add(strata.saturating_mul(axis));
            }
        }
        // What tells how good the linkage is cannot be left out.
        let lists = frame.lists().enumerate();
        let asked = lists.filter(|(place, _)| frame.of_linkage(*place).is_none());
        let longest = asked.map(|(_, list)| list).max_by_key(|list| list.codes.len());
        let largest = Measure::ALL.into_iter().zip(of).max_by_key(|(_, cells)| *cells);
        let (largest, of_largest) = largest.unwrap_or((Measure::Unique, 0));
        Self {
            cells: of.into_iter().fold(0, u64::saturating_add),
            largest,
            of_largest,
            longest: longest.map(|list| (list.name.clone(), list.codes.len())),
        }
    }

    /// What to leave out to make it smaller, in the words of the manifest.
    #[must_use]
    pub fn advice(&self) -> String {
        let Self { largest, of_largest, longest, .. } = self;
        let mut drop = vec![];
        if largest.over_time() {
            drop.push("shorten or leave out questions.months".to_owned());
            drop.push("lower questions.time_dimensions".to_owned());
        }
        if let Some((name, codes)) = longest {
            drop.push(format!("leave the dimension {name} ({codes} codes) out of the schema"));
            drop.push("allow fewer policy.max_dimensions".to_owned());
        }
        drop.push("raise policy.max_cells".to_owned());
        let last = drop.pop().unwrap_or_default();
        let first = if drop.is_empty() { String::new() } else { drop.join(", ") + " or " };
        format!("most of them, {of_largest}, are of the measure {largest}: {first}{last}")
    }
}

/// How many cells the lattice of a round has.
#[must_use]
pub fn lattice_cells(policy: &DisclosurePolicy, frame: &Frame) -> u64 {
    LatticeSize::of(policy, frame).cells
}

//! The closed lattice: every question that can be asked, and the place of every cell of it.
//!
//! A question is a measure and a set of dimensions, no more than the policy allows. A cell is a place
//! on the measure's axis (a source, a pair, a pattern, …) in one combination of categories. Every
//! category stands in every table, so that an absent cell tells nothing.

use samenloop_schema::DisclosurePolicy;

use crate::frame::Frame;
use crate::people::Person;

/// What is counted; always people, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Unique clients of all sources together.
    Unique,
    /// Unique clients of each source.
    Sources,
    /// Unique clients that both of two sources know.
    Overlap,
    /// Unique clients by the exact set of sources that know them.
    Patterns,
    /// Unique clients by the number of sources that know them.
    Stacking,
    /// Clients of both of two sources by the order in which they came to them.
    Sequence,
}

/// Most sources whose 2^n − 1 patterns are counted one by one.
pub const MAX_PATTERN_SOURCES: usize = 8;

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 6] = [
        Self::Unique,
        Self::Sources,
        Self::Overlap,
        Self::Patterns,
        Self::Stacking,
        Self::Sequence,
    ];

    /// Places on the axis with `parties` sources; none where the measure is not offered.
    fn axis_len(self, parties: usize) -> Option<usize> {
        let pairs = parties * parties.saturating_sub(1) / 2;
        match self {
            Self::Unique => Some(1),
            Self::Sources | Self::Stacking => Some(parties),
            Self::Overlap => Some(pairs),
            Self::Patterns => (parties <= MAX_PATTERN_SOURCES).then(|| (1 << parties) - 1),
            Self::Sequence => Some(Order::ALL.len() * pairs),
        }
    }
}

/// Order of a person's contacts with two sources, of which the first has the lower place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// At least one month in common.
    Simultaneous,
    /// First the first source, later the second, no month in common.
    FirstThen,
    /// First the second source, later the first, no month in common.
    ThenFirst,
    /// The months do not tell: one source has none, or an unknown start decides.
    Unknown,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 4] =
        [Self::Simultaneous, Self::FirstThen, Self::ThenFirst, Self::Unknown];
}

/// A place on a measure's axis.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Axis {
    pub sources: Vec<u16>,
    pub source_count: u16,
    pub order: Option<Order>,
}

/// A combination of dimensions, with where its questions' cells begin.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    /// Places of the dimensions, ascending.
    pub dimensions: Vec<usize>,
    /// Combinations of their categories.
    pub strata: usize,
    /// First cell per measure; none where the measure is not offered.
    pub begins: [Option<usize>; 6],
}

/// Every question of a round.
#[derive(Debug, Clone)]
pub(crate) struct Lattice {
    pub parties: usize,
    /// Categories per dimension: its codes and `unknown`.
    pub categories: Vec<usize>,
    pub splits: Vec<Split>,
    pub cells: usize,
}

/// How many cells the lattice of a round has, for telling a coordinator before anything is submitted
/// that a release would exceed `policy.max_cells`.
#[must_use]
pub fn lattice_cells(policy: &DisclosurePolicy, frame: &Frame) -> u64 {
    let axes: u64 = Measure::ALL
        .iter()
        .filter_map(|measure| measure.axis_len(frame.parties.len()))
        .map(|len| len as u64)
        .sum();
    let combinations = combinations(frame.dimensions.len(), policy.max_dimensions);
    let strata = combinations.iter().map(|dimensions| {
        let categories = dimensions.iter().map(|d| frame.dimensions[*d].codes.len() as u64 + 1);
        categories.fold(1, u64::saturating_mul)
    });
    strata.fold(0, u64::saturating_add).saturating_mul(axes)
}

/// Sets of at most `most` of `count` dimensions, smaller sets first.
fn combinations(count: usize, most: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    let mut longest = vec![vec![]];
    for _ in 0..most.min(count) {
        let longer = longest.iter().flat_map(|set: &Vec<usize>| {
            let next = set.last().map_or(0, |last| last + 1);
            (next..count).map(|place| [set.as_slice(), &[place]].concat())
        });
        longest = longer.collect();
        all.extend(longest.iter().cloned());
    }
    all
}

impl Lattice {
    /// Only for frames whose [`lattice_cells`] are within the policy.
    pub fn new(policy: &DisclosurePolicy, frame: &Frame) -> Self {
        let parties = frame.parties.len();
        let categories: Vec<usize> =
            frame.dimensions.iter().map(|list| list.codes.len() + 1).collect();
        let mut cells = 0;
        let splits = combinations(categories.len(), policy.max_dimensions).into_iter();
        let splits = splits
            .map(|dimensions| {
                let strata = dimensions.iter().map(|d| categories[*d]).product();
                let begins = Measure::ALL.map(|measure| {
                    let len = measure.axis_len(parties)?;
                    let begin = cells;
                    cells += len * strata;
                    Some(begin)
                });
                Split { dimensions, strata, begins }
            })
            .collect();
        Self { parties, categories, splits, cells }
    }

    /// Length of a measure's axis, 0 where it is not offered.
    pub fn axis_len(&self, measure: Measure) -> usize {
        measure.axis_len(self.parties).unwrap_or(0)
    }

    fn pair(&self, a: u16, b: u16) -> usize {
        let (a, b) = (usize::from(a), usize::from(b));
        a * (2 * self.parties - a - 1) / 2 + b - a - 1
    }

    /// The cell of a measure at a place of its axis in a stratum; the measure is offered.
    pub fn cell(&self, split: &Split, measure: Measure, place: usize, stratum: usize) -> usize {
        split.begins[measure as usize].unwrap_or(0) + place * split.strata + stratum
    }

    /// The overlap cell of two sources, lower place first.
    pub fn overlap(&self, split: &Split, a: u16, b: u16, stratum: usize) -> usize {
        self.cell(split, Measure::Overlap, self.pair(a, b), stratum)
    }

    /// Which stratum of a split a person is in.
    fn stratum(&self, split: &Split, categories: &[usize]) -> usize {
        split.dimensions.iter().fold(0, |sum, d| sum * self.categories[*d] + categories[*d])
    }

    /// The categories of a stratum, per dimension of the split: 0 for unknown, else index + 1.
    pub fn categories_of(&self, split: &Split, mut stratum: usize) -> Vec<usize> {
        let mut categories = vec![0; split.dimensions.len()];
        for (category, d) in categories.iter_mut().zip(&split.dimensions).rev() {
            *category = stratum % self.categories[*d];
            stratum /= self.categories[*d];
        }
        categories
    }

    /// Calls `visit` with every cell that counts this person.
    pub fn cells_of(&self, person: &Person, mut visit: impl FnMut(usize)) {
        for split in &self.splits {
            let stratum = self.stratum(split, &person.categories);
            let mut at = |measure: Measure, place: usize| {
                visit(self.cell(split, measure, place, stratum));
            };
            at(Measure::Unique, 0);
            at(Measure::Stacking, person.sources.len() - 1);
            let mut pattern = 0_usize;
            let mut orders = person.orders.iter();
            for (place, a) in person.sources.iter().enumerate() {
                at(Measure::Sources, usize::from(*a));
                pattern |= 1_usize.checked_shl((*a).into()).unwrap_or(0);
                for (b, order) in person.sources[place + 1..].iter().zip(&mut orders) {
                    let pair = self.pair(*a, *b);
                    at(Measure::Overlap, pair);
                    at(Measure::Sequence, pair * Order::ALL.len() + *order as usize);
                }
            }
            if self.parties <= MAX_PATTERN_SOURCES {
                at(Measure::Patterns, pattern - 1);
            }
        }
    }

    /// Every place of a measure's axis, in order.
    pub fn axis(&self, measure: Measure) -> Vec<Axis> {
        let parties = self.parties as u16;
        let pairs = || (0..parties).flat_map(move |a| (a + 1..parties).map(move |b| vec![a, b]));
        let sets = |sources: Vec<u16>| Axis { sources, ..Axis::default() };
        match measure {
            Measure::Unique => vec![Axis::default()],
            Measure::Sources => (0..parties).map(|a| sets(vec![a])).collect(),
            Measure::Overlap => pairs().map(sets).collect(),
            Measure::Stacking => {
                (1..=parties).map(|source_count| Axis { source_count, ..Axis::default() }).collect()
            }
            Measure::Patterns => (1..=self.axis_len(measure))
                .map(|set| sets((0..parties).filter(|a| set >> a & 1 == 1).collect()))
                .collect(),
            Measure::Sequence => pairs()
                .flat_map(|sources| {
                    Order::ALL.map(|order| Axis { order: Some(order), ..sets(sources.clone()) })
                })
                .collect(),
        }
    }
}

#[cfg(test)]
#[path = "lattice_tests.rs"]
mod tests;

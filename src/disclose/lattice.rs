//! The closed lattice: every question that can be asked, and the place of every cell of it.
//!
//! A question is a measure and a set of dimensions, no more than the policy allows. A cell is a place
//! on the measure's axis (a source, a pair, a pattern, …) in one combination of categories. Every
//! category stands in every table, so that an absent cell tells nothing.

use samenloop_schema::DisclosurePolicy;

use crate::frame::Frame;
use crate::measure::{Family, MAX_PATTERN_SOURCES, Measure, Order, Return};
use crate::people::{Person, View};
use crate::period::{Period, Periods};
use crate::quality;

pub(crate) const MEASURES: usize = Measure::ALL.len();

/// A place on a measure's axis.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Axis {
    /// Places of sources, or of source types where the measure is over types.
    pub units: Vec<u16>,
    pub unit_count: u16,
    pub order: Option<Order>,
    pub period: Option<Period>,
    pub returned: Option<Return>,
}

/// A combination of dimensions, with where its questions' cells begin.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    /// Places of the dimensions, ascending.
    pub dimensions: Vec<usize>,
    /// Combinations of their categories.
    pub strata: usize,
    /// Whether it is by one of the lists of how good the linkage is.
    pub of_linkage: bool,
    /// First cell per measure; none where the measure is not offered.
    pub begins: [Option<usize>; MEASURES],
    /// First counted cell of those whom each source knows among the people of a stratum; never shown.
    known: usize,
    /// First counted cell of those whom each source knows in each place of a measure that months fill
    /// and all sources share; none where the measure is not offered. Never shown.
    shared: [Option<usize>; MEASURES],
}

/// What decides how long the axes are.
#[derive(Debug, Clone)]
pub(crate) struct Extent {
    pub parties: usize,
    /// Source types; 0 where they take no sources together.
    pub types: usize,
    pub periods: Option<Periods>,
    time_dimensions: usize,
}

/// Every question of a round.
#[derive(Debug, Clone)]
pub(crate) struct Lattice {
    pub extent: Extent,
    /// Categories per dimension: its codes and `unknown`.
    pub categories: Vec<usize>,
    pub splits: Vec<Split>,
    /// Cells of all questions.
    pub cells: usize,
    /// With the cells behind them that only the rules look at.
    pub counted: usize,
}

const fn pairs_of(units: usize) -> usize {
    units * units.saturating_sub(1) / 2
}

/// Place of a pair of units, the lower first, among the pairs of `units`.
fn pair(units: usize, a: u16, b: u16) -> usize {
    let (a, b) = (usize::from(a), usize::from(b));
    a * (2 * units - a - 1) / 2 + b - a - 1
}

impl Extent {
    pub fn new(frame: &Frame) -> Self {
        let (parties, types) = (frame.parties.len(), frame.scope.types.len());
        Self {
            parties,
            types: if (2..parties).contains(&types) { types } else { 0 },
            periods: frame.scope.months.map(Periods::new),
            time_dimensions: frame.scope.time_dimensions,
        }
    }

    /// Sources or source types, as the measure counts.
    pub const fn units(&self, measure: Measure) -> usize {
        if measure.by_type() { self.types } else { self.parties }
    }

    /// Places on the axis of a measure when split by `dimensions` dimensions; none where the measure
    /// is not offered.
    pub fn axis_len(&self, measure: Measure, dimensions: usize) -> Option<usize> {
        use Measure as M;
        let units = self.units(measure);
        if (measure.by_type() && units == 0)
            || (measure.over_time() && dimensions > self.time_dimensions)
        {
            return None;
        }
        let few = units <= MAX_PATTERN_SOURCES;
        match measure {
            M::Unique => Some(1),
            M::Sources | M::Stacking | M::SourceTypes | M::TypeStacking => Some(units),
            M::Overlap | M::TypeOverlap => Some(pairs_of(units)),
            M::Patterns | M::TypePatterns => few.then(|| (1 << units) - 1),
            M::Sequence | M::TypeSequence => Some(Order::ALL.len() * pairs_of(units)),
            M::Flows | M::TypeFlows => {
                let periods = self.periods.filter(|_| few)?.len();
                Some(Order::MOVES.len() * pairs_of(units) * periods)
            }
            M::InCare | M::FirstContacts => Some(self.periods?.len()),
            M::Recidivism => Some(Return::ALL.len() * (1 + units)),
        }
    }

    /// The same, when split by these code lists.
    pub fn split_len(
        &self,
        frame: &Frame,
        measure: Measure,
        dimensions: &[usize],
    ) -> Option<usize> {
        let mut of_linkage = dimensions.iter().filter_map(|d| frame.of_linkage(*d));
        if !of_linkage.all(|place| quality::splits(place, measure)) {
            return None;
        }
        self.axis_len(measure, dimensions.len())
    }

    /// Places at the beginning of an axis of one of [`Measure::SHARED_MONTHS`] that all sources share.
    pub fn shared_places(&self, measure: Measure) -> usize {
        match measure {
            Measure::Recidivism => Return::ALL.len(),
            _ => self.periods.map_or(0, Periods::len),
        }
    }
}

/// Sets of at most `most` code lists, smaller sets first. A roll-up and what it takes together are
/// never combined: the finer one tells all but the people on whom the sources differ. The lists of how
/// good the linkage is stand alone, last, whatever `most` is.
pub(crate) fn combinations(frame: &Frame, most: usize) -> Vec<Vec<usize>> {
    let lists = frame.lists().count();
    let count = lists - frame.scope.linkage.len();
    let mut all = vec![vec![]];
    let mut longest = vec![vec![]];
    for _ in 0..most.min(count) {
        let longer = longest.iter().flat_map(|set: &Vec<usize>| {
            let next = set.last().map_or(0, |last| last + 1);
            let apart = |place: &usize| set.iter().all(|d| frame.base(*d) != frame.base(*place));
            (next..count).filter(apart).map(|place| [set.as_slice(), &[place]].concat())
        });
        longest = longer.collect();
        all.extend(longest.iter().cloned());
    }
    all.extend((count..lists).map(|place| vec![place]));
    all
}

impl Lattice {
    /// Only for frames whose [`lattice_cells`](crate::lattice_cells) are within the policy.
    pub fn new(policy: &DisclosurePolicy, frame: &Frame) -> Self {
        let extent = Extent::new(frame);
        let categories: Vec<usize> = frame.lists().map(|list| list.codes.len() + 1).collect();
        let mut cells = 0;
        let splits = combinations(frame, policy.max_dimensions).into_iter();
        let mut splits: Vec<Split> = splits
            .map(|dimensions| {
                let strata = dimensions.iter().map(|d| categories[*d]).product();
                let begins = Measure::ALL.map(|measure| {
                    let len = extent.split_len(frame, measure, &dimensions)?;
                    let begin = cells;
                    cells += len * strata;
                    Some(begin)
                });
                let of_linkage = dimensions.iter().any(|d| frame.of_linkage(*d).is_some());
                let (known, shared) = (0, [None; MEASURES]);
                Split { dimensions, strata, of_linkage, begins, known, shared }
            })
            .collect();
        let mut counted = cells;
        for split in &mut splits {
            split.known = counted;
            counted += extent.parties * split.strata;
            for measure in Measure::SHARED_MONTHS {
                let places = extent.shared_places(measure);
                split.shared[measure as usize] = split.begins[measure as usize].map(|_| {
                    let begin = counted;
                    counted += places * extent.parties * split.strata;
                    begin
                });
            }
        }
        Self { extent, categories, splits, cells, counted }
    }

    /// The cell of a measure at a place of its axis in a stratum; the measure is offered.
    pub fn cell(&self, split: &Split, measure: Measure, place: usize, stratum: usize) -> usize {
        split.begins[measure as usize].unwrap_or(0) + place * split.strata + stratum
    }

    /// The overlap cell of two units of a family, lower place first.
    pub fn overlap(&self, split: &Split, family: &Family, units: &[u16], stratum: usize) -> usize {
        let place = pair(self.extent.units(family.overlap), units[0], units[1]);
        self.cell(split, family.overlap, place, stratum)
    }

    /// The counted cell of the people of a stratum whom a source knows.
    pub const fn known(&self, split: &Split, source: u16, stratum: usize) -> usize {
        split.known + source as usize * split.strata + stratum
    }

    /// The counted cell of those whom a source knows in a place of one of
    /// [`Measure::SHARED_MONTHS`]; none where the measure is not offered.
    pub fn shared(
        &self,
        split: &Split,
        measure: Measure,
        place: usize,
        source: u16,
        stratum: usize,
    ) -> Option<usize> {
        let begin = split.shared[measure as usize]?;
        Some(begin + (place * self.extent.parties + usize::from(source)) * split.strata + stratum)
    }

    /// Which stratum of a split a person is in, or a source's registrations of one.
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

    /// Calls `visit` with every cell of the questions that counts this person, but for those of how good
    /// the linkage is, which are of one partition.
    pub fn cells_of(&self, person: &Person, mut visit: impl FnMut(usize)) {
        let people = self.splits.iter().filter(|split| !split.of_linkage);
        people.for_each(|split| {
            self.counted_in(split, person, &mut |cell| {
                if cell < self.cells {
                    visit(cell);
                }
            });
        });
    }

    /// Calls `visit` with every cell that counts this person, those that only the rules look at
    /// besides, all below `counted`.
    ///
    /// What one source alone tells (its clients, and who of them came back) is split by that source's
    /// own codes, so that no other source's record of a client moves it; everything else by the codes
    /// on which all sources agree.
    pub fn counted_of(&self, person: &Person, mut visit: impl FnMut(usize)) {
        self.splits.iter().for_each(|split| self.counted_in(split, person, &mut visit));
    }

    fn counted_in(&self, split: &Split, person: &Person, visit: &mut impl FnMut(usize)) {
        let stratum = self.stratum(split, &person.categories);
        let mut at = |measure: Measure, place: usize, stratum: usize| {
            if let Some(begin) = split.begins[measure as usize] {
                visit(begin + place * split.strata + stratum);
            }
        };
        at(Measure::Unique, 0, stratum);
        if split.of_linkage {
            return self.known_to(split, stratum, &Family::SOURCES, &person.sources, visit);
        }
        for (place, returned) in person.returned.iter().skip(1).enumerate() {
            let who = usize::from(person.sources.units[place]) + 1;
            let own = self.stratum(split, person.sources.own(place, self.categories.len()));
            at(Measure::Recidivism, who * Return::ALL.len() + *returned as usize, own);
        }
        person.shared_months(self.extent.periods, |measure, place| {
            let Some(begin) = split.begins[measure as usize] else { return };
            visit(begin + place * split.strata + stratum);
            for source in &person.sources.units {
                self.shared(split, measure, place, *source, stratum).map(&mut *visit);
            }
        });
        self.known_to(split, stratum, &Family::SOURCES, &person.sources, visit);
        if self.extent.types > 0 {
            self.known_to(split, stratum, &Family::TYPES, &person.types, visit);
        }
    }

    fn known_to(
        &self,
        split: &Split,
        stratum: usize,
        family: &Family,
        view: &View,
        visit: &mut impl FnMut(usize),
    ) {
        let count = self.extent.units(family.each);
        for (place, unit) in view.units.iter().enumerate() {
            let own = self.stratum(split, view.own(place, self.categories.len()));
            if split.begins[family.each as usize].is_some() {
                visit(self.cell(split, family.each, usize::from(*unit), own));
            }
            if !family.each.by_type() {
                visit(self.known(split, *unit, stratum));
            }
        }
        if split.of_linkage {
            return;
        }
        let mut at = |measure: Measure, place: usize| {
            if let Some(begin) = split.begins[measure as usize] {
                visit(begin + place * split.strata + stratum);
            }
        };
        at(family.stacking, view.units.len() - 1);
        let mut pattern = 0_usize;
        let mut meetings = view.meetings.iter();
        for (place, a) in view.units.iter().enumerate() {
            pattern |= 1_usize.checked_shl((*a).into()).unwrap_or(0);
            for (b, meeting) in view.units[place + 1..].iter().zip(&mut meetings) {
                let pair = pair(count, *a, *b);
                at(family.overlap, pair);
                at(family.sequence, pair * Order::ALL.len() + meeting.order as usize);
                let Some((moved, periods)) = meeting.moved.zip(self.extent.periods) else {
                    continue;
                };
                let direction = usize::from(meeting.order == Order::ThenFirst);
                let begin = (pair * Order::MOVES.len() + direction) * periods.len();
                periods.touched(moved, moved).for_each(|period| at(family.flows, begin + period));
            }
        }
        if count <= MAX_PATTERN_SOURCES {
            at(family.patterns, pattern - 1);
        }
    }

    /// Every place of a measure's axis, in order; empty where the measure is not offered.
    pub fn axis(&self, measure: Measure) -> Vec<Axis> {
        use Measure as M;
        let Some(len) = self.extent.axis_len(measure, 0) else { return vec![] };
        let count = self.extent.units(measure) as u16;
        let pairs = || (0..count).flat_map(move |a| (a + 1..count).map(move |b| vec![a, b]));
        let set = |units: Vec<u16>| Axis { units, ..Axis::default() };
        let periods = || self.extent.periods.map(Periods::all).unwrap_or_default().into_iter();
        match measure {
            M::Unique => vec![Axis::default()],
            M::Sources | M::SourceTypes => (0..count).map(|a| set(vec![a])).collect(),
            M::Overlap | M::TypeOverlap => pairs().map(set).collect(),
            M::Stacking | M::TypeStacking => {
                (1..=count).map(|unit_count| Axis { unit_count, ..Axis::default() }).collect()
            }
            M::Patterns | M::TypePatterns => (1..=len)
                .map(|bits| set((0..count).filter(|a| bits >> a & 1 == 1).collect()))
                .collect(),
            M::Sequence | M::TypeSequence => pairs()
                .flat_map(|units| {
                    Order::ALL.map(|order| Axis { order: Some(order), ..set(units.clone()) })
                })
                .collect(),
            M::Flows | M::TypeFlows => pairs()
                .flat_map(|units| {
                    Order::MOVES.map(|order| Axis { order: Some(order), ..set(units.clone()) })
                })
                .flat_map(|flow| {
                    periods().map(move |period| Axis { period: Some(period), ..flow.clone() })
                })
                .collect(),
            M::InCare | M::FirstContacts => {
                periods().map(|period| Axis { period: Some(period), ..Axis::default() }).collect()
            }
            M::Recidivism => std::iter::once(vec![])
                .chain((0..count).map(|a| vec![a]))
                .flat_map(|units| {
                    Return::ALL
                        .map(|returned| Axis { returned: Some(returned), ..set(units.clone()) })
                })
                .collect(),
        }
    }
}

#[cfg(test)]
#[path = "lattice_tests.rs"]
mod tests;

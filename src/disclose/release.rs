//! A release: every table of the closed lattice, protected, and the answers from it.

use std::ops::Deref;

use samenloop_schema::{Digest, DisclosurePolicy};

use crate::frame::Frame;
use crate::joint::JointNoise;
use crate::lattice::{Lattice, Split};
use crate::measure::{MAX_PATTERN_SOURCES, Measure, Order, Return};
use crate::period::Period;

/// A protected number, in people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Number {
    /// With noise; at least the threshold.
    pub count: u32,
    /// Low end of the 95 % interval from linkage uncertainty around the count with noise.
    pub low: u32,
    /// High end of that interval.
    pub high: u32,
}

/// One number of a table and what it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cell {
    /// Places of sources in the frame, ascending; empty for measures without sources.
    pub sources: Vec<u16>,
    /// Places of source types in the frame, ascending; empty for measures that are not over types.
    pub source_types: Vec<u16>,
    /// Number of sources, or of source types, for stacking; else 0.
    pub source_count: u16,
    /// Order of contacts, for sequence and flows.
    pub order: Option<Order>,
    /// When, for flows, in care and first contacts.
    pub period: Option<Period>,
    /// Whether they came back, for recidivism; `sources` then has the source, or is empty for all.
    pub returned: Option<Return>,
    /// Per dimension of the question an index into its code list; none is the category unknown.
    pub codes: Vec<Option<u16>>,
    /// None is withheld.
    pub number: Option<Number>,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// What is counted.
    pub measure: Measure,
    /// Names of the dimensions, as asked.
    pub by: Vec<String>,
    /// Along the measure's axis, then by categories, unknown first.
    pub cells: Vec<Cell>,
}

/// Something that has passed disclosure control. Only this room can make one:
///
/// ```compile_fail
/// fn let_out(table: samenloop_disclose::Table) -> samenloop_disclose::Released<samenloop_disclose::Table> {
///     samenloop_disclose::Released(table)
/// }
/// ```
///
/// Whoever has one can read it:
///
/// ```
/// fn shown(table: &samenloop_disclose::Released<samenloop_disclose::Table>) -> usize {
///     table.cells.iter().filter(|cell| cell.number.is_some()).count()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released<T>(T);

impl<T> Released<T> {
    /// For what consists of released numbers, or is computed from them alone.
    pub(crate) const fn passed(answer: T) -> Self {
        Self(answer)
    }
}

impl<T> Deref for Released<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// No such dimension.
    #[error("there is no dimension {asked:?}; this round has {available}")]
    UnknownDimension {
        /// As asked.
        asked: String,
        /// Names of the dimensions.
        available: String,
    },
    /// A dimension twice.
    #[error("the dimension {asked:?} is asked twice")]
    RepeatedDimension {
        /// As asked.
        asked: String,
    },
    /// More dimensions than the policy allows.
    #[error("{asked} dimensions in one question; this round allows at most {most}")]
    TooManyDimensions {
        /// How many.
        asked: usize,
        /// The policy's number.
        most: usize,
    },
    /// A code list together with one that it follows from.
    #[error("{asked:?} and {with:?} tell of the same codes; ask for one of them")]
    RolledUp {
        /// As asked.
        asked: String,
        /// The other one.
        with: String,
    },
    /// Patterns or flows of too many sources.
    #[error(
        "{measure} is counted for at most {MAX_PATTERN_SOURCES} sources and this round has {parties}; \
         ask for source types, overlap, stacking or sequence"
    )]
    TooManySources {
        /// What was asked.
        measure: Measure,
        /// Sources, or source types, of the round.
        parties: usize,
    },
    /// The round has no source types, or none that takes sources together.
    #[error("this round has no source types; ask for sources")]
    NoTypes,
    /// The round has no months.
    #[error("this round tells of no months: its manifest has no questions.months")]
    NoMonths,
    /// A measure that a list of how good the linkage is does not split.
    #[error(
        "{list} tells how clients were put together and does not split {measure}; ask for unique"
    )]
    OfLinkage {
        /// What was asked.
        measure: Measure,
        /// The list.
        list: String,
    },
    /// A list of how good the linkage is together with another one.
    #[error("{list} tells how clients were put together and is asked alone")]
    LinkageAlone {
        /// The list.
        list: String,
    },
    /// A trend or a flow split by more dimensions than the manifest allows.
    #[error("{measure} may be split by at most {most} dimensions in this round")]
    TimeDimensions {
        /// What was asked.
        measure: Measure,
        /// The manifest's number.
        most: usize,
    },
}

/// The frozen answers of a round. Two equal questions have equal answers, for ever.
#[derive(Debug, Clone)]
pub struct Release {
    pub(crate) frame: Frame,
    pub(crate) policy: DisclosurePolicy,
    pub(crate) joint: JointNoise,
    pub(crate) lattice: Lattice,
    /// Per cell of the lattice; none is withheld.
    pub(crate) numbers: Vec<Option<Number>>,
    digest: Digest,
}

impl Release {
    /// Takes protected numbers, one per cell of the lattice.
    pub(crate) fn new(
        frame: Frame,
        policy: DisclosurePolicy,
        joint: JointNoise,
        lattice: Lattice,
        numbers: Vec<Option<Number>>,
    ) -> Self {
        let digest = Digest([0; Digest::LEN]);
        let mut release = Self { frame, policy, joint, lattice, numbers, digest };
        release.digest = crate::codec::digest(&crate::codec::body(&release));
        release
    }

    /// What is public about the round.
    #[must_use]
    pub const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// How the numbers were protected that one source alone tells, and what holds for all.
    #[must_use]
    pub const fn policy(&self) -> &DisclosurePolicy {
        &self.policy
    }

    /// The noise of every other number.
    #[must_use]
    pub const fn joint(&self) -> &JointNoise {
        &self.joint
    }

    /// SHA-256 that stands for every number of the release, as in the ledger and at the end of
    /// [`to_bytes`](Self::to_bytes).
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Every question that has an answer, each set of dimensions in one order.
    pub fn questions(&self) -> impl Iterator<Item = (Measure, Vec<&str>)> {
        let lists: Vec<&str> = self.frame.lists().map(|list| list.name.as_str()).collect();
        self.lattice.splits.iter().flat_map(move |split| {
            let by: Vec<&str> = split.dimensions.iter().map(|place| lists[*place]).collect();
            let offered = |measure: &Measure| split.begins[*measure as usize].is_some();
            Measure::ALL.into_iter().filter(offered).map(move |measure| (measure, by.clone()))
        })
    }

    /// Answers a question of the closed lattice: a measure, split by dimensions in any order.
    pub fn query(&self, measure: Measure, by: &[&str]) -> Result<Released<Table>, QueryError> {
        let asked = self.dimensions(by)?;
        let mut places = asked.clone();
        places.sort_unstable();
        let split = self.lattice.splits.iter().find(|split| split.dimensions == places);
        let Some(split) = split else { return Err(self.not_combined(&asked)) };
        if split.begins[measure as usize].is_none() {
            return Err(self.not_offered(measure, &asked));
        }
        let by = by.iter().map(|name| (*name).to_owned()).collect();
        Ok(Released(Table { measure, by, cells: self.cells(measure, split, &asked) }))
    }

    fn not_combined(&self, asked: &[usize]) -> QueryError {
        let name = |place: &usize| {
            self.frame.lists().nth(*place).map_or_else(String::new, |list| list.name.clone())
        };
        if let Some(list) = asked.iter().find(|place| self.frame.of_linkage(**place).is_some()) {
            return QueryError::LinkageAlone { list: name(list) };
        }
        for (place, first) in asked.iter().enumerate() {
            let same = |other: &&usize| self.frame.base(**other) == self.frame.base(*first);
            if let Some(other) = asked[place + 1..].iter().find(same) {
                return QueryError::RolledUp { asked: name(first), with: name(other) };
            }
        }
        QueryError::TooManyDimensions { asked: asked.len(), most: self.policy.max_dimensions }
    }

    fn not_offered(&self, measure: Measure, asked: &[usize]) -> QueryError {
        let (extent, scope) = (&self.lattice.extent, &self.frame.scope);
        if let Some(list) = asked.iter().find(|place| self.frame.of_linkage(**place).is_some()) {
            let list = self.frame.lists().nth(*list).map_or_else(String::new, |l| l.name.clone());
            QueryError::OfLinkage { measure, list }
        } else if measure.by_type() && extent.types == 0 {
            QueryError::NoTypes
        } else if measure.over_time() && scope.months.is_none() {
            QueryError::NoMonths
        } else if measure.over_time() && asked.len() > scope.time_dimensions {
            QueryError::TimeDimensions { measure, most: scope.time_dimensions }
        } else {
            QueryError::TooManySources { measure, parties: extent.units(measure) }
        }
    }

    fn dimensions(&self, by: &[&str]) -> Result<Vec<usize>, QueryError> {
        let lists: Vec<_> = self.frame.lists().collect();
        let mut places: Vec<usize> = vec![];
        for name in by {
            let asked = (*name).to_owned();
            let Some(place) = lists.iter().position(|list| list.name == *name) else {
                let names: Vec<&str> = lists.iter().map(|list| list.name.as_str()).collect();
                let available = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(QueryError::UnknownDimension { asked, available });
            };
            if places.contains(&place) {
                return Err(QueryError::RepeatedDimension { asked });
            }
            places.push(place);
        }
        Ok(places)
    }

    fn cells(&self, measure: Measure, split: &Split, asked: &[usize]) -> Vec<Cell> {
        let mut strata: Vec<(Vec<usize>, usize)> = (0..split.strata)
            .map(|stratum| {
                let categories = self.lattice.categories_of(split, stratum);
                let of =
                    |d: &usize| split.dimensions.iter().zip(&categories).find(|(own, _)| *own == d);
                (asked.iter().filter_map(of).map(|(_, category)| *category).collect(), stratum)
            })
            .collect();
        strata.sort_unstable();
        let axis = self.lattice.axis(measure);
        let mut cells = Vec::with_capacity(axis.len() * strata.len());
        for (place, axis) in axis.iter().enumerate() {
            for (categories, stratum) in &strata {
                let code = |category: &usize| category.checked_sub(1).map(|code| code as u16);
                let (sources, source_types) = match measure.by_type() {
                    false => (axis.units.clone(), vec![]),
                    true => (vec![], axis.units.clone()),
                };
                cells.push(Cell {
                    sources,
                    source_types,
                    source_count: axis.unit_count,
                    order: axis.order,
                    period: axis.period,
                    returned: axis.returned,
                    codes: categories.iter().map(code).collect(),
                    number: self.numbers[self.lattice.cell(split, measure, place, *stratum)],
                });
            }
        }
        cells
    }
}

//! A released table as the monitor holds it: with names instead of places.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use samenloop_schema::{Digest, Month, RoundId};
use serde::Serialize;

/// What is counted; always people, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Unique clients of all sources together.
    Unique,
    /// Unique clients of each source.
    Sources,
    /// Unique clients known to both of two sources.
    Overlap,
    /// Unique clients by the exact set of sources that know them.
    Patterns,
    /// Unique clients by the number of sources that know them.
    Stacking,
    /// Clients of both of two sources by the order in which they came to them; with --per by when they
    /// came from the one to the other.
    Sequence,
    /// Clients in care and clients who came for the first time, per month, quarter or year.
    Trend,
    /// Clients by whether they came back after a gap.
    Recidivism,
}

/// Length of the periods of a trend or a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Calendar months.
    Month,
    /// Calendar quarters.
    Quarter,
    /// Calendar years.
    Year,
}

impl Per {
    const fn months(self) -> u16 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }
}

/// A question to a released round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is counted.
    pub measure: Measure,
    /// Whether the sources of one type are taken together.
    pub types: bool,
    /// Periods of a trend, which has months without it, or of a sequence.
    pub per: Option<Per>,
    /// Dimensions that split the counts.
    pub by: Vec<String>,
}

impl From<Measure> for Question {
    fn from(measure: Measure) -> Self {
        Self { measure, types: false, per: None, by: vec![] }
    }
}

/// Order of contacts with two sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// At least one month in common.
    Simultaneous,
    /// First the first source of the row, later the second.
    FirstThen,
    /// First the second source of the row, later the first.
    ThenFirst,
    /// The months do not tell.
    Unknown,
}

/// Which line of a trend a number belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// In contact with any source.
    InCare,
    /// The first contact of all.
    FirstContacts,
}

/// Whether clients came back after a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Returned {
    /// They did.
    CameBack,
    /// There is no such gap.
    Stayed,
    /// The months do not tell.
    Unknown,
}

/// A calendar month, quarter or year; written `2024-03`, `2024-Q1` or `2024`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first month.
    pub first: Month,
    /// 1, 3 or 12.
    pub months: u16,
}

impl Period {
    /// Whether it is one of the periods of that length.
    #[must_use]
    pub const fn is_per(self, per: Per) -> bool {
        self.months == per.months()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, year) = (self.first, self.first.year());
        match self.months {
            1 => first.fmt(f),
            3 => write!(f, "{year}-Q{}", first.index() % 12 / 3 + 1),
            _ => write!(f, "{year}"),
        }
    }
}

/// What was wrong with an earlier release of the round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// The program linked wrongly.
    Linkage,
    /// The program counted or protected wrongly.
    Tables,
}

/// The noise of a kind of number, all in people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Level {
    /// Largest absolute noise.
    pub max_noise: u32,
    /// Its variance, in people squared.
    pub variance: f64,
    /// Numbers under this are withheld.
    pub threshold: u32,
}

/// How the numbers were protected, all in people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Noise {
    /// Of what one source alone tells.
    pub one_source: Level,
    /// Of every other number.
    pub joint: Level,
    /// Numbers for which the noise of joint ones is made: those in which one client's being known to
    /// another source can show.
    pub looks: u32,
    /// Numbers from 1 up to and including this never occur.
    pub no_small: u32,
    /// Numbers are rounded to the nearest multiple of this afterwards; 1 is not at all.
    pub round_to: u32,
}

/// A protected number of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Number {
    /// With noise.
    pub count: u64,
    /// Low end of the 95 % interval from linkage uncertainty.
    pub low: u64,
    /// High end of that interval.
    pub high: u64,
}

/// One number and what it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Party ids, in the order of the round; source types where the question takes them together.
    pub sources: Vec<String>,
    /// Number of sources or source types, for stacking.
    pub source_count: Option<u32>,
    /// Order of contacts, for sequence.
    pub order: Option<Order>,
    /// When, for a trend and for a sequence per period.
    pub period: Option<Period>,
    /// Which line of a trend.
    pub line: Option<Line>,
    /// Whether they came back, for recidivism; without sources: to any of them.
    pub returned: Option<Returned>,
    /// Per dimension of the question a code; none is the category unknown.
    pub codes: Vec<Option<String>>,
    /// Whether more than one source's knowledge makes the number.
    pub joint: bool,
    /// None is withheld.
    pub number: Option<Number>,
    /// Share of all clients of the row's categories, of 1, from shown numbers only; none where either
    /// is withheld.
    pub share: Option<f64>,
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The round.
    pub round: RoundId,
    /// What the round's counts are for.
    pub purpose: String,
    /// SHA-256 of the whole release, as in the ledger.
    pub release: Digest,
    /// What was wrong with the release that this one corrects.
    pub correction: Option<Correction>,
    /// What is counted.
    pub measure: Measure,
    /// Whether the sources of one type are taken together.
    pub types: bool,
    /// Periods of a trend or a sequence.
    pub per: Option<Per>,
    /// Dimensions that split the counts.
    pub by: Vec<String>,
    /// Conditions that every row meets.
    pub filters: Vec<Filter>,
    /// Party ids, in the order of the round.
    pub parties: Vec<String>,
    /// What can stand in a row's sources: party ids, or source types.
    pub units: Vec<String>,
    /// Whole months without contact after which a client has come back.
    pub return_gap: u32,
    /// How the numbers were protected.
    pub noise: Noise,
    /// In the order of the release.
    pub rows: Vec<Row>,
}

/// `DIM=CODE`: keep the rows of one category. `unknown` is the category without a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// A dimension of the round.
    pub dimension: String,
    /// One of its codes, or `unknown`.
    pub code: String,
}

/// Why a filter cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// Not of the form.
    #[error("expected DIM=CODE, such as gemeente=GM0014")]
    Form,
    /// No such code.
    #[error("{dimension} has no code {code:?}; it has {available}")]
    UnknownCode {
        /// The dimension.
        dimension: String,
        /// As asked.
        code: String,
        /// Its codes.
        available: String,
    },
}

/// How the category without a code is written in filters.
pub(crate) const UNKNOWN: &str = "unknown";

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        match text.split_once('=') {
            Some((dimension, code)) if !dimension.is_empty() && !code.is_empty() => {
                Ok(Self { dimension: dimension.to_owned(), code: code.to_owned() })
            }
            _ => Err(FilterError::Form),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.dimension, self.code)
    }
}

impl Report {
    /// The noise of a row's number.
    #[must_use]
    pub const fn level(&self, row: &Row) -> Level {
        if row.joint { self.noise.joint } else { self.noise.one_source }
    }

    /// Keeps the rows that meet the filter on a dimension of the question. With `hide` the dimension
    /// is then left out of the rows, which all have the same code.
    pub fn keep(&mut self, filter: &Filter, hide: bool) -> Result<(), FilterError> {
        let name_of = |code: &Option<String>| code.as_deref().unwrap_or(UNKNOWN).to_owned();
        let place = self.by.iter().position(|name| *name == filter.dimension);
        let matching = |row: &Row| place.is_some_and(|p| name_of(&row.codes[p]) == filter.code);
        if !self.rows.iter().any(matching) {
            let mut codes: Vec<String> = vec![];
            for code in self.rows.iter().filter_map(|row| Some(name_of(&row.codes[place?]))) {
                if !codes.contains(&code) {
                    codes.push(code);
                }
            }
            return Err(FilterError::UnknownCode {
                dimension: filter.dimension.clone(),
                code: filter.code.clone(),
                available: codes.join(", "),
            });
        }
        self.rows.retain(matching);
        self.filters.push(filter.clone());
        if let Some(place) = place.filter(|_| hide) {
            self.by.remove(place);
            for row in &mut self.rows {
                row.codes.remove(place);
            }
        }
        Ok(())
    }
}

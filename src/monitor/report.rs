//! A released table as the monitor holds it: with names instead of places.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use samenloop_schema::{Digest, RoundId};
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
    /// Clients of both of two sources by the order in which they came to them.
    Sequence,
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

/// How the numbers were protected, all in people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Noise {
    /// Largest absolute noise.
    pub max_noise: u32,
    /// Its variance, in people squared.
    pub variance: f64,
    /// Numbers from 1 up to and including this never occur.
    pub no_small: u32,
    /// Numbers under this are withheld.
    pub threshold: u32,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Party ids, in the order of the round.
    pub sources: Vec<String>,
    /// Number of sources, for stacking.
    pub source_count: Option<u32>,
    /// Order of contacts, for sequence.
    pub order: Option<Order>,
    /// Per dimension of the question a code; none is the category unknown.
    pub codes: Vec<Option<String>>,
    /// None is withheld.
    pub number: Option<Number>,
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
    /// What is counted.
    pub measure: Measure,
    /// Dimensions that split the counts.
    pub by: Vec<String>,
    /// Conditions that every row meets.
    pub filters: Vec<Filter>,
    /// Party ids, in the order of the round.
    pub parties: Vec<String>,
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

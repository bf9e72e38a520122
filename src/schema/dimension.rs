//! Code lists by which counts can be asked, and the columns of the contact's months.

use serde::{Deserialize, Serialize};

/// Columns of the contact's months.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Headers of the first month (a month or a date).
    pub start: Vec<String>,
    /// Headers of the last month; empty while the contact goes on.
    pub end: Vec<String>,
}

/// A code list by which counts can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Flat", into = "Flat")]
pub struct Dimension {
    /// Its name in questions, such as `gemeente`.
    pub name: String,
    /// Where its code comes from.
    pub source: DimensionSource,
}

/// Where a record's code comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DimensionSource {
    /// A column holds the code itself.
    Column {
        /// Headers under which an extract may have it.
        columns: Vec<String>,
        /// The code list; any other value is unknown.
        codes: Vec<String>,
    },
    /// Age in whole years at the first of January of a year, cut into bands.
    AgeBand {
        /// The birth date field.
        birth_date: String,
        /// The year.
        year: u32,
        /// Ages at which a band begins, ascending; the first band begins at 0.
        bands_from: Vec<u32>,
    },
}

impl Dimension {
    /// The codes, in the order of their indices.
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        match &self.source {
            DimensionSource::Column { codes, .. } => codes.clone(),
            DimensionSource::AgeBand { bands_from, .. } => {
                let upper = bands_from.iter().map(|from| Some(from.saturating_sub(1)));
                std::iter::once(&0)
                    .chain(bands_from)
                    .zip(upper.chain([None]))
                    .map(|(from, to)| to.map_or(format!("{from}+"), |to| format!("{from}-{to}")))
                    .collect()
            }
        }
    }
}

/// A dimension as it stands in the file: one table, whose keys say which kind it is. Serde can
/// refuse an unknown key here, which it cannot in a flattened enumeration.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    codes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    birth_date: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    year: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bands_from: Option<Vec<u32>>,
}

impl TryFrom<Flat> for Dimension {
    type Error = String;

    fn try_from(flat: Flat) -> Result<Self, String> {
        let Flat { name, columns, codes, birth_date, year, bands_from } = flat;
        let source = match (columns, codes, birth_date, year, bands_from) {
            (Some(columns), Some(codes), None, None, None) => {
                DimensionSource::Column { columns, codes }
            }
            (None, None, Some(birth_date), Some(year), Some(bands_from)) => {
                DimensionSource::AgeBand { birth_date, year, bands_from }
            }
            _ => {
                return Err(format!(
                    "dimension \"{name}\" needs either columns and codes, or birth_date, year and bands_from"
                ));
            }
        };
        Ok(Self { name, source })
    }
}

impl From<Dimension> for Flat {
    fn from(Dimension { name, source }: Dimension) -> Self {
        let none = Self {
            name,
            columns: None,
            codes: None,
            birth_date: None,
            year: None,
            bands_from: None,
        };
        match source {
            DimensionSource::Column { columns, codes } => {
                Self { columns: Some(columns), codes: Some(codes), ..none }
            }
            DimensionSource::AgeBand { birth_date, year, bands_from } => Self {
                birth_date: Some(birth_date),
                year: Some(year),
                bands_from: Some(bands_from),
                ..none
            },
        }
    }
}

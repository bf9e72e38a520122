//! A problem, as every check tells it.

use std::fmt;

use samenloop_schema::RoundId;
use serde::Serialize;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What must hold.
    pub rule: &'static str,
    /// What was found instead; never content of a submission.
    pub evidence: String,
}

impl Finding {
    pub(crate) fn new(place: Place, rule: &'static str, evidence: impl Into<String>) -> Self {
        Self { place, rule, evidence: evidence.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)?;
        if self.evidence.is_empty() { Ok(()) } else { write!(f, " ({})", self.evidence) }
    }
}

/// Where a finding is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The signed checkpoint.
    Checkpoint,
    /// An entry of the ledger.
    Entry {
        /// Its index, from 0.
        index: u64,
        /// Its kind, where it can be read.
        kind: Option<&'static str>,
    },
    /// A round as a whole.
    Round {
        /// Its id.
        round: RoundId,
    },
    /// A file of the data directory.
    File {
        /// Its name.
        name: String,
    },
    /// A table of the store.
    Table {
        /// Its name.
        name: String,
        /// The key of a row, hexadecimal, where the finding is about one row.
        key: Option<String>,
    },
    /// The unsealed rows of a submission.
    Rows {
        /// The round.
        round: RoundId,
        /// Place of the party in the manifest.
        party: u32,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => write!(f, "checkpoint"),
            Self::Entry { index, kind: Some(kind) } => write!(f, "entry {index} ({kind})"),
            Self::Entry { index, kind: None } => write!(f, "entry {index}"),
            Self::Round { round } => write!(f, "round {round}"),
            Self::File { name } => write!(f, "file {name}"),
            Self::Table { name, key: Some(key) } => write!(f, "table {name}, key {key}"),
            Self::Table { name, key: None } => write!(f, "table {name}"),
            Self::Rows { round, party } => write!(f, "rows of party {party} in round {round}"),
        }
    }
}

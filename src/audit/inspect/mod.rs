//! What lies in a data directory: sealed, that it is typed metadata and ciphertext of the right
//! length; unsealed, that the rows are what the ledger says and hold nothing else.

mod control;
mod files;
mod metadata;
mod open;
mod rules;
mod statistics;
mod unseal;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;

pub use files::FileSeen;
pub use metadata::TableSeen;
pub use open::{KeyFileError, OpenError, read_wrapping_key};
pub use statistics::EncodingSeen;
pub use unseal::Unsealed;

use crate::finding::Finding;
use crate::scan::{Coding, Markers};
use metadata::Metadata;

/// What to inspect, and how far.
pub struct InspectJob<'a> {
    /// The service's data directory, or a copy of it.
    pub data_dir: &'a Path,
    /// With it the rows are decrypted in memory; the operator's to give.
    pub wrapping_key: Option<Zeroizing<[u8; 32]>>,
    /// Identities that must be nowhere.
    pub markers: &'a Markers,
}

/// What was inspected and what was found.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Each table of the database.
    pub tables: Vec<TableSeen>,
    /// Bytes of keys and values, by what they are.
    pub bytes: Bytes,
    /// Bytes of the database file, by where they lie.
    pub pages: Pages,
    /// Files of the data directory, and others that were searched.
    pub files: Vec<FileSeen>,
    /// Ledger entries that hash to their leaf.
    pub entries: u64,
    /// What the rows showed; none if they stayed sealed.
    pub unsealed: Option<Unsealed>,
    /// Markers that were searched for.
    pub markers: usize,
    /// Places where a marker stands, by its coding. Never which marker.
    pub hits: BTreeMap<Coding, u64>,
    /// Whether what was planted in a copy was found. If not, finding nothing means nothing.
    pub control_found: bool,
    /// What is not as it must be; empty if all is well.
    pub findings: Vec<Finding>,
}

impl Inspection {
    /// Whether nothing was found and the control was.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.is_empty() && self.control_found
    }
}

/// Bytes of keys and values, by what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// Keys: ids, places and numbers.
    pub keys: u64,
    /// Integers, digests and salts.
    pub metadata: u64,
    /// Manifests and linkage schemas.
    pub public_files: u64,
    /// Encrypted rows, partitions and data keys.
    pub ciphertext: u64,
    /// Released tables.
    pub released: u64,
    /// What no rule explains.
    pub unexplained: u64,
}

impl Bytes {
    /// Bytes that a rule explains.
    #[must_use]
    pub fn explained(&self) -> u64 {
        self.keys + self.metadata + self.public_files + self.ciphertext + self.released
    }
}

/// Bytes of the database file, by where they lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pages {
    /// Keys and values of tables, each counted in [`Bytes`].
    pub stored: u64,
    /// What holds pages together.
    pub structure: u64,
    /// Unused within pages that are in use.
    pub unused: u64,
    /// Free pages, superseded ones with what was deleted, and the database's own: searched for
    /// identities and personal data, and not explained otherwise.
    pub superseded: u64,
}

/// Inspects a data directory. Nothing in it is written.
pub fn inspect(job: &InspectJob<'_>) -> Result<Inspection, OpenError> {
    inspect_with(job, &[])
}

/// The same, and searches other files and whatever lies below other directories: logs, core dumps,
/// temporary files.
pub fn inspect_with(job: &InspectJob<'_>, also: &[PathBuf]) -> Result<Inspection, OpenError> {
    let database = open::open(job.data_dir)?;
    let read =
        database.begin_read().map_err(|error| OpenError::Database(Box::new(error.into())))?;
    let mut findings = vec![];
    let mut hits = BTreeMap::new();
    let metadata = Metadata::read(&read, &mut findings)?;
    rules::check(&metadata, &mut findings);
    let public = metadata.public_kinds();
    let mut search = files::Search {
        markers: job.markers,
        public: &public,
        hits: &mut hits,
        findings: &mut findings,
    };
    let mut files = search.data_dir(job.data_dir)?;
    for path in also {
        files.extend(search.elsewhere(path)?);
    }
    let database_bytes = files.iter().find(|file| file.name == samenloop_wire::store::FILE);
    let mut pages = metadata.pages;
    pages.superseded = database_bytes
        .map_or(0, |file| file.bytes)
        .saturating_sub(pages.stored + pages.structure + pages.unused);
    let mut unsealed = None;
    let mut first_row = Zeroizing::new(vec![]);
    if let Some(key) = &job.wrapping_key {
        let mut rows = unseal::Unsealing::new(&read, &metadata, key, job.markers);
        rows.walk(&mut hits, &mut findings)?;
        (unsealed, first_row) = rows.finish(&mut findings);
    }
    Ok(Inspection {
        data_dir: job.data_dir.to_owned(),
        tables: metadata.tables,
        bytes: metadata.bytes,
        pages,
        files,
        entries: metadata.entries.values().filter(|entry| entry.is_some()).count() as u64,
        unsealed,
        markers: job.markers.len(),
        hits,
        control_found: control::found(&first_row),
        findings,
    })
}

#[cfg(test)]
mod store_samples;
#[cfg(test)]
mod tests;

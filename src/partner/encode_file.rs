//! A partner's file to an extract.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use samenloop_encode::RoundKeys;
use samenloop_schema::{Digest, KeyCheckValue, LinkageSchema, SchemaError, SubmissionId};
use serde::Serialize;

use crate::extract::{self, ExtractError};
use crate::key_file::{self, KeyFileError};
use crate::private_file;
use crate::quality::QualityReport;
use crate::survey::{Progress, SurveyError, spill, spill_clks};

/// What is to be encoded, with what, and where to.
#[derive(Debug, Clone)]
pub struct EncodeJob {
    /// The schema file.
    pub schema: PathBuf,
    /// The key file.
    pub key: PathBuf,
    /// The registrations; may be absent if there are CLKs.
    pub csv: Option<PathBuf>,
    /// CLKs that were made of the registrations before, for a schema that takes them.
    pub clks: Option<PathBuf>,
    /// The extract.
    pub out: PathBuf,
    /// Whether rows that cannot be read are left out; otherwise they are a reason to stop.
    pub skip_bad_rows: bool,
    /// Whether an existing extract is replaced.
    pub force: bool,
}

/// What was encoded.
#[derive(Debug, Clone, Serialize)]
pub struct EncodeReport {
    /// The extract.
    pub extract: PathBuf,
    /// Its identity.
    pub submission_id: SubmissionId,
    /// Of the schema.
    pub schema_hash: Digest,
    /// Of the key.
    pub key_check_value: KeyCheckValue,
    /// What is to be known of the data.
    pub quality: QualityReport,
}

/// Why nothing was encoded. No extract is left then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The schema file.
    #[error(transparent)]
    Schema(#[from] SchemaFileError),
    /// The schema would let encodings leave that fall to known attacks.
    #[error("{}: {reason}", path.display())]
    NotHardened {
        /// The schema file.
        path: PathBuf,
        /// The rule.
        reason: SchemaError,
    },
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The registrations.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The schema takes CLKs and there are none, or there is nothing to read at all.
    #[error("the schema takes CLKs; give their file with --clks")]
    ClksMissing,
    /// No row can be linked.
    #[error("{}: no row can be linked, so there is nothing to submit; run `samenloop-partner schema check` with this file", path.display())]
    NothingToSubmit {
        /// The file of registrations.
        path: PathBuf,
    },
    /// The extract.
    #[error(transparent)]
    Extract(#[from] ExtractError),
}

/// Why a schema file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaFileError {
    /// The system does not give the file.
    #[error("{}: cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: io::Error,
    },
    /// It is no schema.
    #[error("{}: {reason}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// The rule.
        reason: SchemaError,
    },
}

/// Reads a schema file.
pub fn read_schema(path: &Path) -> Result<LinkageSchema, SchemaFileError> {
    let text = fs::read_to_string(path)
        .map_err(|reason| SchemaFileError::Read { path: path.to_owned(), reason })?;
    LinkageSchema::from_toml(&text)
        .map_err(|reason| SchemaFileError::Schema { path: path.to_owned(), reason })
}

/// Encodes a file. The extract appears whole or not at all.
pub fn encode_file(job: &EncodeJob, progress: &dyn Progress) -> Result<EncodeReport, EncodeError> {
    if !job.force {
        private_file::refuse_existing(&job.out).map_err(ExtractError::from)?;
    }
    let schema = read_schema(&job.schema)?;
    schema
        .check_hardened()
        .map_err(|reason| EncodeError::NotHardened { path: job.schema.clone(), reason })?;
    let keys = RoundKeys::derive(&key_file::read(&job.key)?, &schema);
    let directory = match job.out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut spilled = match (&job.clks, &job.csv) {
        (Some(clks), csv) => spill_clks(clks, csv.as_deref(), &schema, &keys, directory, progress)?,
        (None, Some(_)) if schema.clk_encoding().is_some() => return Err(EncodeError::ClksMissing),
        (None, Some(csv)) => spill(csv, &schema, &keys, job.skip_bad_rows, directory, progress)?,
        (None, None) => return Err(EncodeError::ClksMissing),
    };
    let count = spilled.report.records;
    if count == 0 {
        return Err(EncodeError::NothingToSubmit { path: spilled.report.file });
    }
    let header = extract::write(
        &job.out,
        &schema,
        keys.key_check_value(),
        count,
        |put| spilled.each(|_, row| put(row)),
        job.force,
    )?;
    let report = spilled.report;
    Ok(EncodeReport {
        extract: job.out.clone(),
        submission_id: header.submission_id,
        schema_hash: header.schema_hash,
        key_check_value: header.key_check_value,
        quality: report,
    })
}

#[cfg(test)]
mod tests;

//! A file to records, with the report on its quality: what encoding and checking have in common.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use samenloop_encode::{Encoder, EncoderError, RoundKeys};
use samenloop_schema::{LinkageSchema, Record, RowRule, drop_common_keys};

use crate::mapping::{Mapping, MappingError};
use crate::quality::QualityReport;
use crate::table::{BadRow, Row, TableError, TableReader};

/// Rows that are encoded at a time.
const CHUNK: usize = 4096;

/// Bad rows that an error lists; it counts the others.
const LISTED: usize = 20;

/// How far reading and encoding is.
pub trait Progress: Sync {
    /// Rows encoded so far, and how much of the file that is, from 0 to 1000.
    fn encoded(&self, rows: u64, permille: u32);
}

/// Says nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn encoded(&self, _rows: u64, _permille: u32) {}
}

/// Why a file could not be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurveyError {
    /// The file is no table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The table does not fit the schema.
    #[error("{}: {reason}", path.display())]
    Mapping {
        /// The file.
        path: PathBuf,
        /// How it does not fit.
        reason: MappingError,
    },
    /// Rows cannot be read, and they were not to be skipped.
    #[error("{}", bad_rows(path, rows, *more))]
    BadRows {
        /// The file.
        path: PathBuf,
        /// The first of them.
        rows: Vec<BadRow>,
        /// How many there are besides.
        more: usize,
    },
    /// The schema and keys do not make an encoder.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// A record breaks a rule that the service would refuse it by.
    #[error("{}, line {line}: the record {rule}; this is an error of this program or of the schema's bounds", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Line of the file, from 1.
        line: u64,
        /// The rule.
        rule: RowRule,
    },
}

fn bad_rows(path: &Path, rows: &[BadRow], more: usize) -> String {
    let mut text = format!(
        "{}: {} rows cannot be read; correct them, or leave them out with --skip-bad-rows",
        path.display(),
        rows.len() + more
    );
    for row in rows {
        text.push_str(&format!("\n  {row}"));
    }
    if more > 0 {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

/// Records to submit and what is to be said about them.
pub struct Survey {
    /// In file order, without the rows that nothing can link.
    pub records: Vec<Record>,
    /// Lines of the file on which their rows begin, from 1.
    pub lines: Vec<u64>,
    /// The report.
    pub report: QualityReport,
}

/// Reads and encodes a file.
pub fn survey(
    path: &Path,
    schema: &LinkageSchema,
    keys: &RoundKeys,
    skip_bad_rows: bool,
    progress: &dyn Progress,
) -> Result<Survey, SurveyError> {
    let encoder = Encoder::new(schema, keys)?;
    let shape = schema.shape();
    let mut reader = TableReader::open(path)?;
    let mapping = Mapping::new(schema, reader.headers())
        .map_err(|reason| SurveyError::Mapping { path: path.to_owned(), reason })?;
    let mut report =
        QualityReport::new(path.to_owned(), reader.dialect(), schema, &mapping, reader.headers());
    let (mut records, mut lines) = (vec![], vec![]);
    let mut rows: Vec<Row> = Vec::with_capacity(CHUNK);
    loop {
        let next = reader.next_row()?;
        let ended = next.is_none();
        match next {
            Some(Ok(row)) => rows.push(row),
            Some(Err(bad)) => report.bad_rows.push(bad),
            None => {}
        }
        if rows.len() < CHUNK && !ended {
            continue;
        }
        let encoded: Vec<_> = rows
            .par_iter()
            .map(|row| {
                let (person, oddities) = mapping.person(row);
                (row.line, encoder.encode(&person), oddities)
            })
            .collect();
        rows.clear();
        for (line, record, oddities) in encoded {
            report.add_row(line, &oddities);
            match shape.check(&record) {
                Ok(()) => {
                    records.push(record);
                    lines.push(line);
                }
                Err(RowRule::Empty) => report.add_unlinkable(line),
                Err(rule) => return Err(SurveyError::Record { path: path.to_owned(), line, rule }),
            }
        }
        progress.encoded(report.rows, reader.permille());
        if ended {
            break;
        }
    }
    report.blank_rows = reader.blank_rows();
    if !report.bad_rows.is_empty() && !skip_bad_rows {
        let mut rows = std::mem::take(&mut report.bad_rows);
        let more = rows.len().saturating_sub(LISTED);
        rows.truncate(LISTED);
        return Err(SurveyError::BadRows { path: path.to_owned(), rows, more });
    }
    report.dropped_match_keys = drop_common_keys(&mut records, schema.max_key_multiplicity);
    let linkable: Vec<bool> = records.iter().map(|record| shape.check(record).is_ok()).collect();
    let mut keep = linkable.iter();
    records.retain(|_| keep.next().is_some_and(|keep| *keep));
    let mut kept = Vec::with_capacity(records.len());
    for (line, linkable) in lines.into_iter().zip(linkable) {
        if linkable {
            kept.push(line);
        } else {
            report.add_unlinkable(line);
        }
    }
    report.add_records(&records, &kept);
    Ok(Survey { records, lines: kept, report })
}

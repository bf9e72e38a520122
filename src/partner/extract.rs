//! The file that a partner submits: pseudonymised rows and what they were made with.
//!
//! All numbers are little-endian. The layout is fixed by [`VERSION`]:
//!
//! | bytes | what |
//! |---|---|
//! | 16 | `SAMENLOOPEXTRACT` |
//! | 4 | version |
//! | 32 | SHA-256 of the round's label |
//! | 32 | hash of the linkage schema |
//! | 16 | key check value |
//! | 16 | submission id |
//! | 2, then 12 each | number of encodings; bits, fewest and most set bits of each |
//! | 2 | number of match keys |
//! | 2, then 2 each | number of dimensions; codes of each |
//! | 4 | rows in a batch |
//! | 8 | rows |
//! | rows | each as [`RecordShape::write_row`] lays it out |
//! | 32 | SHA-256 of everything before |

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use samenloop_schema::{
    Digest, EncodingShape, KeyCheckValue, LinkageSchema, Record, RecordShape, RoundId, RowRule,
    SubmissionId,
};
use samenloop_wire::{Batch, MAX_BATCH_BYTES, MAX_BATCH_RECORDS};
use sha2::{Digest as _, Sha256};

use crate::private_file::{self, PrivateFileError};

const MAGIC: &[u8; 16] = b"SAMENLOOPEXTRACT";

/// The layout that this program writes and reads.
pub const VERSION: u32 = 1;

/// Why an extract cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The system does not give the file.
    #[error("{}: cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: io::Error,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] PrivateFileError),
    /// The operating system gave no random bytes for the submission id.
    #[error("the operating system gave no random bytes")]
    Randomness,
    /// Another kind of file.
    #[error("{}: this is not an extract; make one with `samenloop-partner encode`", path.display())]
    NotAnExtract {
        /// The file.
        path: PathBuf,
    },
    /// Another layout.
    #[error("{}: extract version {found} is not known; encode again with this program", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
    },
    /// The file is not as it was written.
    #[error("{}: the extract is damaged ({what}); encode again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// A row breaks a rule of the schema.
    #[error("{}: row {row}: {rule}; encode again", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Row of the extract, from 0.
        row: u64,
        /// The rule.
        rule: RowRule,
    },
}

/// What stands before the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// SHA-256 of the round's label.
    pub round_label: Digest,
    /// Hash of the linkage schema.
    pub schema_hash: Digest,
    /// Of the key that the rows were made with.
    pub key_check_value: KeyCheckValue,
    /// Drawn when the rows were encoded.
    pub submission_id: SubmissionId,
    /// Of every row.
    pub shape: RecordShape,
    /// Rows in every batch but the last: fixed here, so that an upload can be resumed by a later
    /// version of this program.
    pub rows_per_batch: u32,
    /// Rows in the file.
    pub rows: u64,
}

/// An extract whose every byte has been checked.
#[derive(Debug)]
pub struct Extract {
    path: PathBuf,
    header: Header,
    rows_at: u64,
    file: File,
}

/// Most bytes of a batch that this program makes; the service takes twice as many.
const BATCH_BYTES: usize = MAX_BATCH_BYTES / 2;

fn rows_per_batch(shape: &RecordShape) -> u32 {
    // Tag and length of each value, 5 bytes at most, and of the record itself.
    let values = shape.encodings.len() + shape.match_keys + shape.dimensions.len();
    let record = shape.row_len() + 5 * values + 24;
    (BATCH_BYTES / record).clamp(1, MAX_BATCH_RECORDS) as u32
}

impl Header {
    fn new(
        schema: &LinkageSchema,
        key_check_value: KeyCheckValue,
        rows: u64,
    ) -> Result<Self, ExtractError> {
        let mut submission_id = SubmissionId([0; SubmissionId::LEN]);
        getrandom::fill(&mut submission_id.0).map_err(|_| ExtractError::Randomness)?;
        let shape = schema.shape();
        Ok(Self {
            round_label: Digest::of(schema.round.as_bytes()),
            schema_hash: schema.hash(),
            key_check_value,
            submission_id,
            rows_per_batch: rows_per_batch(&shape),
            shape,
            rows,
        })
    }

    /// Batches of the whole extract.
    #[must_use]
    pub fn batches(&self) -> u32 {
        self.rows.div_ceil(self.rows_per_batch.into()) as u32
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend(self.round_label.0);
        out.extend(self.schema_hash.0);
        out.extend(self.key_check_value.0);
        out.extend(self.submission_id.0);
        let short = |len: usize| (len as u16).to_le_bytes();
        out.extend(short(self.shape.encodings.len()));
        for EncodingShape { bits, min_ones, max_ones } in &self.shape.encodings {
            out.extend([bits, min_ones, max_ones].into_iter().flat_map(|n| n.to_le_bytes()));
        }
        out.extend(short(self.shape.match_keys));
        out.extend(short(self.shape.dimensions.len()));
        out.extend(self.shape.dimensions.iter().flat_map(|codes| codes.to_le_bytes()));
        out.extend(self.rows_per_batch.to_le_bytes());
        out.extend(self.rows.to_le_bytes());
        out
    }

    /// Reads a header; none if the source ends in it.
    fn read(source: &mut impl Read) -> io::Result<Result<Self, HeaderFault>> {
        if take(source)? != *MAGIC {
            return Ok(Err(HeaderFault::Magic));
        }
        let version = u32::from_le_bytes(take(source)?);
        if version != VERSION {
            return Ok(Err(HeaderFault::Version(version)));
        }
        let round_label = Digest(take(source)?);
        let schema_hash = Digest(take(source)?);
        let key_check_value = KeyCheckValue(take(source)?);
        let submission_id = SubmissionId(take(source)?);
        let mut encodings = vec![];
        for _ in 0..u16::from_le_bytes(take(source)?) {
            let [bits, min_ones, max_ones] =
                [take(source)?, take(source)?, take(source)?].map(u32::from_le_bytes);
            encodings.push(EncodingShape { bits, min_ones, max_ones });
        }
        let match_keys = u16::from_le_bytes(take(source)?).into();
        let mut dimensions = vec![];
        for _ in 0..u16::from_le_bytes(take(source)?) {
            dimensions.push(u16::from_le_bytes(take(source)?));
        }
        let rows_per_batch = u32::from_le_bytes(take(source)?);
        let rows = u64::from_le_bytes(take(source)?);
        let legal = (1..=MAX_BATCH_RECORDS as u32).contains(&rows_per_batch)
            && encodings.iter().all(|shape| shape.bits % 64 == 0 && shape.bits <= 1 << 16)
            && rows.div_ceil(rows_per_batch.into()) <= u32::MAX.into();
        let shape = RecordShape { encodings, match_keys, dimensions };
        Ok(if legal {
            Ok(Self {
                round_label,
                schema_hash,
                key_check_value,
                submission_id,
                shape,
                rows_per_batch,
                rows,
            })
        } else {
            Err(HeaderFault::Illegal)
        })
    }
}

enum HeaderFault {
    Magic,
    Version(u32),
    Illegal,
}

fn take<const LEN: usize>(source: &mut impl Read) -> io::Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Writes an extract whole or not at all: into a temporary file of the same directory, which only
/// its owner can read, then in one step to its name. `each` hands over the `count` rows.
pub fn write(
    path: &Path,
    schema: &LinkageSchema,
    key_check_value: KeyCheckValue,
    count: u64,
    each: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    replace: bool,
) -> Result<Header, ExtractError> {
    let header = Header::new(schema, key_check_value, count)?;
    private_file::write(path, replace, |file| {
        let mut hash = Sha256::new();
        let mut put = |bytes: &[u8]| {
            hash.update(bytes);
            file.write_all(bytes)
        };
        put(&header.to_bytes())?;
        let mut left = count;
        each(&mut |row| {
            left = left.checked_sub(1).ok_or(io::ErrorKind::InvalidData)?;
            put(row)
        })?;
        if left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_all(&hash.finalize())
    })?;
    Ok(header)
}

impl Extract {
    /// Opens an extract and checks its length and its hash.
    pub fn open(path: &Path) -> Result<Self, ExtractError> {
        let read = |reason| ExtractError::Read { path: path.to_owned(), reason };
        let damaged = |what| ExtractError::Damaged { path: path.to_owned(), what };
        let mut file = File::open(path).map_err(read)?;
        let mut source = BufReader::new(&mut file);
        let header = match Header::read(&mut source) {
            Ok(Ok(header)) => header,
            Ok(Err(HeaderFault::Version(found))) => {
                return Err(ExtractError::Version { path: path.to_owned(), found });
            }
            Ok(Err(HeaderFault::Illegal)) => return Err(damaged("its header cannot be true")),
            Ok(Err(HeaderFault::Magic)) => {
                return Err(ExtractError::NotAnExtract { path: path.to_owned() });
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(ExtractError::NotAnExtract { path: path.to_owned() });
            }
            Err(error) => return Err(read(error)),
        };
        let rows_at = header.to_bytes().len() as u64;
        let body = rows_at + header.rows.saturating_mul(header.shape.row_len() as u64);
        drop(source);
        if file.metadata().map_err(read)?.len() != body.saturating_add(32) {
            return Err(damaged("it is longer or shorter than its header says"));
        }
        file.rewind().map_err(read)?;
        let mut hash = Sha256::new();
        let mut source = BufReader::with_capacity(1 << 16, &mut file);
        let mut left = body;
        let mut chunk = vec![0; 1 << 16];
        while left > 0 {
            let len = left.min(chunk.len() as u64) as usize;
            source.read_exact(&mut chunk[..len]).map_err(read)?;
            hash.update(&chunk[..len]);
            left -= len as u64;
        }
        let expected: [u8; 32] = take(&mut source).map_err(read)?;
        drop(source);
        if <[u8; 32]>::from(hash.finalize()) != expected {
            return Err(damaged("its hash does not fit"));
        }
        Ok(Self { path: path.to_owned(), header, rows_at, file })
    }

    /// What stands before the rows.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The records of one batch, each checked against the shape; empty beyond the last.
    pub fn batch(&mut self, number: u32) -> Result<Vec<Record>, ExtractError> {
        let rows = self.rows(number)?;
        let shape = &self.header.shape;
        let records = rows.chunks(shape.row_len()).map(|row| shape.read_row(row)).enumerate();
        records.map(|(place, row)| row.map_err(|rule| self.broken(number, place, rule))).collect()
    }

    /// One batch as it is sent; the service checks its rows.
    pub(crate) fn message(&mut self, round: &RoundId, number: u32) -> Result<Batch, ExtractError> {
        let rows = self.rows(number)?;
        let Header { shape, submission_id, key_check_value, .. } = &self.header;
        Batch::of_rows(shape, (round, submission_id, key_check_value), number, &rows)
            .map_err(|rule| self.broken(number, 0, rule))
    }

    fn broken(&self, batch: u32, place: usize, rule: RowRule) -> ExtractError {
        let row = u64::from(batch) * u64::from(self.header.rows_per_batch) + place as u64;
        ExtractError::Row { path: self.path.clone(), row, rule }
    }

    fn rows(&mut self, number: u32) -> Result<Vec<u8>, ExtractError> {
        let Header { shape, rows_per_batch, rows, .. } = &self.header;
        let first = u64::from(number) * u64::from(*rows_per_batch);
        let count = rows.saturating_sub(first).min(u64::from(*rows_per_batch));
        let row_len = shape.row_len();
        let read = |reason| ExtractError::Read { path: self.path.clone(), reason };
        self.file.seek(SeekFrom::Start(self.rows_at + first * row_len as u64)).map_err(read)?;
        let mut bytes = vec![0; count as usize * row_len];
        self.file.read_exact(&mut bytes).map_err(read)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;

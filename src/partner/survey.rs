//! A file to records, with the report on its quality: what encoding and checking have in common.

use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use samenloop_encode::{Encoder, EncoderError, Person, RoundKeys};
use samenloop_schema::{LinkageSchema, Record, RecordShape, RowRule};
use zeroize::Zeroizing;

use crate::clk_file::{self, ClkFileError};
use crate::mapping::{Mapping, MappingError, Oddity};
use crate::quality::QualityReport;
use crate::spill::{Bits, Counted, Fingerprint, Rows, Tally};
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
    /// The file of CLKs.
    #[error(transparent)]
    Clks(#[from] ClkFileError),
    /// CLKs, but a schema that has no use for them.
    #[error(
        "the schema has no encoding of CLKs; add one with `clks = true`, or draft a schema with `schema init --clks`"
    )]
    NoClkEncoding,
    /// The rows are not those of the CLKs.
    #[error("{}: {rule}; the rows must be those that {} was made of, in the same order", csv.display(), clks.display())]
    Unpaired {
        /// The rows.
        csv: PathBuf,
        /// The CLKs.
        clks: PathBuf,
        /// What does not fit.
        rule: String,
    },
    /// Rows wait on disk while the file is read, and the system refuses.
    #[error("rows cannot wait on disk until the whole file is read: {0}; free some space there")]
    Spill(#[from] io::Error),
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

/// Reads and encodes a file, and keeps all records in memory.
pub fn survey(
    path: &Path,
    schema: &LinkageSchema,
    keys: &RoundKeys,
    skip_bad_rows: bool,
    progress: &dyn Progress,
) -> Result<Survey, SurveyError> {
    let directory = std::env::temp_dir();
    let mut spilled = spill(path, schema, keys, skip_bad_rows, &directory, progress)?;
    let shape = schema.shape();
    let (mut records, mut lines) = (vec![], vec![]);
    spilled.each::<SurveyError>(|line, row| {
        records.push(shape.read_row(row).map_err(|rule| SurveyError::Record {
            path: path.to_owned(),
            line,
            rule,
        })?);
        lines.push(line);
        Ok(())
    })?;
    Ok(Survey { records, lines, report: spilled.report })
}

/// Records to submit, on disk, and what is to be said about them.
pub struct Spilled {
    /// The report.
    pub report: QualityReport,
    rows: Rows,
    layout: Layout,
    dropped: Bits,
}

impl Spilled {
    /// Goes through the records to submit in file order: the line on which each begins, from 1, and
    /// its row as [`RecordShape::write_row`] lays it out.
    pub fn each<E: From<io::Error>>(
        &mut self,
        mut sink: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { rows, layout, dropped, .. } = self;
        rows.each(|place, line, row| {
            layout.drop_keys(place, dropped, row);
            if layout.is_linkable(row) { sink(line, row) } else { Ok(()) }
        })
    }
}

/// Where the parts of a row are: presence bits, encodings, match keys, what is disclosed.
struct Layout {
    presence: usize,
    encodings: Vec<std::ops::Range<usize>>,
    match_keys: Vec<std::ops::Range<usize>>,
    disclosed: std::ops::Range<usize>,
}

impl Layout {
    fn new(shape: &RecordShape) -> Self {
        let presence = (shape.encodings.len() + shape.match_keys).div_ceil(8);
        let mut at = presence;
        let mut next = |len: usize| {
            at += len;
            at - len..at
        };
        let encodings = shape.encodings.iter().map(|shape| next(shape.bytes())).collect();
        let match_keys = (0..shape.match_keys).map(|_| next(32)).collect();
        let disclosed = at..shape.row_len();
        Self { presence, encodings, match_keys, disclosed }
    }

    fn has(row: &[u8], place: usize) -> bool {
        row[place / 8] >> (place % 8) & 1 == 1
    }

    /// The encodings and match keys that a row has: place among both, and bytes.
    fn values<'r>(&self, row: &'r [u8]) -> impl Iterator<Item = (usize, &'r [u8])> {
        let parts = self.encodings.iter().chain(&self.match_keys).enumerate();
        parts
            .filter(|(place, _)| Self::has(row, *place))
            .map(|(place, at)| (place, &row[at.clone()]))
    }

    /// Where a dimension, or behind the last of them both months, stands among what is disclosed.
    fn left_out(&self, place: usize) -> std::ops::Range<usize> {
        let months = self.disclosed.len() - 4;
        if 2 * place < months { 2 * place..2 * place + 2 } else { months..months + 4 }
    }

    fn is_linkable(&self, row: &[u8]) -> bool {
        row[..self.presence].iter().any(|byte| *byte != 0)
    }

    fn drop_keys(&self, place: u64, dropped: &Bits, row: &mut [u8]) {
        for (key, at) in self.match_keys.iter().enumerate() {
            if dropped.get(place * self.match_keys.len() as u64 + key as u64) {
                let bit = self.encodings.len() + key;
                row[bit / 8] &= !(1 << (bit % 8));
                row[at.clone()].fill(0);
            }
        }
    }
}

/// A row that has been encoded.
struct Encoded {
    line: u64,
    oddities: Vec<Oddity>,
    /// Empty if nothing can link it.
    row: Vec<u8>,
    encodings: Vec<(u16, Fingerprint)>,
    /// Bits set in each filter that could be made.
    filters: Vec<(usize, u32)>,
}

/// Reads the rows of a file by chunks.
struct Chunks {
    reader: TableReader,
    ended: bool,
}

impl Chunks {
    /// The next rows, and those between them that cannot be read.
    fn next(&mut self) -> Result<(Vec<Row>, Vec<BadRow>), TableError> {
        let (mut rows, mut bad) = (Vec::with_capacity(CHUNK), vec![]);
        while rows.len() < CHUNK && !self.ended {
            match self.reader.next_row()? {
                Some(Ok(row)) => rows.push(row),
                Some(Err(fault)) => bad.push(fault),
                None => self.ended = true,
            }
        }
        Ok((rows, bad))
    }
}

/// What encoding a row needs.
struct Recipe<'a> {
    path: &'a Path,
    schema: &'a LinkageSchema,
    encoder: Encoder,
    shape: RecordShape,
    layout: Layout,
}

impl<'a> Recipe<'a> {
    fn new(
        path: &'a Path,
        schema: &'a LinkageSchema,
        keys: &RoundKeys,
    ) -> Result<Self, SurveyError> {
        let (encoder, shape) = (Encoder::new(schema, keys)?, schema.shape());
        let layout = Layout::new(&shape);
        Ok(Self { path, schema, encoder, shape, layout })
    }

    fn encode(
        &self,
        line: u64,
        person: &Person,
        oddities: Vec<Oddity>,
    ) -> Result<Encoded, SurveyError> {
        let mut filters = vec![];
        let record = self.encoder.encode_telling(person, |at, ones| filters.push((at, ones)));
        let mut encoded = Encoded { line, oddities, row: vec![], encodings: vec![], filters };
        match self.shape.check(&record) {
            Ok(()) => self.shape.write_row(&record, &mut encoded.row),
            Err(RowRule::Empty) => return Ok(encoded),
            Err(rule) => {
                return Err(SurveyError::Record { path: self.path.to_owned(), line, rule });
            }
        }
        let values = self.layout.values(&encoded.row);
        let encodings = values.take_while(|(at, _)| *at < self.shape.encodings.len());
        encoded.encodings =
            encodings.map(|(at, bytes)| (at as u16, Fingerprint::of_bytes(bytes))).collect();
        Ok(encoded)
    }
}

/// Encoded rows that wait until all have been seen.
struct Waiting {
    report: QualityReport,
    rows: Rows,
    tally: Tally,
}

impl Waiting {
    fn new(
        directory: &Path,
        recipe: &Recipe<'_>,
        report: QualityReport,
    ) -> Result<Self, SurveyError> {
        let rows = Rows::new(directory, recipe.shape.row_len())?;
        Ok(Self { report, rows, tally: Tally::new(directory)? })
    }

    fn add(&mut self, layout: &Layout, encoded: Encoded) -> io::Result<()> {
        let Encoded { line, oddities, row, encodings, filters } = encoded;
        self.report.add_row(line, &oddities);
        for (at, ones) in filters {
            self.report.encodings[at].add_filter(ones);
        }
        if row.is_empty() {
            self.report.add_unlinkable(line);
            return Ok(());
        }
        let place = self.rows.push(line, &row)?;
        for (kind, value) in encodings {
            self.tally.add(kind, value, place)?;
        }
        for (key, at) in layout.match_keys.iter().enumerate() {
            let kind = layout.encodings.len() + key;
            if let Some(key) = row[at.clone()].first_chunk().filter(|_| Layout::has(&row, kind)) {
                self.tally.add(kind as u16, Fingerprint::of_match_key(key), place)?;
            }
        }
        Ok(())
    }

    fn finish(self, directory: &Path, recipe: Recipe<'_>) -> Result<Spilled, SurveyError> {
        let Recipe { schema, layout, .. } = recipe;
        let Self { mut report, mut rows, tally } = self;
        let key_count = layout.match_keys.len() as u64;
        let mut dropped = Bits::with_len(rows.count() * key_count);
        let mut duplicate = Bits::with_len(rows.count());
        tally.each(|Counted { kind, row, rows, first }| {
            let kind = usize::from(kind);
            let Some(key) = kind.checked_sub(layout.encodings.len()) else {
                return report.encodings[kind].add(rows);
            };
            if rows > schema.max_key_multiplicity.into() {
                report.dropped_match_keys += 1;
                return dropped.set(row * key_count + key as u64);
            }
            report.match_keys[key].add(rows);
            if !first {
                duplicate.set(row);
            }
        })?;
        let mut disclosed = Tally::new(directory)?;
        let encodings = 0..layout.encodings.len();
        rows.each::<SurveyError>(|place, line, row| {
            layout.drop_keys(place, &dropped, row);
            if !layout.is_linkable(row) {
                report.add_unlinkable(line);
                return Ok(());
            }
            let with_encoding = encodings.clone().any(|encoding| Layout::has(row, encoding));
            report.add_record(line, with_encoding, duplicate.get(place));
            let mut all = row[layout.disclosed.clone()].to_vec();
            disclosed.add(0, Fingerprint::of_bytes(&all), place)?;
            for left_out in 0..report.singled_out_without.len() {
                let at = layout.left_out(left_out);
                let kept = all[at.clone()].to_vec();
                all[at.clone()].fill(0);
                disclosed.add(left_out as u16 + 1, Fingerprint::of_bytes(&all), place)?;
                all[at].copy_from_slice(&kept);
            }
            Ok(())
        })?;
        disclosed.each(|Counted { kind, rows, .. }| {
            let alone = u64::from(rows == 1);
            match usize::from(kind).checked_sub(1) {
                Some(left_out) => report.singled_out_without[left_out].singled_out += alone,
                None => report.singled_out += alone,
            }
        })?;
        Ok(Spilled { report, rows, layout, dropped })
    }
}

/// Reads and encodes a file. Memory does not grow with it, but for a few bits per row: rows wait in
/// `directory` until it is known which match keys are common. One chunk is read while another is
/// encoded on all cores.
pub fn spill(
    path: &Path,
    schema: &LinkageSchema,
    keys: &RoundKeys,
    skip_bad_rows: bool,
    directory: &Path,
    progress: &dyn Progress,
) -> Result<Spilled, SurveyError> {
    let recipe = Recipe::new(path, schema, keys)?;
    let reader = TableReader::open(path)?;
    let mapping = mapping(path, schema, reader.headers())?;
    let report = QualityReport::new(
        path.to_owned(),
        Some(reader.dialect()),
        schema,
        &mapping,
        reader.headers(),
    );
    let mut waiting = Waiting::new(directory, &recipe, report)?;
    let mut chunks = Chunks { reader, ended: false };
    let (mut chunk, mut bad_rows) = chunks.next()?;
    loop {
        waiting.report.bad_rows.append(&mut bad_rows);
        if chunk.is_empty() {
            break;
        }
        let encode = |row: &Row| {
            let (person, oddities) = mapping.person(row);
            recipe.encode(row.line, &person, oddities)
        };
        let (encoded, next) = rayon::join(
            || chunk.par_iter().map(encode).collect::<Result<Vec<_>, _>>(),
            || chunks.next(),
        );
        for encoded in encoded? {
            waiting.add(&recipe.layout, encoded)?;
        }
        progress.encoded(waiting.report.rows, chunks.reader.permille());
        (chunk, bad_rows) = next?;
    }
    let report = &mut waiting.report;
    report.blank_rows = chunks.reader.blank_rows();
    report.rows_above = chunks.reader.rows_above();
    if !report.bad_rows.is_empty() && !skip_bad_rows {
        let mut rows = std::mem::take(&mut report.bad_rows);
        let more = rows.len().saturating_sub(LISTED);
        rows.truncate(LISTED);
        return Err(SurveyError::BadRows { path: path.to_owned(), rows, more });
    }
    waiting.finish(directory, recipe)
}

fn mapping<'s>(
    path: &Path,
    schema: &'s LinkageSchema,
    headers: &[String],
) -> Result<Mapping<'s>, SurveyError> {
    Mapping::new(schema, headers)
        .map_err(|reason| SurveyError::Mapping { path: path.to_owned(), reason })
}

/// As [`spill`], for CLKs that the partner has already. Codes, months and the fields of match keys are
/// those of the CSV file, if there is one: its rows must be those that the CLKs were made of, in their
/// order.
pub fn spill_clks(
    clks: &Path,
    csv: Option<&Path>,
    schema: &LinkageSchema,
    keys: &RoundKeys,
    directory: &Path,
    progress: &dyn Progress,
) -> Result<Spilled, SurveyError> {
    let encoding = schema.clk_encoding().ok_or(SurveyError::NoClkEncoding)?;
    let named = csv.unwrap_or(clks);
    let recipe = Recipe::new(named, schema, keys)?;
    let mut reader = csv.map(TableReader::open).transpose()?;
    let headers = reader.as_ref().map_or(&[][..], TableReader::headers);
    let mapping = mapping(named, schema, headers)?;
    let dialect = reader.as_ref().map(TableReader::dialect);
    let report = QualityReport::new(named.to_owned(), dialect, schema, &mapping, headers);
    let mut waiting = Waiting::new(directory, &recipe, report)?;
    let unpaired =
        |rule: String| SurveyError::Unpaired { csv: named.to_owned(), clks: clks.to_owned(), rule };
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut encode = |chunk: &mut Vec<(Option<Row>, Zeroizing<Vec<u64>>)>| {
        let first = waiting.report.rows + 1;
        let encoded: Vec<_> = chunk
            .par_iter_mut()
            .enumerate()
            .map(|(place, (row, clk))| {
                let (mut person, oddities) = match row {
                    Some(row) => mapping.person(row),
                    None => (
                        Person { codes: vec![None; schema.dimensions.len()], ..Person::default() },
                        vec![],
                    ),
                };
                person.clk = Some(std::mem::take(clk));
                let line = row.as_ref().map_or(first + place as u64, |row| row.line);
                recipe.encode(line, &person, oddities)
            })
            .collect::<Result<_, _>>()?;
        chunk.clear();
        for encoded in encoded {
            waiting.add(&recipe.layout, encoded)?;
        }
        // How many CLKs a file has is known at its end only.
        progress.encoded(waiting.report.rows, 0);
        Ok(())
    };
    let count = clk_file::each::<SurveyError>(clks, Some(encoding.filter_bits), |clk| {
        let row = match &mut reader {
            None => None,
            Some(reader) => match reader.next_row()? {
                Some(Ok(row)) => Some(row),
                Some(Err(bad)) => return Err(unpaired(bad.to_string())),
                None => return Err(unpaired("has fewer rows than there are CLKs".to_owned())),
            },
        };
        chunk.push((row, clk));
        if chunk.len() == CHUNK { encode(&mut chunk) } else { Ok(()) }
    })?;
    encode(&mut chunk)?;
    if let Some(mut reader) = reader {
        if reader.next_row()?.is_some() {
            return Err(unpaired(format!("has more than the {count} rows that there are CLKs")));
        }
        if reader.blank_rows() > 0 {
            return Err(unpaired(
                "has rows of separators only, which CLKs may have been made of".to_owned(),
            ));
        }
    }
    progress.encoded(count, 1000);
    waiting.finish(directory, recipe)
}

#[cfg(test)]
mod tests;

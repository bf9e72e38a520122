//! Registrations as a partner's system exports them: CSV in whatever dialect.
//!
//! The file is read twice: once to find its character set and separator, once row by row. What
//! cannot be read is a [`BadRow`] with the line of the file on which it begins; nothing is guessed
//! and nothing is dropped without being counted.

mod dialect;
mod fault;
mod headers;
mod text;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use zeroize::Zeroize as _;

pub use dialect::Separator;
pub use fault::{BadRow, RowFault, TableError};
pub use text::Charset;

/// How a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Dialect {
    /// Character set.
    pub charset: Charset,
    /// Between columns.
    pub separator: Separator,
}

/// One row; its values are wiped when it is dropped and never shown by `Debug`.
pub struct Row {
    /// Line of the file on which it begins, from 1.
    pub line: u64,
    values: Vec<String>,
}

impl Row {
    /// As many values as there are headers.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.values
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        self.values.zeroize();
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Row(line {}, {} values)", self.line, self.values.len())
    }
}

/// A table that is read row by row.
#[derive(Debug)]
pub struct TableReader {
    path: PathBuf,
    dialect: Dialect,
    headers: Vec<String>,
    /// Places of the headers among the columns.
    columns: Vec<usize>,
    /// Columns up to the last header.
    width: usize,
    rows_above: u64,
    reader: csv::Reader<text::TextReader>,
    record: csv::StringRecord,
    source_len: u64,
    blank_rows: u64,
    ended: bool,
}

/// A table that is read whole.
#[derive(Debug)]
pub struct Table {
    /// The file, as errors name it.
    pub path: PathBuf,
    /// How it was written.
    pub dialect: Dialect,
    /// Trimmed, all different, none empty.
    pub headers: Vec<String>,
    /// In file order.
    pub rows: Vec<Row>,
    /// Rows that cannot be read, in file order.
    pub bad_rows: Vec<BadRow>,
    /// Rows with separators only, which are no registrations.
    pub blank_rows: u64,
    /// Rows above the headers, such as a title or merged cells.
    pub rows_above: u64,
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Table, TableError> {
    TableReader::open(path)?.read_all()
}

impl TableReader {
    /// Opens a file and reads its headers.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let file = File::open(path)
            .map_err(|reason| TableError::Read { path: path.to_owned(), reason })?;
        Self::new(path, BufReader::new(file))
    }

    /// Reads the headers of a source, which errors name by `path`.
    pub fn new(
        path: &Path,
        mut source: impl Read + Seek + Send + 'static,
    ) -> Result<Self, TableError> {
        let read = |reason| TableError::Read { path: path.to_owned(), reason };
        let charset = Charset::find(path, &mut source)?;
        let source_len = source.seek(SeekFrom::End(0)).map_err(read)?;
        source.rewind().map_err(read)?;
        let head = text::head(&mut source, charset).map_err(read)?;
        let separator = Separator::find(&head);
        let rows_above = headers::rows_above(&head, separator.byte());
        source.rewind().map_err(read)?;
        let text = text::TextReader::new(Box::new(source), charset);
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator.byte())
            .from_reader(text);
        let mut table = Self {
            path: path.to_owned(),
            dialect: Dialect { charset, separator },
            headers: vec![],
            columns: vec![],
            width: 0,
            rows_above,
            reader,
            record: csv::StringRecord::new(),
            source_len,
            blank_rows: 0,
            ended: false,
        };
        table.read_headers()?;
        Ok(table)
    }

    /// How the file was written.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Trimmed, all different, none empty.
    #[must_use]
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Rows above the headers, such as a title or merged cells.
    #[must_use]
    pub fn rows_above(&self) -> u64 {
        self.rows_above
    }

    /// Rows with separators only that have been passed so far.
    #[must_use]
    pub fn blank_rows(&self) -> u64 {
        self.blank_rows
    }

    /// How much of the source has been passed, from 0 to 1000.
    #[must_use]
    pub fn permille(&self) -> u32 {
        if self.ended {
            return 1000;
        }
        let passed = self.reader.get_ref().passed().min(self.source_len);
        (passed * 1000).checked_div(self.source_len).unwrap_or(1000) as u32
    }

    /// Reads everything that is left.
    pub fn read_all(mut self) -> Result<Table, TableError> {
        let (mut rows, mut bad_rows) = (vec![], vec![]);
        while let Some(row) = self.next_row()? {
            match row {
                Ok(row) => rows.push(row),
                Err(bad) => bad_rows.push(bad),
            }
        }
        let Self { path, dialect, headers, blank_rows, rows_above, .. } = self;
        Ok(Table { path, dialect, headers, rows, bad_rows, blank_rows, rows_above })
    }

    /// The next row, readable or not; none at the end. An error is the file's, not the row's.
    pub fn next_row(&mut self) -> Result<Option<Result<Row, BadRow>>, TableError> {
        loop {
            let Some((line, breaks)) = self.next_record()? else { return Ok(None) };
            if self.ended {
                // The end mark has been swallowed by a value: its quotation mark is still open.
                let field = self.record.len().min(self.headers.len()).saturating_sub(1);
                let fault = RowFault::UnclosedQuote { field: self.headers[field].clone() };
                return Ok(Some(Err(BadRow { line, fault })));
            }
            let last = (0..self.record.len()).rev().find(|at| !self.record[*at].trim().is_empty());
            let Some(last) = last else {
                self.blank_rows += 1;
                continue;
            };
            let (found, expected) = (self.record.len(), self.width);
            let headless =
                |at: &usize| !self.columns.contains(at) && !self.record[*at].trim().is_empty();
            let header = |at: usize| {
                let place = self.columns.partition_point(|column| *column < at);
                self.headers[place.min(self.headers.len() - 1)].clone()
            };
            let fault = if last >= expected {
                let field = header(expected - 1);
                RowFault::TooMany { found: last + 1, expected, field }
            } else if found < expected {
                RowFault::TooFew { found, expected, field: header(found), breaks }
            } else if let Some(column) = (0..expected).find(headless) {
                RowFault::NoHeader { column: column + 1 }
            } else {
                let values = self.columns.iter().map(|column| self.record[*column].to_owned());
                return Ok(Some(Ok(Row { line, values: values.collect() })));
            };
            return Ok(Some(Err(BadRow { line, fault })));
        }
    }

    /// Reads a record; its first line and the line breaks inside it. `ended` is set when the end
    /// mark is inside this record, none is returned when the mark is this record.
    fn next_record(&mut self) -> Result<Option<(u64, u64)>, TableError> {
        if self.ended {
            return Ok(None);
        }
        let more = self.reader.read_record(&mut self.record).map_err(|error| {
            let reason = match error.into_kind() {
                csv::ErrorKind::Io(reason) => reason,
                _ => io::ErrorKind::InvalidData.into(),
            };
            TableError::Read { path: self.path.clone(), reason }
        })?;
        if !more {
            self.ended = true;
            return Ok(None);
        }
        if self.record.len() == 1 && &self.record[0] == text::END_MARK {
            self.ended = true;
            return Ok(None);
        }
        if self.record.iter().next_back().is_some_and(|value| value.contains(text::END_MARK)) {
            self.ended = true;
        }
        // The reader counts line feeds and has passed the one that ends the record.
        let breaks: usize = self.record.iter().map(|value| value.matches('\n').count()).sum();
        let after = self.reader.position().line();
        let closing = if self.ended { 0 } else { 1 };
        Ok(Some((after.saturating_sub(closing + breaks as u64).max(1), breaks as u64)))
    }

    fn read_headers(&mut self) -> Result<(), TableError> {
        let path = self.path.clone();
        let mut above = self.rows_above;
        let line = loop {
            let Some((line, _)) = self.next_record()? else {
                return Err(TableError::Empty { path });
            };
            if above > 0 {
                above -= 1;
                continue;
            }
            let blank = self.record.iter().all(|value| value.trim().is_empty());
            let stated = line == 1 && dialect::is_separator_line(&self.record);
            if !(blank || stated) {
                break line;
            }
        };
        let headed = self.record.iter().enumerate().filter(|(_, header)| !header.trim().is_empty());
        let (columns, headers): (Vec<usize>, Vec<String>) =
            headed.map(|(place, header)| (place, header.trim().to_owned())).unzip();
        if headers.len() < 2 {
            return Err(TableError::OneColumn { path, line });
        }
        for (place, header) in headers.iter().enumerate() {
            let same = |other: &String| same_header(other, header);
            if let Some(first) = headers[..place].iter().position(same) {
                let (first, second) = (columns[first] + 1, columns[place] + 1);
                let header = header.clone();
                return Err(TableError::HeaderTwice { path, line, first, second, header });
            }
        }
        self.width = columns.last().map_or(0, |last| last + 1);
        self.columns = columns;
        self.headers = headers;
        Ok(())
    }
}

/// Whether two headers are the same but for case and surrounding space.
#[must_use]
pub fn same_header(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

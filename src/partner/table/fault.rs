//! Why a file is no table, and why a row is no row.

use std::io;
use std::path::PathBuf;

use super::Charset;

/// Why a file is no table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The system does not give the file.
    #[error("{}: cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: io::Error,
    },
    /// An Excel workbook, or some other file that is not text.
    #[error("{}: this is not a text file but {what}; open it and save it as CSV", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        what: &'static str,
    },
    /// Bytes that are not what the byte order mark promises.
    #[error("{}, line {line}: not {charset}, although the file begins as {charset}; export it again", path.display())]
    Charset {
        /// The file.
        path: PathBuf,
        /// Line of the file, from 1.
        line: u64,
        /// What it begins as.
        charset: Charset,
    },
    /// Nothing in it.
    #[error("{}: the file is empty; its first line must hold the column headers", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// No separator, or a title above the headers.
    #[error(
        "{}, line {line}: only one column is found; separate columns with a comma, a semicolon \
         or a tab, and remove any title above the headers", path.display()
    )]
    OneColumn {
        /// The file.
        path: PathBuf,
        /// Line of the file, from 1.
        line: u64,
    },
    /// Two headers are the same but for case and space.
    #[error(
        "{}, line {line}: columns {first} and {second} have the same header \"{header}\"; rename \
         or remove one", path.display()
    )]
    HeaderTwice {
        /// The file.
        path: PathBuf,
        /// Line of the file, from 1.
        line: u64,
        /// Column, from 1.
        first: usize,
        /// Column, from 1.
        second: usize,
        /// The header.
        header: String,
    },
}

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("line {line}: {fault}")]
pub struct BadRow {
    /// Line of the file on which it begins, from 1.
    pub line: u64,
    /// What is wrong with it.
    #[serde(serialize_with = "as_text")]
    pub fault: RowFault,
}

fn as_text<S: serde::Serializer>(fault: &RowFault, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fault)
}

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowFault {
    /// Fewer values than headers.
    #[error(
        "has {found} columns of {expected}; the first that is missing is \"{field}\"{}",
        too_few_hint(*.found, *.breaks)
    )]
    TooFew {
        /// Values in the row.
        found: usize,
        /// Headers.
        expected: usize,
        /// Header of the first missing value.
        field: String,
        /// Line breaks inside its values.
        breaks: u64,
    },
    /// A value beyond the last header.
    #[error(
        "has a value in column {found} while there are {expected} headers, the last being \
         \"{field}\"; does a value hold the separator?"
    )]
    TooMany {
        /// Column of the surplus value, from 1.
        found: usize,
        /// Headers.
        expected: usize,
        /// The last header.
        field: String,
    },
    /// A value in a column that has no header; such columns are passed over while they are empty.
    #[error(
        "has a value in column {column}, which has no header; give it one or remove the column"
    )]
    NoHeader {
        /// Column, from 1.
        column: usize,
    },
    /// A quotation mark opens a value that never closes, so that the rest of the file is lost in it.
    #[error(
        "\"{field}\" opens a quotation mark that is never closed, which swallows the rest of the \
         file; close or remove it"
    )]
    UnclosedQuote {
        /// Header of the value.
        field: String,
    },
}

fn too_few_hint(found: usize, breaks: u64) -> &'static str {
    if breaks > 0 {
        ", and a value spans several lines: is a quotation mark left open?"
    } else if found == 1 {
        "; is it a total or a note below the table?"
    } else {
        "; does a value hold a line break?"
    }
}

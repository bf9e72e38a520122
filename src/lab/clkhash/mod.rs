//! CLKs exactly as clkhash 0.18.3 (CPython 3.11 on Linux) makes them, from its own linkage schemas.
//!
//! It is in the lab because a CLK is no pseudonym that samenloop accepts: it falls to known attacks.
//! It makes test data, and shows a partner that the CLKs it has are those it thinks it has. What is
//! submitted is diffused by `samenloop-partner encode --clks`.

pub mod command;
mod comparison;
mod date;
mod document;
mod encoder;
mod hash;
mod pattern;
mod python;
mod rows;
mod schema;

use std::io::{self, Write};

pub use document::SchemaFault;
pub use encoder::{Encoder, ValueFault};
pub use schema::Linkage;

use rows::Rows;

/// What the first line of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Header {
    /// The schema's identifiers, in their order.
    Check,
    /// Headers of any kind.
    Ignore,
    /// The first record.
    None,
}

/// Why a file was not hashed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashFault {
    /// The first line does not name the schema's columns.
    #[error("line 1: {0}")]
    Header(String),
    /// A row has too few or too many values.
    #[error("line {line}: has {found} values, and the schema has {columns} features")]
    Width {
        /// From 1.
        line: usize,
        /// Values in the row.
        found: usize,
        /// Features.
        columns: usize,
    },
    /// A value that the schema does not allow.
    #[error("line {line}, {fault}")]
    Value {
        /// From 1.
        line: usize,
        /// What is wrong.
        fault: ValueFault,
    },
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Hashes the rows of a CSV text and writes them as clkhash's tools do: `{"clks": ["...", ...]}`, each
/// in base64. Gives the number of rows.
pub fn hash_rows(
    linkage: &Linkage,
    encoder: &mut Encoder,
    csv: &str,
    header: Header,
    out: &mut impl Write,
) -> Result<usize, HashFault> {
    let mut rows = Rows::new(csv);
    if header != Header::None {
        if !rows.read() {
            return Err(HashFault::Header("the file is empty; headers are expected".to_owned()));
        }
        if header == Header::Check {
            check_header(linkage, &rows)?;
        }
    }
    out.write_all(b"{\"clks\": [")?;
    let (mut count, mut line) = (0, String::new());
    while rows.read() {
        if rows.len() != encoder.columns() {
            let (found, columns) = (rows.len(), encoder.columns());
            return Err(HashFault::Width { line: rows.line, found, columns });
        }
        let clk = encoder
            .encode(rows.values())
            .map_err(|fault| HashFault::Value { line: rows.line, fault })?;
        line.clear();
        line.push_str(if count == 0 { "\"" } else { ", \"" });
        data_encoding::BASE64.encode_append(clk, &mut line);
        line.push('"');
        out.write_all(line.as_bytes())?;
        count += 1;
    }
    out.write_all(b"]}")?;
    Ok(count)
}

fn check_header(linkage: &Linkage, rows: &Rows<'_>) -> Result<(), HashFault> {
    let fault = |text: String| Err(HashFault::Header(text));
    if rows.len() != linkage.features.len() {
        return fault(format!(
            "has {} headers, and the schema has {} features; a column that is not hashed is a feature \
             with \"ignored\": true",
            rows.len(),
            linkage.features.len()
        ));
    }
    let pairs = rows.values().zip(&linkage.features).enumerate();
    for (place, (header, feature)) in pairs {
        if header != feature.identifier {
            let mark = if header.starts_with('\u{feff}') {
                ". The file begins with a byte-order mark, which clkhash takes for a part of the \
                 header; save it without"
            } else {
                ""
            };
            return fault(format!(
                "column {} has the header \"{header}\", and the schema \"{}\"{mark}",
                place + 1,
                feature.identifier
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

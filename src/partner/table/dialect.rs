//! Which separator a file uses.

use std::fmt;

/// Between columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Separator {
    /// `,`
    Comma,
    /// `;`, as Excel writes with Dutch settings.
    Semicolon,
    /// The tab character.
    Tab,
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
        })
    }
}

/// Rows that are looked at.
const SAMPLE: usize = 100;

impl Separator {
    const ALL: [Self; 3] = [Self::Semicolon, Self::Comma, Self::Tab];

    /// The byte itself.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }

    /// Of a text's beginning: what Excel's `sep=` line says, else the separator by which most rows
    /// have the same number of columns, and of those the one with the most columns.
    #[must_use]
    pub(super) fn find(head: &str) -> Self {
        if let Some(separator) = stated(head.lines().next().unwrap_or_default()) {
            return separator;
        }
        let merit = |candidate: &Self| {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(candidate.byte())
                .from_reader(head.as_bytes());
            let mut widths: Vec<usize> =
                reader.records().take(SAMPLE).filter_map(Result::ok).map(|r| r.len()).collect();
            widths.sort_unstable();
            let same = widths.chunk_by(|one, other| one == other);
            let most = same.max_by_key(|rows| rows.len()).unwrap_or(&[]);
            let (rows, agree) = (widths.len().max(1), most.len());
            let columns = most.first().copied().unwrap_or(0);
            // Tenths, so that a few ragged rows do not outweigh columns.
            (columns > 1, agree * 10 / rows, columns)
        };
        Self::ALL.into_iter().rev().max_by_key(merit).unwrap_or(Self::Comma)
    }
}

/// What a first line `sep=;` says.
fn stated(line: &str) -> Option<Separator> {
    let line = line.trim_end_matches(['\r', '\n']).trim_matches('"').to_ascii_lowercase();
    let byte = line.strip_prefix("sep=")?;
    Separator::ALL.into_iter().find(|candidate| byte.as_bytes() == [candidate.byte()])
}

/// Whether a record is Excel's `sep=` line, whatever it was cut at.
pub(super) fn is_separator_line(record: &csv::StringRecord) -> bool {
    let mut fields = record.iter();
    let first = fields.next().unwrap_or_default().trim_matches('"').to_ascii_lowercase();
    first.strip_prefix("sep=").is_some_and(|rest| rest.len() <= 1) && fields.all(str::is_empty)
}

//! Which row holds the headers.

use super::dialect::is_separator_line;
use crate::draft::is_known_header;

/// Rows that are looked at.
const SAMPLE: usize = 20;

fn filled(record: &csv::StringRecord) -> usize {
    record.iter().filter(|cell| !cell.trim().is_empty()).count()
}

fn known(record: &csv::StringRecord) -> usize {
    record.iter().filter(|cell| is_known_header(cell)).count()
}

/// Rows above the headers, such as a title or the merged cells that head groups of columns. The first
/// row that is not blank holds the headers unless it has gaps and a row below it knows more words of
/// registrations, two at least.
pub(super) fn rows_above(head: &str, separator: u8) -> u64 {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(head.as_bytes());
    let records: Vec<csv::StringRecord> =
        reader.records().take(SAMPLE).map_while(Result::ok).collect();
    let told = |record: &csv::StringRecord| filled(record) > 0 && !is_separator_line(record);
    let Some(first) = records.iter().position(told) else { return 0 };
    let ends = records[first].iter().enumerate().filter(|(_, cell)| !cell.trim().is_empty());
    let last = ends.last().map_or(0, |(place, _)| place);
    let gaps = last == 0 || filled(&records[first]) <= last;
    let below = records.iter().enumerate().skip(first + 1);
    // Of rows that know as many words the first.
    let best = below.map(|(place, record)| (known(record), std::cmp::Reverse(place))).max();
    match best {
        Some((words, std::cmp::Reverse(place)))
            if gaps && words >= 2 && words > known(&records[first]) =>
        {
            place as u64
        }
        _ => 0,
    }
}

//! Code lists from the values of columns.

use std::collections::BTreeMap;

use super::contents::{Contents, TELLING};

/// Most codes that a drafted list has: there are 342 municipalities.
const MOST: usize = 400;

/// What the values of some columns make.
pub(super) enum CodeList {
    /// There are no columns, or they are empty.
    Absent,
    /// Too many different values.
    FreeText,
    /// A list.
    Codes {
        /// Ascending.
        codes: Vec<String>,
        /// Values that were taken for errors.
        rare: usize,
    },
}

impl CodeList {
    /// Values that differ in case or in leading zeros are one code, written as the longest of them.
    /// In larger files a word that hardly occurs is an error and not a code; a number always is one.
    pub(super) fn of<'a>(columns: impl Iterator<Item = &'a Contents>) -> Self {
        let mut found: BTreeMap<String, (String, u64)> = BTreeMap::new();
        for (value, count) in columns.flat_map(|contents| &contents.values) {
            let entry = found.entry(same_code(value)).or_insert_with(|| (value.clone(), 0));
            if (value.len(), &entry.0) > (entry.0.len(), value) {
                entry.0.clone_from(value);
            }
            entry.1 += count;
        }
        let filled: u64 = found.values().map(|(_, count)| count).sum();
        if filled == 0 {
            return Self::Absent;
        }
        let is_number = |code: &str| code.len() <= 6 && code.bytes().all(|b| b.is_ascii_digit());
        let least = if filled < 10 * TELLING { 1 } else { (filled / 200).max(3) };
        let listed = |(code, count): &&(String, u64)| is_number(code) || *count >= least;
        let mut codes: Vec<String> =
            found.values().filter(listed).map(|(code, _)| code.clone()).collect();
        let covered: u64 = found.values().filter(listed).map(|(_, count)| count).sum();
        if codes.len() > MOST
            || covered * 10 < filled * 9
            || codes.len() as u64 * 2 > filled.max(40)
        {
            return Self::FreeText;
        }
        let rare = found.len() - codes.len();
        // Excel drops leading zeros: where one file has kept them, all codes get them back.
        let zeros = codes.iter().filter(|code| is_number(code) && code.starts_with('0'));
        let width = zeros.map(String::len).max().unwrap_or(0);
        for code in codes.iter_mut().filter(|code| is_number(code)) {
            *code = format!("{code:0>width$}");
        }
        codes.sort_unstable();
        Self::Codes { codes, rare }
    }
}

/// Under which form two writings of a code are equal: `0060` and `60`, `Overig` and `overig`.
pub(crate) fn same_code(text: &str) -> String {
    let text = text.trim().to_lowercase();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = text.trim_start_matches('0');
        return if digits.is_empty() { "0".to_owned() } else { digits.to_owned() };
    }
    text
}

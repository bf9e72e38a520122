//! Showing answers: for people, for programs, for spreadsheets. Nothing here prints.

mod csv;
mod json;
mod table;
#[cfg(test)]
mod tests;

pub use csv::{csv, rounds_csv};
pub use json::{json, rounds_json};
pub use table::{rounds_table, table};

/// Text from elsewhere without what could steer a terminal, on one line.
fn plain(text: &str) -> String {
    let words = text.split(char::is_whitespace).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).collect()
}

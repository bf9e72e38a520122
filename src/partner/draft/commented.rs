//! A drafted schema as a file that a data manager can read.

use std::fmt::Write as _;

use samenloop_schema::{Contact, Dimension, Encoding, Field, GivenNames, LinkageSchema, MatchKey};
use serde::Serialize;

use super::{Draft, Guess, Use};
use crate::table::same_header;

/// One table of the file, so that a comment can stand above each.
#[derive(Serialize, Default)]
struct Piece<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_key_multiplicity: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    field: &'s [Field],
    #[serde(skip_serializing_if = "Option::is_none")]
    given_names: Option<&'s GivenNames>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<&'s Contact>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    encoding: &'s [Encoding],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    match_key: &'s [MatchKey],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    dimension: &'s [Dimension],
}

impl Piece<'_> {
    fn toml(&self) -> String {
        // Every piece is made of text keys, numbers, texts and lists, which TOML has.
        toml::to_string(self).expect("a piece of a schema is TOML")
    }
}

impl Draft {
    /// The schema as TOML with the reasons as comments. It reads back as the same schema.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let LinkageSchema {
            version,
            round,
            max_key_multiplicity,
            fields,
            given_names,
            contact,
            encodings,
            match_keys,
            dimensions,
        } = &self.schema;
        let mut out = String::new();
        let mut part = |comments: &[String], piece: Piece<'_>| {
            for comment in comments {
                out.push_str(&comment_line(comment));
            }
            let _ = writeln!(out, "{}", piece.toml());
        };
        let says = |text: &str| vec![text.to_owned()];
        part(
            &says(
                "Linkage schema: what is known of a person, and what is made of it. All partners of a round \
                 use the same file; another label or another rule gives other pseudonyms.",
            ),
            Piece {
                version: Some(*version),
                round: Some(round),
                max_key_multiplicity: Some(*max_key_multiplicity),
                ..Piece::default()
            },
        );
        for field in fields {
            let comments = self.reasons(&Use::Field(field.name.clone()));
            part(&comments, Piece { field: std::slice::from_ref(field), ..Piece::default() });
        }
        if let Some(given_names) = given_names {
            part(
                &says(
                    "Given names that stand for each other, such as Kees for Cornelis: the program's table, \
                     and families of your own as `same = [[\"Cornelis\", \"Krelis\"]]`, the formal name first.",
                ),
                Piece { given_names: Some(given_names), ..Piece::default() },
            );
        }
        if let Some(contact) = contact {
            let mut comments = self.reasons(&Use::ContactStart);
            comments.extend(self.reasons(&Use::ContactEnd));
            comments.extend(self.remarks.iter().filter(|r| r.starts_with("contact:")).cloned());
            comments.push(
                "An empty end means that the contact goes on; an empty start is unknown."
                    .to_owned(),
            );
            part(&comments, Piece { contact: Some(contact), ..Piece::default() });
        }
        for dimension in dimensions {
            let mut comments = self.reasons(&Use::Dimension(dimension.name.clone()));
            let about = |remark: &&String| remark.starts_with(&format!("{}:", dimension.name));
            comments.extend(self.remarks.iter().filter(about).cloned());
            part(
                &comments,
                Piece { dimension: std::slice::from_ref(dimension), ..Piece::default() },
            );
        }
        let mut comments = says(
            "Encodings that tell how alike two records are. The shipped defaults; change nothing without measuring.",
        );
        comments.extend(self.remarks.iter().filter(|r| r.starts_with("clk:")).cloned());
        part(&comments, Piece { encoding: encodings, ..Piece::default() });
        if !match_keys.is_empty() {
            part(
                &says("Keys that are equal only if every part of them is."),
                Piece { match_key: match_keys, ..Piece::default() },
            );
        }
        let left_out = self.reasons(&Use::LeftOut);
        if !left_out.is_empty() {
            out.push_str("# Columns that are left out and never leave the file:\n");
            for reason in left_out {
                out.push_str(&comment_line(&format!("- {reason}")));
            }
        }
        out
    }

    /// One reason per header, however many files have it.
    fn reasons(&self, used: &Use) -> Vec<String> {
        let mut reasons: Vec<String> = vec![];
        let mut seen: Vec<&str> = vec![];
        for Guess { column, why, .. } in self.guesses.iter().filter(|guess| guess.used == *used) {
            let reason = format!("\"{column}\": {why}.");
            if !seen.iter().any(|header| same_header(header, column)) {
                seen.push(column);
                reasons.push(reason);
            }
        }
        reasons
    }
}

/// A comment of one or more lines of at most 100 letters. A header may hold anything, so control
/// characters become blanks.
fn comment_line(text: &str) -> String {
    let mut out = String::from("#");
    let mut width = 1;
    for word in text.split(|letter: char| letter.is_whitespace() || letter.is_control()) {
        if word.is_empty() {
            continue;
        }
        let letters = word.chars().count() + 1;
        if width + letters > 100 && width > 1 {
            out.push_str("\n#");
            width = 1;
        }
        out.push(' ');
        out.push_str(word);
        width += letters;
    }
    out.push('\n');
    out
}

//! What a partner should know of its own data before it submits: counts and line numbers, no values.

use std::path::PathBuf;

use samenloop_schema::LinkageSchema;
use serde::Serialize;

use crate::mapping::{Mapping, Oddity};
use crate::table::{BadRow, Dialect};

/// Line numbers that are kept of each oddity.
const EXAMPLES: usize = 20;

/// Rows with one oddity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Places {
    /// How many rows.
    pub rows: u64,
    /// Lines of the file on which the first of them begin, from 1.
    pub lines: Vec<u64>,
}

impl Places {
    fn add(&mut self, line: u64) {
        self.rows += 1;
        if self.lines.len() < EXAMPLES {
            self.lines.push(line);
        }
    }
}

/// How a field is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldQuality {
    /// Its name in the schema.
    pub name: String,
    /// Headers that fill it; none if the file has no column for it.
    pub columns: Vec<String>,
    /// Rows in which it is empty.
    pub empty: u64,
    /// Rows in which it is filled in with nothing that it can be, such as an impossible date.
    pub unusable: Places,
    /// Rows with a birth date before 1900.
    pub unlikely: Places,
}

/// How a dimension is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DimensionQuality {
    /// Its name in the schema.
    pub name: String,
    /// Whether the file has a column for it.
    pub found: bool,
    /// Rows in which it is empty.
    pub empty: u64,
    /// Rows whose value is not in the code list; they count as unknown.
    pub unlisted: Places,
}

/// How the contact's months are filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContactQuality {
    /// Rows without a start.
    pub start_empty: u64,
    /// Rows whose start is no month.
    pub start_unusable: Places,
    /// Rows without an end: the contact goes on.
    pub end_empty: u64,
    /// Rows whose end is no month.
    pub end_unusable: Places,
    /// Rows that end before they start; both months are taken as unknown.
    pub end_before_start: Places,
}

/// In how many submitted records an encoding or match key could be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// Its name in the schema.
    pub name: String,
    /// Records that have it.
    pub records: u64,
    /// Records whose value of it another record of the file has too.
    pub shared: u64,
    /// Rows of which an encoding's filter could be made, whether it was fit to submit or not; none of a
    /// match key.
    pub filters: u64,
    /// Bits that are set in these filters together, before diffusion.
    pub set_bits: u64,
}

/// What would be gained by leaving one thing out of what travels in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Name of a dimension, or `months`.
    pub name: String,
    /// Records that the remaining codes and months would still single out.
    pub singled_out: u64,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QualityReport {
    /// The file.
    pub file: PathBuf,
    /// How it was written, if it is a CSV file.
    pub dialect: Option<Dialect>,
    /// Rows that could be read.
    pub rows: u64,
    /// Rows above the headers, such as a title or merged cells, which were passed over.
    pub rows_above: u64,
    /// Rows with separators only.
    pub blank_rows: u64,
    /// Rows that could not be read.
    pub bad_rows: Vec<BadRow>,
    /// Per field of the schema.
    pub fields: Vec<FieldQuality>,
    /// Per dimension of the schema.
    pub dimensions: Vec<DimensionQuality>,
    /// If the schema has months.
    pub contact: Option<ContactQuality>,
    /// Rows of which too little is known to link them; they are not submitted.
    pub unlinkable: Places,
    /// Records to submit.
    pub records: u64,
    /// Per encoding of the schema.
    pub encodings: Vec<Presence>,
    /// Per match key of the schema, after common values were dropped.
    pub match_keys: Vec<Presence>,
    /// Records without any encoding: only a match key can link them.
    pub without_encoding: u64,
    /// Match-key values that were dropped because too many rows share them.
    pub dropped_match_keys: u64,
    /// Records that share a match key with an earlier record of the file.
    pub duplicates: Places,
    /// Records whose codes and months no other record of the file has.
    pub singled_out: u64,
    /// The same without each dimension, and without the months.
    pub singled_out_without: Vec<LeftOut>,
}

impl QualityReport {
    pub(crate) fn new(
        file: PathBuf,
        dialect: Option<Dialect>,
        schema: &LinkageSchema,
        mapping: &Mapping<'_>,
        headers: &[String],
    ) -> Self {
        let fields = schema.fields.iter().enumerate().map(|(place, field)| FieldQuality {
            name: field.name.clone(),
            columns: mapping.columns_of(place).iter().map(|at| headers[*at].clone()).collect(),
            empty: 0,
            unusable: Places::default(),
            unlikely: Places::default(),
        });
        let dimensions =
            schema.dimensions.iter().enumerate().map(|(place, dim)| DimensionQuality {
                name: dim.name.clone(),
                found: mapping.has_dimension(place),
                empty: 0,
                unlisted: Places::default(),
            });
        let presence = |name: &String| Presence { name: name.clone(), ..Presence::default() };
        Self {
            file,
            dialect,
            rows: 0,
            rows_above: 0,
            blank_rows: 0,
            bad_rows: vec![],
            fields: fields.collect(),
            dimensions: dimensions.collect(),
            contact: schema.contact.is_some().then(ContactQuality::default),
            unlinkable: Places::default(),
            records: 0,
            encodings: schema.encodings.iter().map(|each| presence(&each.name)).collect(),
            match_keys: schema.match_keys.iter().map(|each| presence(&each.name)).collect(),
            without_encoding: 0,
            dropped_match_keys: 0,
            duplicates: Places::default(),
            singled_out: 0,
            singled_out_without: schema
                .dimensions
                .iter()
                .map(|dimension| dimension.name.clone())
                .chain(schema.contact.is_some().then(|| "months".to_owned()))
                .map(|name| LeftOut { name, singled_out: 0 })
                .collect(),
        }
    }

    pub(crate) fn add_row(&mut self, line: u64, oddities: &[Oddity]) {
        self.rows += 1;
        for oddity in oddities {
            match *oddity {
                Oddity::FieldEmpty(place) => self.fields[place].empty += 1,
                Oddity::FieldUnusable(place) => self.fields[place].unusable.add(line),
                Oddity::BirthUnlikely(place) => self.fields[place].unlikely.add(line),
                Oddity::CodeEmpty(place) => self.dimensions[place].empty += 1,
                Oddity::CodeUnlisted(place) => self.dimensions[place].unlisted.add(line),
                _ => {
                    if let Some(contact) = &mut self.contact {
                        contact.add(line, *oddity);
                    }
                }
            }
        }
    }

    pub(crate) fn add_unlinkable(&mut self, line: u64) {
        self.unlinkable.add(line);
    }

    /// A record that will be submitted, and the line on which its row begins.
    pub(crate) fn add_record(&mut self, line: u64, with_encoding: bool, duplicate: bool) {
        self.records += 1;
        self.without_encoding += u64::from(!with_encoding);
        if duplicate {
            self.duplicates.add(line);
        }
    }
}

impl ContactQuality {
    fn add(&mut self, line: u64, oddity: Oddity) {
        match oddity {
            Oddity::StartEmpty => self.start_empty += 1,
            Oddity::StartUnusable => self.start_unusable.add(line),
            Oddity::EndEmpty => self.end_empty += 1,
            Oddity::EndUnusable => self.end_unusable.add(line),
            Oddity::EndBeforeStart => self.end_before_start.add(line),
            _ => {}
        }
    }
}

impl Presence {
    /// A filter of which so many bits are set.
    pub(crate) fn add_filter(&mut self, ones: u32) {
        self.filters += 1;
        self.set_bits += u64::from(ones);
    }

    /// A record whose value so many records have.
    pub(crate) fn add(&mut self, sharing: u64) {
        self.records += 1;
        self.shared += u64::from(sharing > 1);
    }
}

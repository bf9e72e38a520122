//! Rows of a table to persons of a schema.

use std::collections::HashMap;

use samenloop_encode::Person;
use samenloop_encode::normalise::{BirthDate, normalise, split_whole_name, with_century};
use samenloop_schema::{DimensionSource, Field, FieldKind, LinkageSchema};
use zeroize::Zeroizing;

use crate::contact;
use crate::draft::same_code;
use crate::table::{Row, same_header};

/// Why a file does not fit a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// No header of the file is named by a field of the schema.
    #[error(
        "none of the headers {} is named by a field of the schema; add the right ones to `columns` \
         in the schema file, together with the other partners",
        quoted(headers)
    )]
    NoField {
        /// Headers of the file.
        headers: Vec<String>,
    },
}

fn quoted(headers: &[String]) -> String {
    let quoted: Vec<String> = headers.iter().map(|header| format!("\"{header}\"")).collect();
    quoted.join(", ")
}

/// Something odd in a row. Places are those of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Oddity {
    /// A field is empty.
    FieldEmpty(usize),
    /// A field is filled in, but not with anything that its kind can be: an impossible date, a
    /// postcode without digits, "onbekend".
    FieldUnusable(usize),
    /// A birth date before 1900.
    BirthUnlikely(usize),
    /// A dimension's column is empty, or an age is not known.
    CodeEmpty(usize),
    /// A dimension's value is not in its code list.
    CodeUnlisted(usize),
    /// The contact's start is empty.
    StartEmpty,
    /// The contact's start is no month.
    StartUnusable,
    /// The contact's end is empty: it goes on.
    EndEmpty,
    /// The contact's end is no month.
    EndUnusable,
    /// The contact ends before it starts; both months are taken as unknown.
    EndBeforeStart,
}

/// Which columns of one file fill which places of a schema.
#[derive(Debug)]
pub struct Mapping<'s> {
    schema: &'s LinkageSchema,
    fields: Vec<FieldSource>,
    dimensions: Vec<CodeSource<'s>>,
    start: Vec<usize>,
    end: Vec<usize>,
}

#[derive(Debug)]
struct FieldSource {
    columns: Vec<usize>,
    /// How many of them are the field's own; the others hold whole names.
    own: usize,
}

#[derive(Debug)]
enum CodeSource<'s> {
    Columns { columns: Vec<usize>, codes: HashMap<String, u16> },
    AgeBand { field: usize, year: u32, bands_from: &'s [u32] },
}

impl<'s> Mapping<'s> {
    /// Finds a schema's columns among a file's headers. A field without a column stays empty; a
    /// file without any column of any field does not fit.
    pub fn new(schema: &'s LinkageSchema, headers: &[String]) -> Result<Self, MappingError> {
        let places = |columns: &[String]| -> Vec<usize> {
            let place = |column: &String| headers.iter().position(|h| same_header(h, column));
            columns.iter().filter_map(place).collect()
        };
        let source = |field: &Field| {
            let mut columns = places(&field.columns);
            let own = columns.len();
            columns.extend(places(&field.whole_name_columns));
            FieldSource { columns, own }
        };
        let fields: Vec<FieldSource> = schema.fields.iter().map(source).collect();
        if !fields.is_empty() && fields.iter().all(|source| source.columns.is_empty()) {
            return Err(MappingError::NoField { headers: headers.to_vec() });
        }
        let dimension = |source: &'s DimensionSource| match source {
            DimensionSource::Column { columns, codes } => CodeSource::Columns {
                columns: places(columns),
                codes: codes.iter().map(|code| same_code(code)).zip(0..).collect(),
            },
            DimensionSource::AgeBand { birth_date, year, bands_from } => CodeSource::AgeBand {
                // A schema that was checked names a field that it has.
                field: schema.fields.iter().position(|f| f.name == *birth_date).unwrap_or(0),
                year: *year,
                bands_from,
            },
        };
        let dimensions = schema.dimensions.iter().map(|each| dimension(&each.source)).collect();
        let contact = schema.contact.as_ref();
        Ok(Self {
            schema,
            fields,
            dimensions,
            start: contact.map_or(vec![], |contact| places(&contact.start)),
            end: contact.map_or(vec![], |contact| places(&contact.end)),
        })
    }

    /// Columns of the file, from 0, that fill a field of the schema.
    #[must_use]
    pub fn columns_of(&self, field: usize) -> &[usize] {
        &self.fields[field].columns
    }

    /// Whether the file has a column for a dimension.
    #[must_use]
    pub fn has_dimension(&self, dimension: usize) -> bool {
        match &self.dimensions[dimension] {
            CodeSource::Columns { columns, .. } => !columns.is_empty(),
            CodeSource::AgeBand { field, .. } => !self.fields[*field].columns.is_empty(),
        }
    }

    /// A person, and what is odd about its row.
    #[must_use]
    pub fn person(&self, row: &Row) -> (Person, Vec<Oddity>) {
        let mut oddities = vec![];
        let mut values = Vec::with_capacity(self.fields.len());
        for (place, (source, field)) in self.fields.iter().zip(&self.schema.fields).enumerate() {
            let value = source.value(field, row);
            let value = value.as_str();
            if value.is_empty() {
                oddities.push(Oddity::FieldEmpty(place));
            } else if normalise(field.kind, value).is_none() {
                oddities.push(Oddity::FieldUnusable(place));
            } else if field.kind == FieldKind::BirthDate {
                let early = |date: BirthDate| date.year.is_some_and(|year| year < 1900);
                if BirthDate::read(value).is_some_and(early) {
                    oddities.push(Oddity::BirthUnlikely(place));
                }
            }
            values.push(Zeroizing::new(value.to_owned()));
        }
        let mut codes = Vec::with_capacity(self.dimensions.len());
        for (place, source) in self.dimensions.iter().enumerate() {
            let (code, oddity) = source.code(row, &values, place);
            codes.push(code);
            oddities.extend(oddity);
        }
        let mut month = |columns: &[usize], empty, unusable| {
            let value = first_filled(row, columns);
            let month = contact::month(value);
            if value.is_empty() {
                oddities.push(empty);
            } else if month.is_none() {
                oddities.push(unusable);
            }
            month
        };
        let mut start = month(&self.start, Oddity::StartEmpty, Oddity::StartUnusable);
        let mut end = month(&self.end, Oddity::EndEmpty, Oddity::EndUnusable);
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            oddities.push(Oddity::EndBeforeStart);
            (start, end) = (None, None);
        }
        (Person { values, clk: None, codes, start, end }, oddities)
    }
}

impl FieldSource {
    /// The first value that is not blank: its part of a whole name, or a date with its century.
    fn value(&self, field: &Field, row: &Row) -> Zeroizing<String> {
        let own = first_filled(row, &self.columns[..self.own]);
        if own.is_empty() {
            let (given, surname) = split_whole_name(first_filled(row, &self.columns[self.own..]));
            return if field.kind == FieldKind::GivenName { given } else { surname };
        }
        let dated = field.latest_year.and_then(|latest| with_century(own, latest));
        dated.unwrap_or_else(|| Zeroizing::new(own.to_owned()))
    }
}

impl CodeSource<'_> {
    fn code(
        &self,
        row: &Row,
        values: &[Zeroizing<String>],
        place: usize,
    ) -> (Option<u16>, Option<Oddity>) {
        match self {
            Self::Columns { columns, codes } => {
                let value = first_filled(row, columns);
                match codes.get(&same_code(value)) {
                    Some(code) => (Some(*code), None),
                    None if value.is_empty() => (None, Some(Oddity::CodeEmpty(place))),
                    None => (None, Some(Oddity::CodeUnlisted(place))),
                }
            }
            Self::AgeBand { field, year, bands_from } => {
                let age =
                    BirthDate::read(&values[*field]).and_then(|born| born.age_at_new_year(*year));
                match age {
                    Some(age) => {
                        let band = bands_from.iter().filter(|from| **from <= age).count();
                        (Some(band as u16), None)
                    }
                    None => (None, Some(Oddity::CodeEmpty(place))),
                }
            }
        }
    }
}

/// The first value that is not blank, trimmed.
fn first_filled<'r>(row: &'r Row, columns: &[usize]) -> &'r str {
    let mut values = columns.iter().map(|column| row.values()[*column].trim());
    values.find(|value| !value.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use samenloop_schema::Month;

    use super::*;
    use crate::table::{Table, TableReader};

    fn table(text: &'static str) -> Table {
        TableReader::new(Path::new("x.csv"), Cursor::new(text.as_bytes()))
            .and_then(TableReader::read_all)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn schema() -> LinkageSchema {
        let text = r#"
            version = 1
            round = "test"
            field = [
                { name = "given", kind = "given_name", columns = ["Voornaam", "voorletters"] },
                { name = "surname", kind = "surname", columns = ["achternaam"] },
                { name = "born", kind = "birth_date", columns = ["geb.dat"] },
            ]
            contact = { start = ["van"], end = ["tot"] }
            match_key = [{ name = "k", parts = ["surname", "born"] }]
            dimension = [
                { name = "gemeente", columns = ["gemeente"], codes = ["0059", "0060"] },
                { name = "age", birth_date = "born", year = 2024, bands_from = [18, 65] },
            ]
        "#;
        LinkageSchema::from_toml(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn rows_become_persons_and_oddities_are_told() -> Result<(), MappingError> {
        let schema = schema();
        let table = table(
            "VOORNAAM ;voorletters;achternaam;geb.dat;gemeente;van;tot\n\
             Ann;A.;Smit;02-01-1959;60;2024-01;\n\
             ;B.;Smit;30-02-1970;Haren;2024-05;2024-04\n\
             C;;onbekend;01-01-2006;;soon;01-02-2024\n",
        );
        let mapping = Mapping::new(&schema, &table.headers)?;
        let month = |month| Month::of(2024, month).ok();
        let person = |row: usize| mapping.person(&table.rows[row]);
        let (ann, odd) = person(0);
        assert_eq!(
            ann.values.iter().map(|v| v.as_str()).collect::<Vec<_>>(),
            ["Ann", "Smit", "02-01-1959"]
        );
        assert_eq!((ann.codes, ann.start, ann.end), (vec![Some(1), Some(1)], month(1), None));
        assert_eq!(odd, [Oddity::EndEmpty]);
        let (bert, odd) = person(1);
        assert_eq!(bert.values[0].as_str(), "B.");
        assert_eq!((bert.codes, bert.start, bert.end), (vec![None, None], None, None));
        assert_eq!(
            odd,
            [
                Oddity::FieldUnusable(2),
                Oddity::CodeUnlisted(0),
                Oddity::CodeEmpty(1),
                Oddity::EndBeforeStart
            ]
        );
        let (cees, odd) = person(2);
        assert_eq!((cees.codes, cees.start, cees.end), (vec![None, Some(1)], None, month(2)));
        assert_eq!(odd, [Oddity::FieldUnusable(1), Oddity::CodeEmpty(0), Oddity::StartUnusable]);
        Ok(())
    }

    #[test]
    fn whole_names_and_years_of_two_digits_are_read_as_the_schema_says() -> Result<(), MappingError>
    {
        let mut schema = schema();
        schema.fields[0].whole_name_columns.push("naam".to_owned());
        schema.fields[1].whole_name_columns.push("naam".to_owned());
        schema.fields[2].latest_year = Some(2026);
        let table = table(
            "naam;geb.dat\nJansen, J. (Jan);17-05-84\nVries, A. de;1-6-26\nEl Idrissi;1-6-27\nSmit;30819\n",
        );
        let mapping = Mapping::new(&schema, &table.headers)?;
        let values: Vec<Vec<String>> = (0..4)
            .map(|row| {
                mapping.person(&table.rows[row]).0.values.iter().map(|v| v.to_string()).collect()
            })
            .collect();
        assert_eq!(
            values,
            [
                ["J. (Jan)", "Jansen", "17-05-1984"],
                ["A.", "de Vries", "1-6-2026"],
                ["", "El Idrissi", "1-6-1927"],
                ["", "Smit", "30819"],
            ]
        );
        Ok(())
    }

    #[test]
    fn a_file_of_other_headers_does_not_fit() {
        let error = Mapping::new(&schema(), &["Naam".into(), "geboren".into()]).expect_err("other");
        assert!(error.to_string().contains("\"Naam\", \"geboren\""), "{error}");
    }
}

//! A linkage schema from the headers and contents of partners' files.
//!
//! Headers are compared with the words of Dutch and English registrations; contents confirm, veto
//! or replace what a header says. Every guess is explained, and what is not understood is left out.

mod clks;
mod codes;
mod commented;
mod contents;
mod vocabulary;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use samenloop_schema::{
    Contact, Dimension, Field, FieldKind, GivenNames, LinkageSchema, NameTable, SchemaError,
};
use serde::Serialize;

use crate::clk_file::ClkFileError;
use crate::table::{Table, same_header};
pub use clks::draft_clk_schema;
use codes::CodeList;
pub(crate) use codes::same_code;
use contents::{Contents, TELLING};
pub(crate) use vocabulary::is_known_header;
use vocabulary::{Likeness, Meaning};

/// Why no schema could be drafted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// No table was given.
    #[error("give at least one CSV file to draft a schema from")]
    NoTable,
    /// Nothing that people could be linked by.
    #[error(
        "no header or contents of {} look like names, birth dates or addresses; name the fields \
         in a schema file by hand", files.join(", ")
    )]
    NothingFound {
        /// The files.
        files: Vec<String>,
    },
    /// The file of CLKs.
    #[error(transparent)]
    Clks(#[from] ClkFileError),
    /// CLKs that cannot be diffused.
    #[error("{}: {rule}", path.display())]
    ClkLength {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        rule: String,
    },
    /// The file of families of given names.
    #[error("{}: cannot be read: {reason}", path.display())]
    Names {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: std::io::Error,
    },
    /// The fields that were found do not make a schema.
    #[error("the fields that were found are too few to link people by: {0}")]
    Schema(#[from] SchemaError),
}

/// A drafted schema and the reasons for it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The schema, which has passed its own checks.
    pub schema: LinkageSchema,
    /// One per column of each file, in file order.
    pub guesses: Vec<Guess>,
    /// What a reader should look at before agreeing to the schema.
    pub remarks: Vec<String>,
}

impl Draft {
    /// Takes given names by the families of the program's table, and of a file with one family a line,
    /// the formal name first.
    pub fn with_formal_names(&mut self, own: Option<&Path>) -> Result<(), DraftError> {
        let mut given_names = GivenNames { table: Some(NameTable::Nl1), same: vec![] };
        if let Some(path) = own {
            let text = std::fs::read_to_string(path)
                .map_err(|reason| DraftError::Names { path: path.to_owned(), reason })?;
            let words = |line: &str| -> Vec<String> {
                let names = line.split([' ', ',', ';', '\t']).map(str::trim);
                names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
            };
            given_names.same =
                text.lines().map(words).filter(|family| !family.is_empty()).collect();
        }
        let schema = self.schema.clone().with_formal_names(given_names);
        schema.check()?;
        self.schema = schema;
        Ok(())
    }
}

/// What a column is held to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// The file.
    pub file: PathBuf,
    /// The header.
    pub column: String,
    /// What it is used for.
    pub used: Use,
    /// Why, in plain words; never a value.
    pub why: String,
}

/// What a column is used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// A field of this name.
    Field(String),
    /// The contact's first month.
    ContactStart,
    /// The contact's last month.
    ContactEnd,
    /// A dimension of this name.
    Dimension(String),
    /// Nothing; it never leaves the file.
    LeftOut,
}

struct Column<'t> {
    file: &'t Table,
    header: &'t str,
    contents: Contents,
    verdict: Verdict,
}

struct Verdict {
    meaning: Option<Meaning>,
    similarity: f64,
    why: String,
}

impl Verdict {
    fn left_out(why: impl Into<String>) -> Self {
        Self { meaning: None, similarity: 0.0, why: why.into() }
    }

    fn by_contents(meaning: Meaning, share: f64, what: &str) -> Self {
        let why = format!("{} % of its values are {what}", percent(share));
        Self { meaning: Some(meaning), similarity: 0.0, why }
    }
}

fn percent(share: f64) -> u32 {
    (share * 100.0).floor() as u32
}

/// Drafts one schema for all tables. Columns whose header is in `exclude` are never used.
pub fn draft_schema(tables: &[Table], round: &str, exclude: &[&str]) -> Result<Draft, DraftError> {
    if tables.is_empty() {
        return Err(DraftError::NoTable);
    }
    let mut columns = vec![];
    for table in tables {
        columns.extend(judge(table, exclude));
    }
    let fields = fields(&columns);
    if fields.is_empty() {
        let files = tables.iter().map(|table| table.path.display().to_string()).collect();
        return Err(DraftError::NothingFound { files });
    }
    let mut remarks = vec![];
    let contact = contact(&columns, &mut remarks);
    let dimensions = dimensions(&mut columns, &mut remarks);
    let schema = LinkageSchema::with_defaults(round, fields, contact, dimensions)?;
    let guesses = columns.iter().map(Column::guess).collect();
    Ok(Draft { schema, guesses, remarks })
}

/// The dimensions whose columns were found; a column that is no code list loses its meaning.
fn dimensions(columns: &mut [Column<'_>], remarks: &mut Vec<String>) -> Vec<Dimension> {
    let mut dimensions = vec![];
    for meaning in [Meaning::Municipality, Meaning::TargetGroup, Meaning::State] {
        let Some(name) = meaning.dimension() else { continue };
        let list = CodeList::of(
            columns.iter().filter(|c| c.verdict.meaning == Some(meaning)).map(|c| &c.contents),
        );
        match list {
            CodeList::Absent => {}
            CodeList::FreeText => {
                for column in columns.iter_mut().filter(|c| c.verdict.meaning == Some(meaning)) {
                    column.verdict = Verdict::left_out(
                        "its values are too many or too varied to be a code list",
                    );
                }
            }
            CodeList::Codes { codes, rare } => {
                remarks.push(format!(
                    "{name}: {} codes were found; complete the list with the other partners, and keep it as \
                     short and coarse as the questions allow, because codes travel as they are",
                    codes.len()
                ));
                if rare > 0 {
                    remarks.push(format!(
                        "{name}: {rare} values that hardly occur were taken for errors and not listed; \
                         they will count as unknown"
                    ));
                }
                let columns = headers(columns, &[meaning]);
                dimensions.push(Dimension {
                    name: name.to_owned(),
                    source: samenloop_schema::DimensionSource::Column { columns, codes },
                });
            }
        }
    }
    dimensions
}

/// The fields, in the order in which a reader expects them.
fn fields(columns: &[Column<'_>]) -> Vec<Field> {
    const ORDER: &[&[Meaning]] = &[
        &[Meaning::GivenName, Meaning::Nickname, Meaning::Initials],
        &[Meaning::SurnamePrefix],
        &[Meaning::Surname],
        &[Meaning::BirthDate],
        &[Meaning::Sex],
        &[Meaning::BirthPlace],
        &[Meaning::Residence],
        &[Meaning::Postcode],
        &[Meaning::Street],
        &[Meaning::HouseNumber],
        &[Meaning::Address],
    ];
    let short_years = columns.iter().any(|column| {
        column.verdict.meaning == Some(Meaning::BirthDate) && column.contents.short_years() > 0.0
    });
    let field = |meanings: &&[Meaning]| {
        let own = headers(columns, meanings);
        let (name, kind): (&str, FieldKind) = meanings[0].field()?;
        let whole_name_columns = match meanings[0] {
            Meaning::GivenName | Meaning::Surname => headers(columns, &[Meaning::WholeName]),
            _ => vec![],
        };
        let found = !own.is_empty() || !whole_name_columns.is_empty();
        let latest_year = (kind == FieldKind::BirthDate && short_years).then(this_year);
        found.then(|| Field { whole_name_columns, latest_year, ..Field::new(name, kind, own) })
    };
    ORDER.iter().filter_map(field).collect()
}

/// The calendar year, in which the youngest are born.
fn this_year() -> u16 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    1970 + (since_1970.as_secs() / 31_556_952) as u16
}

/// The contact's columns. A schema names both; where only one is found, the other has its usual
/// header and stays empty.
fn contact(columns: &[Column<'_>], remarks: &mut Vec<String>) -> Option<Contact> {
    let mut start = headers(columns, &[Meaning::Start]);
    let mut end = headers(columns, &[Meaning::End]);
    if start.is_empty() && end.is_empty() {
        return None;
    }
    for (found, usual, what) in [(&mut start, "start", "begins"), (&mut end, "einde", "ends")] {
        if found.is_empty() {
            found.push(usual.to_owned());
            remarks.push(format!(
                "contact: no column tells when a contact {what}; name it in [contact] if there is one"
            ));
        }
    }
    Some(Contact { start, end })
}

/// Headers of the columns of some meanings, in order of meaning and then of file, each once.
fn headers(columns: &[Column<'_>], meanings: &[Meaning]) -> Vec<String> {
    let mut headers: Vec<String> = vec![];
    for meaning in meanings {
        for column in columns.iter().filter(|c| c.verdict.meaning == Some(*meaning)) {
            if !headers.iter().any(|header| same_header(header, column.header)) {
                headers.push(column.header.to_owned());
            }
        }
    }
    headers
}

fn judge<'t>(table: &'t Table, exclude: &[&str]) -> Vec<Column<'t>> {
    let mut columns: Vec<Column<'_>> = table
        .headers
        .iter()
        .enumerate()
        .map(|(place, header)| {
            let values = table.rows.iter().map(|row| row.values()[place].as_str());
            let contents = Contents::of(values);
            let verdict = if exclude.iter().any(|excluded| same_header(excluded, header)) {
                Verdict::left_out("excluded by whoever asked for this draft")
            } else {
                by_header(header, &contents)
            };
            Column { file: table, header, contents, verdict }
        })
        .collect();
    if columns
        .iter()
        .any(|c| matches!(c.verdict.meaning, Some(Meaning::GivenName | Meaning::Nickname)))
    {
        // With a column of given names, a "naam" is a surname.
        for column in &mut columns {
            if column.verdict.meaning == Some(Meaning::WholeName) {
                column.verdict.meaning = Some(Meaning::Surname);
            }
        }
    }
    keep_the_best(&mut columns);
    find_by_contents(&mut columns, exclude);
    columns
}

/// What the header says, unless the contents contradict it.
fn by_header(header: &str, contents: &Contents) -> Verdict {
    let Some(Likeness { meaning, word, similarity }) = vocabulary::meaning(header) else {
        return Verdict::left_out("");
    };
    let said = if similarity >= 1.0 {
        format!("its header means {}", meaning.words())
    } else {
        format!(
            "its header resembles \"{word}\" ({} %), which means {}",
            percent(similarity),
            meaning.words()
        )
    };
    let contradicts = |share: f64, what: &str| {
        (contents.filled > 0 && share < 0.5).then(|| {
            Verdict::left_out(format!(
                "{said}, but only {} % of its values are {what}",
                percent(share)
            ))
        })
    };
    let vetoed = match meaning {
        Meaning::BirthDate => contradicts(contents.days(), "dates").or_else(|| {
            (contents.short_years() > 0.0).then(|| {
                let why = format!(
                    "{said}; {} % of its values have a year of two digits, which is held to be no later \
                     than latest_year",
                    percent(contents.short_years())
                );
                Verdict { meaning: Some(meaning), similarity, why }
            })
        }),
        Meaning::WholeName if contents.whole_names() <= 0.5 => {
            let meaning = Some(Meaning::Surname);
            Some(Verdict { meaning, similarity, why: format!("{said}, and its values are surnames") })
        }
        Meaning::WholeName => {
            let why = format!(
                "{said}, and {} % of its values hold given names beside a surname, from which both fields \
                 are taken",
                percent(contents.whole_names())
            );
            Some(Verdict { meaning: Some(meaning), similarity, why })
        }
        Meaning::Start | Meaning::End => contradicts(contents.months_or_days(), "months or dates"),
        Meaning::Sex => (contents.values.len() > 8).then(|| {
            Verdict::left_out(format!(
                "{said}, but it has {} different values",
                contents.values.len()
            ))
        }),
        Meaning::Postcode => contradicts(contents.digits().max(contents.postcodes()), "postcodes"),
        Meaning::GivenName | Meaning::Nickname | Meaning::Surname => (contents.digits() > 0.5)
            .then(|| Verdict::left_out(format!("{said}, but it holds numbers"))),
        Meaning::NationalId => Some(Verdict::left_out(format!(
            "{said}; it may only be used on a legal basis, which the schema would have to state"
        ))),
        Meaning::RecordNumber | Meaning::Unneeded => {
            Some(Verdict::left_out(format!("{said}; it is never encoded")))
        }
        _ => None,
    };
    vetoed.unwrap_or(Verdict { meaning: Some(meaning), similarity, why: said })
}

/// One column for each meaning: the one whose header is most alike, then the fullest.
fn keep_the_best(columns: &mut [Column<'_>]) {
    for place in 0..columns.len() {
        let Some(meaning) = columns[place].verdict.meaning else { continue };
        let rank = |column: &Column<'_>| (column.verdict.similarity, column.contents.filled);
        let better = columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.verdict.meaning == Some(meaning))
            .max_by(|(one_at, one), (other_at, other)| {
                let (one, other) = (rank(one), rank(other));
                one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)).then(other_at.cmp(one_at))
            })
            .map(|(at, column)| (at, column.header));
        if let Some((at, header)) = better.filter(|(at, _)| *at != place) {
            let why =
                format!("{}, but so does \"{header}\", which is taken", columns[place].verdict.why);
            debug_assert!(at < columns.len());
            columns[place].verdict = Verdict::left_out(why);
        }
    }
}

/// What headers left open and contents tell by themselves.
fn find_by_contents(columns: &mut [Column<'_>], exclude: &[&str]) {
    let known = |columns: &[Column<'_>], meaning| {
        columns.iter().any(|column| column.verdict.meaning == Some(meaning))
    };
    for place in 0..columns.len() {
        let column = &columns[place];
        let excluded = exclude.iter().any(|excluded| same_header(excluded, column.header));
        if excluded || !column.verdict.why.is_empty() {
            continue;
        }
        let contents = &column.contents;
        let telling = contents.filled >= TELLING;
        let verdict = if contents.filled == 0 {
            Verdict::left_out("it is empty")
        } else if telling && contents.citizen_numbers() > 0.5 {
            Verdict::left_out(format!(
                "{} % of its values are nine digits that pass the elfproef, so it seems to hold \
                 citizen service numbers (BSN), which may only be used on a legal basis",
                percent(contents.citizen_numbers())
            ))
        } else if contents.constant() {
            Verdict::left_out("every row has the same value")
        } else if telling
            && contents.days() > 0.9
            && !known(columns, Meaning::BirthDate)
            && contents.mean_year().is_some_and(|year| year < 2000)
        {
            Verdict::by_contents(
                Meaning::BirthDate,
                contents.days(),
                "dates, on average before 2000",
            )
        } else if telling && contents.postcodes() > 0.8 && !known(columns, Meaning::Postcode) {
            Verdict::by_contents(Meaning::Postcode, contents.postcodes(), "Dutch postcodes")
        } else if telling
            && contents.sexes() > 0.95
            && contents.values.len() <= 4
            && !known(columns, Meaning::Sex)
        {
            Verdict::by_contents(Meaning::Sex, contents.sexes(), "words for a sex")
        } else if telling && contents.months() > 0.9 {
            // Of two columns of months the first is the start, as registrations have them.
            let open =
                [Meaning::Start, Meaning::End].into_iter().find(|open| !known(columns, *open));
            match open {
                Some(open) => Verdict::by_contents(
                    open,
                    contents.months(),
                    &format!("months; it is taken for the {}", open.words()),
                ),
                None => Verdict::left_out("it holds months, but start and end were found already"),
            }
        } else if contents.all_unique() {
            Verdict::left_out(
                "no value occurs twice: it seems to be a record number, which is never encoded",
            )
        } else {
            Verdict::left_out("neither its header nor its contents are known")
        };
        columns[place].verdict = verdict;
    }
}

impl Column<'_> {
    fn guess(&self) -> Guess {
        let Verdict { meaning, why, .. } = &self.verdict;
        let used = match meaning {
            Some(Meaning::Start) => Use::ContactStart,
            Some(Meaning::End) => Use::ContactEnd,
            Some(meaning) => match (meaning.field(), meaning.dimension()) {
                (Some((field, _)), _) => Use::Field(field.to_owned()),
                (None, Some(dimension)) => Use::Dimension(dimension.to_owned()),
                (None, None) => Use::LeftOut,
            },
            None => Use::LeftOut,
        };
        Guess {
            file: self.file.path.clone(),
            column: self.header.to_owned(),
            used,
            why: why.clone(),
        }
    }
}

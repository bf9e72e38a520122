//! What is weak about a schema, measured on a file of registrations.

use std::path::Path;

use samenloop_encode::{KeyError, LinkageKey, RoundKeys};
use samenloop_schema::{Digest, Field, FieldKind, LinkageSchema};
use serde::Serialize;

use crate::quality::QualityReport;
use crate::survey::{Progress, SurveyError, spill};

/// Why a schema could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// No throwaway key could be drawn.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file does not fit or cannot be read.
    #[error(transparent)]
    Survey(#[from] SurveyError),
}

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct SchemaCheck {
    /// Label of the round.
    pub round: String,
    /// Hash of the schema, which the round's manifest names.
    pub schema_hash: Digest,
    /// What is weak, in plain words.
    pub weaknesses: Vec<String>,
    /// What the file looks like under the schema, if one was given.
    pub quality: Option<QualityReport>,
}

/// Share of records that share a whole encoding, from which on the encoding tells too little.
const COMMON_ENCODING: f64 = 0.2;

/// Share of a filter's bits that are set before diffusion. Below, one wrong letter weighs as much as another
/// name; above, strangers have most bits in common.
const FILL: std::ops::Range<f64> = 0.10..0.60;

/// Share of rows in which a field may be empty before it is worth a word.
const MOSTLY_EMPTY: f64 = 0.5;

/// Share of records that codes and months single out, from which on they should be coarser.
const SINGLED_OUT: f64 = 0.1;

/// Checks a schema, and with a file measures it. The file is encoded with a key that is drawn for
/// this and forgotten; rows that cannot be read are passed over and reported.
pub fn check(
    schema: &LinkageSchema,
    csv: Option<&Path>,
    progress: &dyn Progress,
) -> Result<SchemaCheck, CheckError> {
    let mut weaknesses = vec![];
    if let Err(reason) = schema.check_hardened() {
        weaknesses.push(format!("{reason}; `encode` refuses this schema"));
    }
    let quality = match csv {
        Some(csv) => {
            let keys = RoundKeys::derive(&LinkageKey::generate()?, schema);
            let report = spill(csv, schema, &keys, true, &std::env::temp_dir(), progress)?.report;
            weaknesses.extend(measured(schema, &report));
            Some(report)
        }
        None => None,
    };
    Ok(SchemaCheck { round: schema.round.clone(), schema_hash: schema.hash(), weaknesses, quality })
}

/// A part of a whole in per cent with one decimal.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        "0 %".to_owned()
    } else {
        format!("{:.1} %", 100.0 * part as f64 / whole as f64)
    }
}

/// A number of rows in words.
pub(crate) fn count(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

fn measured(schema: &LinkageSchema, report: &QualityReport) -> Vec<String> {
    let mut found = vec![];
    let (rows, records) = (report.rows, report.records);
    let above = |part: u64, whole: u64, share: f64| part as f64 > share * whole as f64;
    for (field, Field { kind, .. }) in report.fields.iter().zip(&schema.fields) {
        // Most people have no tussenvoegsel.
        let seldom = *kind == FieldKind::SurnamePrefix;
        if field.columns.is_empty() {
            found.push(format!(
                "field {}: the file has no column for it; add its header to `columns` if there is one",
                field.name
            ));
        } else if !seldom && above(field.empty + field.unusable.rows, rows, MOSTLY_EMPTY) {
            found.push(format!(
                "field {}: {} of the rows have nothing usable in it",
                field.name,
                percent(field.empty + field.unusable.rows, rows)
            ));
        }
    }
    for dimension in &report.dimensions {
        if !dimension.found {
            found.push(format!("dimension {}: the file has no column for it", dimension.name));
        } else if above(dimension.unlisted.rows, rows, 0.01) {
            found.push(format!(
                "dimension {}: {} of the rows have a value that is not in the code list",
                dimension.name,
                percent(dimension.unlisted.rows, rows)
            ));
        }
    }
    for (encoding, shape) in report.encodings.iter().zip(&schema.encodings) {
        let bits = encoding.filters * u64::from(shape.filter_bits);
        let fill = encoding.set_bits as f64 / bits.max(1) as f64;
        if bits > 0 && !FILL.contains(&fill) {
            let (what, remedy) =
                if fill < FILL.start { ("empty", "more") } else { ("full", "fewer") };
            found.push(format!(
                "encoding {}: its filter is too {what}, {} of the bits are set on average: give its \
                 features {remedy} hashes, a third of the bits is best",
                encoding.name,
                percent(encoding.set_bits, bits)
            ));
        }
        let fields = shape.features.iter().filter_map(|feature| schema.field(&feature.field));
        for field in fields.filter(|field| field.kind == FieldKind::Text) {
            found.push(format!(
                "encoding {}: field {} has the kind text, of which nothing but case, accents and \
                 blanks is made alike; give it the kind of what it holds if there is one",
                encoding.name, field.name
            ));
        }
        if above(encoding.shared, encoding.records, COMMON_ENCODING) {
            found.push(format!(
                "encoding {}: {} of the records that have it share it with another; unless the file \
                 holds people more than once, mix in another fact",
                encoding.name,
                percent(encoding.shared, encoding.records)
            ));
        }
    }
    for key in report.match_keys.iter().filter(|key| key.records * 20 < records) {
        found.push(format!(
            "match_key {}: only {} of the records have it",
            key.name,
            percent(key.records, records)
        ));
    }
    if report.unlinkable.rows > 0 {
        found.push(format!(
            "{} ({}) know too little of a person to be linked; they are not submitted",
            count(report.unlinkable.rows),
            percent(report.unlinkable.rows, rows)
        ));
    }
    if report.without_encoding > 0 {
        found.push(format!(
            "{} of the records have no encoding; only an exact match key can link them",
            percent(report.without_encoding, records)
        ));
    }
    if above(report.singled_out, records, SINGLED_OUT) {
        let mut gains: Vec<_> = report.singled_out_without.iter().collect();
        gains.sort_by_key(|without| without.singled_out);
        let told: Vec<String> = gains
            .iter()
            .map(|without| {
                format!("{} without {}", percent(without.singled_out, records), without.name)
            })
            .collect();
        found.push(format!(
            "{} of the records stand alone by their codes and months, which travel as they are: use \
             fewer dimensions, coarser codes or no months if the questions allow it ({})",
            percent(report.singled_out, records),
            told.join(", ")
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::Silent;

    const SCHEMA: &str = r#"
version = 1
round = "test"
field = [
    { name = "surname", kind = "surname", columns = ["achternaam"] },
    { name = "born", kind = "birth_date", columns = ["geboren"] },
    { name = "street", kind = "street", columns = ["straat"] },
]
match_key = [{ name = "k", parts = ["surname", "born"] }]
dimension = [{ name = "group", columns = ["groep"], codes = ["a", "b"] }]
[[encoding]]
name = "e"
bits = 1024
filter_bits = 512
diffusion = 2
features = [
    { field = "surname", tokens = "bigrams", hashes = 20 },
    { field = "born", tokens = "date_parts", hashes = 20 },
]
"#;

    #[test]
    fn what_is_weak_is_said_with_its_number() -> Result<(), Box<dyn std::error::Error>> {
        let schema = LinkageSchema::from_toml(SCHEMA)?;
        let dir = tempfile::tempdir()?;
        let csv = dir.path().join("x.csv");
        std::fs::write(
            &csv,
            "achternaam,geboren,groep\n\
             Hendriksen,1980-01-02,a\n\
             Hendriksen,1980-01-02,b\n\
             Kok,31-31-1980,c\n\
             Kok,,a\n\
             ,,\n\
             Vermeulen,x,a\n",
        )?;
        let found = check(&schema, Some(&csv), &Silent)?;
        assert_eq!(found.schema_hash, schema.hash());
        for expected in [
            "diffusion must be 8 or more",
            "field born: 60.0 % of the rows have nothing usable in it",
            "field street: the file has no column for it",
            "dimension group: 20.0 % of the rows have a value that is not in the code list",
            "encoding e: 100.0 % of the records that have it share it with another",
            "3 rows (60.0 %) know too little",
            "100.0 % of the records stand alone by their codes and months",
            "allow it (0.0 % without group)",
        ] {
            let said = found.weaknesses.iter().any(|weakness| weakness.contains(expected));
            assert!(said, "{expected:?} is not among {:#?}", found.weaknesses);
        }
        assert_eq!(check(&schema, None, &Silent)?.weaknesses.len(), 1);
        Ok(())
    }

    /// Each of these filters is full beyond or empty below what may be submitted, so that no record has
    /// its encoding.
    #[test]
    fn filters_are_measured_before_diffusion_whether_fit_or_not()
    -> Result<(), Box<dyn std::error::Error>> {
        let encoding = |name: &str, bits: u32, tokens: &str, hashes: u32| {
            format!(
                "[[encoding]]\nname = \"{name}\"\nbits = {bits}\nfilter_bits = {bits}\ndiffusion = 8\n\
                 features = [{{ field = \"surname\", tokens = \"{tokens}\", hashes = {hashes} }}, \
                 {{ field = \"other\", tokens = \"whole\", hashes = {hashes} }}]\n"
            )
        };
        let other = "{ name = \"other\", kind = \"text\", columns = [\"groep\"] },\n]\nmatch_key";
        let schema = SCHEMA.replacen("]\nmatch_key", other, 1);
        let schema =
            schema + &encoding("full", 256, "bigrams", 60) + &encoding("empty", 1024, "whole", 10);
        let schema = LinkageSchema::from_toml(&schema)?;
        let dir = tempfile::tempdir()?;
        let csv = dir.path().join("x.csv");
        std::fs::write(
            &csv,
            "achternaam,geboren,groep\nHendriksen,1980-01-02,a\nVermeulen,1990-01-02,b\n",
        )?;
        let SchemaCheck { weaknesses, quality, .. } = check(&schema, Some(&csv), &Silent)?;
        for expected in [
            "encoding full: its filter is too full, ",
            "encoding full: field other has the kind text",
            "encoding empty: its filter is too empty, ",
        ] {
            let said = weaknesses.iter().any(|weakness| weakness.contains(expected));
            assert!(said, "{expected:?} is not among {weaknesses:#?}");
        }
        let encodings = quality.ok_or("a file was given")?.encodings;
        let told: Vec<_> = encodings.iter().map(|encoding| encoding.filters).collect();
        assert_eq!(told, [2, 2, 2]);
        // The key is drawn anew: bits that coincide differ.
        assert!(encodings[1].set_bits > 2 * 256 * 3 / 4, "{encodings:?}");
        assert!((30..=40).contains(&encodings[2].set_bits), "{encodings:?}");
        assert_eq!(encodings[2].records, 0);
        Ok(())
    }
}

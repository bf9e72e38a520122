use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use samenloop_encode::LinkageKey;
use samenloop_schema::drop_common_keys;

use super::*;
use crate::table;

const SCHEMA: &str = r#"
    version = 1
    round = "test"
    max_key_multiplicity = 3
    field = [
        { name = "given", kind = "given_name", columns = ["voornaam"] },
        { name = "surname", kind = "surname", columns = ["achternaam"] },
        { name = "born", kind = "birth_date", columns = ["geboren"] },
    ]
    contact = { start = ["van"], end = ["tot"] }
    match_key = [
        { name = "k", parts = ["surname", "born"] },
        { name = "l", parts = ["given", "surname"] },
    ]
    dimension = [{ name = "d", columns = ["d"], codes = ["a", "b"] }]
    [[encoding]]
    name = "names"
    bits = 1024
    filter_bits = 512
    diffusion = 10
    features = [
        { field = "surname", tokens = "bigrams", hashes = 10 },
        { field = "given", tokens = "bigrams", hashes = 10 },
    ]
    "#;

/// Everything in memory, as plainly as it can be said.
fn in_memory(path: &Path, schema: &LinkageSchema, keys: &RoundKeys) -> Survey {
    let (encoder, shape) = (Encoder::new(schema, keys).expect("keys"), schema.shape());
    let table = table::read(path).expect("a table");
    let mapping = Mapping::new(schema, &table.headers).expect("a schema for it");
    let mut report =
        QualityReport::new(path.to_owned(), Some(table.dialect), schema, &mapping, &table.headers);
    report.blank_rows = table.blank_rows;
    let (mut records, mut lines) = (vec![], vec![]);
    for row in &table.rows {
        let (person, oddities) = mapping.person(row);
        report.add_row(row.line, &oddities);
        let encodings = &mut report.encodings;
        let record = encoder.encode_telling(&person, |at, ones| encodings[at].add_filter(ones));
        match shape.check(&record) {
            Ok(()) => {
                records.push(record);
                lines.push(row.line);
            }
            Err(rule) => {
                assert_eq!(rule, RowRule::Empty);
                report.add_unlinkable(row.line);
            }
        }
    }
    report.dropped_match_keys = drop_common_keys(&mut records, schema.max_key_multiplicity);
    let (mut kept, mut kept_lines) = (vec![], vec![]);
    for (record, line) in records.into_iter().zip(lines) {
        if shape.check(&record).is_ok() {
            kept.push(record);
            kept_lines.push(line);
        } else {
            report.add_unlinkable(line);
        }
    }
    let mut seen = HashSet::new();
    let mut disclosed: HashMap<_, u64> = HashMap::new();
    for (record, line) in kept.iter().zip(&kept_lines) {
        let keys = record.match_keys.iter().enumerate();
        let new: Vec<bool> =
            keys.filter_map(|(place, key)| Some(seen.insert((place, (*key)?)))).collect();
        report.add_record(
            *line,
            record.encodings.iter().any(Option::is_some),
            new.contains(&false),
        );
        *disclosed.entry((&record.codes, record.start, record.end)).or_default() += 1;
    }
    report.singled_out = disclosed.values().filter(|count| **count == 1).count() as u64;
    for (place, left_out) in report.singled_out_without.iter_mut().enumerate() {
        let mut alike: HashMap<_, u64> = HashMap::new();
        for record in &kept {
            let mut codes = record.codes.clone();
            let is_code = codes.get_mut(place).map(|code| *code = None).is_some();
            let months = if is_code { (record.start, record.end) } else { (None, None) };
            *alike.entry((codes, months)).or_default() += 1;
        }
        left_out.singled_out = alike.values().filter(|count| **count == 1).count() as u64;
    }
    for (place, presence) in report.encodings.iter_mut().enumerate() {
        let mut counts: HashMap<_, u64> = HashMap::new();
        for clk in kept.iter().filter_map(|record| record.encodings[place].as_ref()) {
            *counts.entry(clk).or_default() += 1;
        }
        counts.values().for_each(|count| (0..*count).for_each(|_| presence.add(*count)));
    }
    for (place, presence) in report.match_keys.iter_mut().enumerate() {
        let mut counts: HashMap<_, u64> = HashMap::new();
        for key in kept.iter().filter_map(|record| record.match_keys[place]) {
            *counts.entry(key).or_default() += 1;
        }
        counts.values().for_each(|count| (0..*count).for_each(|_| presence.add(*count)));
    }
    Survey { records: kept, lines: kept_lines, report }
}

fn cell(of: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(of)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn rows_that_wait_on_disk_give_what_rows_in_memory_give(rows in prop::collection::vec((
        cell(&["", "Jan", "Piet", "Fatima", "A."]),
        cell(&["", "de Vries", "Jansen", "Ozturk", "Yildirim-Kaya"]),
        cell(&["", "1980-01-02", "1975-05-06", "x", "2001-03-04"]),
        cell(&["", "a", "b", "c"]),
        cell(&["", "2024-01", "2024-03"]),
    ), 0..120)) {
        let schema = LinkageSchema::from_toml(SCHEMA).expect("a schema");
        let key = LinkageKey::from_hex(&"3c4d".repeat(16)).expect("a key");
        let keys = RoundKeys::derive(&key, &schema);
        let mut csv = "voornaam,achternaam,geboren,d,van,tot\n".to_owned();
        for (given, surname, born, code, start) in rows {
            csv += &format!("{given},{surname},{born},{code},{start},\n");
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), csv).expect("a file");
        let found = survey(file.path(), &schema, &keys, false, &Silent).expect("a survey");
        let expected = in_memory(file.path(), &schema, &keys);
        prop_assert_eq!(found.records, expected.records);
        prop_assert_eq!(found.lines, expected.lines);
        prop_assert_eq!(found.report, expected.report);
    }
}

use data_encoding::{BASE64, HEXLOWER};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::*;

const VECTORS: &str = include_str!("../../../tests/vectors/clkhash/clkhash_vectors.json");
const PITFALLS: &str = include_str!("../../../tests/vectors/clkhash/pitfalls.json");
const BAD_VALUES: &str = include_str!("../../../tests/vectors/clkhash/bad_values.json");
const BAD_SCHEMAS: &str = include_str!("../../../tests/vectors/clkhash/bad_schemas.json");
const FEBRL4: &str = include_str!("../../../tests/vectors/clkhash/febrl4_schema_v3.json");
const FEBRL4_B: &str = include_str!("../../../tests/data/febrl4/b.csv");
const FEBRL4_A: &str = include_str!("../../../tests/data/febrl4/a.csv");

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    schema: Value,
    secret_utf8: Option<String>,
    secret_hex: Option<String>,
    rows: Vec<Vec<String>>,
    clks: Vec<String>,
}

fn clk(encoder: &mut Encoder, row: &[impl AsRef<str>]) -> Result<String, ValueFault> {
    encoder.encode(row.iter().map(AsRef::as_ref)).map(|clk| BASE64.encode(clk))
}

fn encoder(schema: &Value, secret: &[u8]) -> Result<Encoder, SchemaFault> {
    Encoder::new(&Linkage::read(schema)?, secret, true)
}

#[test]
fn every_clk_of_the_vectors_is_the_same() {
    let vectors: Vectors = serde_json::from_str(VECTORS).expect("vectors");
    let mut count = 0;
    for case in vectors.cases {
        let secret = match (case.secret_utf8, case.secret_hex) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(hex)) => HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal"),
            _ => panic!("{}: one secret", case.name),
        };
        let mut encoder = encoder(&case.schema, &secret).expect(&case.name);
        for (row, expected) in case.rows.iter().zip(&case.clks) {
            let found = clk(&mut encoder, row).expect(&case.name);
            assert_eq!(&found, expected, "{} {row:?}", case.name);
            count += 1;
        }
    }
    assert_eq!(count, 50);
}

/// A file of FEBRL4 as clkhash's tutorial has it, without its second column, which is the truth; and
/// the truth of the rows that are kept.
fn without_truth(text: &str, keep: impl Fn(&str) -> bool) -> (String, Vec<String>) {
    let mut rows = Rows::new(text);
    let (mut csv, mut truth) = (String::new(), vec![]);
    while rows.read() {
        let row: Vec<_> = rows.values().map(str::trim).collect();
        if csv.is_empty() || keep(row[1]) {
            if !csv.is_empty() {
                truth.push(row[1].to_owned());
            }
            csv += &[&row[..1], &row[2..]].concat().join(",");
            csv.push('\n');
        }
    }
    (csv, truth)
}

#[test]
fn febrl4_hashes_as_in_clkhash_s_tutorial() {
    let schema: Value = serde_json::from_str(FEBRL4).expect("the schema is JSON");
    let linkage = Linkage::read(&schema).expect("a schema");
    let mut encoder = Encoder::new(&linkage, b"secret", true).expect("a schema");
    let (csv, _) = without_truth(FEBRL4_A, |_| true);
    let mut out = vec![];
    let count = hash_rows(&linkage, &mut encoder, &csv, Header::Check, &mut out).expect("rows");
    assert_eq!(count, 5000);
    let out: Value = serde_json::from_slice(&out).expect("JSON");
    let clks: Vec<&str> =
        out["clks"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(
        HEXLOWER.encode(&Sha256::digest(clks.join("\n"))),
        "1eb10dc453a3199a6f0d0436f701ca37804595e00ec09f523811b7c8af8cf38d"
    );
}

#[derive(Deserialize)]
struct Pitfall {
    name: String,
    schema: Value,
    values: Vec<String>,
    clks: Vec<String>,
}

#[test]
fn every_pitfall_is_read_as_clkhash_reads_it() {
    let pitfalls: Vec<Pitfall> = serde_json::from_str(PITFALLS).expect("vectors");
    assert!(pitfalls.len() >= 20);
    for Pitfall { name, schema, values, clks } in pitfalls {
        let mut encoder = encoder(&schema, b"secret").expect(&name);
        for (value, expected) in values.iter().zip(&clks) {
            assert_eq!(&clk(&mut encoder, &[value]).expect(&name), expected, "{name}: {value:?}");
        }
    }
}

#[derive(Deserialize)]
struct BadValue {
    schema: Value,
    values: Vec<String>,
    rule: String,
}

#[test]
fn a_value_that_clkhash_refuses_is_refused_without_being_told() {
    let bad: Vec<BadValue> = serde_json::from_str(BAD_VALUES).expect("vectors");
    for BadValue { schema, values, rule } in bad {
        let mut encoder = encoder(&schema, b"secret").expect("a schema");
        for value in values {
            let fault = clk(&mut encoder, &[&value]).expect_err(&value).to_string();
            assert!(
                fault.starts_with("column \"f\": ") && fault.contains(&rule),
                "{value:?}: {fault}"
            );
            assert!(value.len() < 3 || !fault.contains(&value), "{value:?}: {fault}");
        }
    }
}

#[derive(Deserialize)]
struct BadSchema {
    schema: Value,
    place: String,
}

#[test]
fn a_schema_that_clkhash_refuses_is_refused_by_place() {
    let bad: Vec<BadSchema> = serde_json::from_str(BAD_SCHEMAS).expect("vectors");
    assert!(bad.len() >= 60);
    for BadSchema { schema, place } in bad {
        let fault = encoder(&schema, b"secret").err().unwrap_or_else(|| panic!("taken: {schema}"));
        assert_eq!(fault.place, place, "{fault}");
    }
}

#[test]
fn xor_folds_in_camel_case_is_ignored_aloud() {
    let mut schema: Value = serde_json::from_str(FEBRL4).expect("the schema is JSON");
    schema["clkConfig"]["xorFolds"] = 2.into();
    let linkage = Linkage::read(&schema).expect("a schema");
    assert_eq!(linkage.folds, 0);
    assert!(linkage.remarks.iter().any(|remark| remark.contains("xorFolds")));
}

#[test]
fn rows_are_those_of_python_s_csv_reader() {
    // What list(csv.reader(open(file))) gives in CPython 3.11.
    let cases: &[(&str, &[&[&str]])] = &[
        ("", &[]),
        ("a,b\n", &[&["a", "b"]]),
        ("a,b", &[&["a", "b"]]),
        ("a,\n,b\n", &[&["a", ""], &["", "b"]]),
        (",", &[&["", ""]]),
        ("a\n\nb\n", &[&["a"], &[], &["b"]]),
        ("a\r\nb\rc\n", &[&["a"], &["b"], &["c"]]),
        ("\"a,b\",c\n", &[&["a,b", "c"]]),
        ("\"say \"\"so\"\"\"\n", &[&["say \"so\""]]),
        ("a\"b\"c,d\n", &[&["a\"b\"c", "d"]]),
        ("\"a\"bc\"d\n", &[&["abc\"d"]]),
        ("\"two\r\nlines\",x\n", &[&["two\nlines", "x"]]),
        ("\"open\nto the end", &[&["open\nto the end"]]),
        ("\"\"\n", &[&[""]]),
        (" \"a\" ,b\n", &[&[" \"a\" ", "b"]]),
    ];
    for (text, expected) in cases {
        let mut rows = Rows::new(text);
        let mut found: Vec<Vec<String>> = vec![];
        while rows.read() {
            found.push(rows.values().map(str::to_owned).collect());
        }
        assert_eq!(&found, expected, "{text:?}");
    }
}

#[test]
fn the_header_and_the_width_of_rows_are_held_to_the_schema() {
    let pitfalls: Vec<Pitfall> = serde_json::from_str(PITFALLS).expect("vectors");
    let linkage = Linkage::read(&pitfalls[1].schema).expect("a schema");
    let mut encoder = Encoder::new(&linkage, b"secret", true).expect("a schema");
    let mut hash =
        |csv: &str, header| hash_rows(&linkage, &mut encoder, csv, header, &mut io::sink());
    assert_eq!(hash("f\nJan\n", Header::Check).ok(), Some(1));
    assert_eq!(hash("x\nJan\n", Header::Ignore).ok(), Some(1));
    assert_eq!(hash("Jan\nPiet\n", Header::None).ok(), Some(2));
    for (csv, expected) in [
        ("x\nJan\n", "line 1: column 1 has the header \"x\""),
        ("f,g\nJan,1\n", "line 1: has 2 headers"),
        ("\u{feff}f\nJan\n", "byte-order mark"),
        ("", "line 1: the file is empty"),
        ("f\nJan\n\nPiet\n", "line 3: has 0 values"),
        ("f\n\"two\nlines\"\nJan,1\n", "line 4: has 2 values"),
    ] {
        let fault = hash(csv, Header::Check).expect_err(csv).to_string();
        assert!(fault.contains(expected), "{csv:?}: {fault}");
    }
}

/// Encodes a tenth of the people of FEBRL4 from their CLKs and links them: people in both files, right
/// and wrong pairs. With `rows` the fields for match keys stand beside the CLKs.
fn round_of_clks(rows: bool) -> (usize, usize, usize) {
    let linkage = Linkage::read(&serde_json::from_str(FEBRL4).expect("JSON")).expect("a schema");
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    samenloop_partner::key_file::create(&path("round.key")).expect("a key");
    let (mut records, mut truth) = (vec![], vec![]);
    for (name, text) in [("a", FEBRL4_A), ("b", FEBRL4_B)] {
        // A tenth of the people.
        let (csv, people) = without_truth(text, |person| person.ends_with('7'));
        let mut encoder = Encoder::new(&linkage, b"a secret of the two", true).expect("a schema");
        let mut clks = vec![];
        hash_rows(&linkage, &mut encoder, &csv, Header::Check, &mut clks).expect("rows");
        std::fs::write(path(name), clks).expect("a file");
        let csv_path = rows.then(|| path(&format!("{name}.csv")));
        let mut tables = vec![];
        if let Some(path) = &csv_path {
            std::fs::write(path, &csv).expect("a file");
            tables.push(samenloop_partner::table::read(path).expect("a table"));
        }
        if name == "a" {
            let draft = samenloop_partner::draft::draft_clk_schema(&path(name), &tables, "r", &[]);
            std::fs::write(path("schema.toml"), draft.expect("CLKs").to_toml()).expect("a file");
        }
        let job = samenloop_partner::EncodeJob {
            schema: path("schema.toml"),
            key: path("round.key"),
            csv: csv_path,
            clks: Some(path(name)),
            out: path(&format!("{name}.extract")),
            skip_bad_rows: false,
            force: false,
        };
        samenloop_partner::encode_file(&job, &samenloop_partner::survey::Silent).expect("CLKs");
        let extract = samenloop_partner::extract::Extract::open(&job.out);
        let mut extract = extract.expect("an extract");
        let batches = 0..extract.header().batches();
        let rows =
            batches.flat_map(|batch| extract.batch(batch).expect("rows")).collect::<Vec<_>>();
        records.push(rows);
        assert_eq!(records[records.len() - 1].len(), people.len());
        truth.extend(people);
    }
    let schema = samenloop_partner::read_schema(&path("schema.toml")).expect("a schema");
    assert_eq!(schema.match_keys.is_empty(), !rows);
    let sources: Vec<_> = records
        .iter()
        .map(|records| samenloop_link::Source { may_hold_duplicates: true, records })
        .collect();
    let options = samenloop_link::Options::default();
    let linked = samenloop_link::link(&schema, &sources, &options, &samenloop_link::Silent)
        .expect("no one stops it");
    let (mut found, mut wrong) = (0, 0);
    for one in 0..truth.len() {
        for other in 0..one {
            if linked.clusters[one] == linked.clusters[other] {
                found += usize::from(truth[one] == truth[other]);
                wrong += usize::from(truth[one] != truth[other]);
            }
        }
    }
    (records[0].len(), found, wrong)
}

#[test]
fn partners_that_bring_clks_and_rows_are_linked_by_the_match_keys() {
    let (people, found, wrong) = round_of_clks(true);
    assert!(people > 400);
    // It is the match keys that link; docs/encoding.md says how little the CLK adds once diffused.
    assert!(found * 10 >= people * 9 && wrong * 50 <= found, "{found} of {people}, {wrong} wrong");
}

#[test]
fn clks_alone_link_those_who_are_written_nearly_alike() {
    let (people, found, wrong) = round_of_clks(false);
    println!("{found} of {people}, {wrong} wrong");
    assert!(found * 10 >= people * 4 && wrong * 50 <= found, "{found} of {people}, {wrong} wrong");
}

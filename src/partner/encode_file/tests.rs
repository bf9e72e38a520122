use super::*;
use crate::extract::Extract;
use crate::mapping::MappingError;
use crate::survey::Silent;

const SCHEMA: &str = r#"
version = 1
round = "test"
max_key_multiplicity = 2
field = [
    { name = "given", kind = "given_name", columns = ["voornaam"] },
    { name = "surname", kind = "surname", columns = ["achternaam"] },
    { name = "born", kind = "birth_date", columns = ["geb.dat"] },
    { name = "street", kind = "street", columns = ["straat"] },
]
contact = { start = ["van"], end = ["tot"] }
match_key = [
    { name = "surname-birth", parts = ["surname", "born"] },
    { name = "names", parts = ["surname", "given"] },
]
dimension = [{ name = "gemeente", columns = ["gemeente"], codes = ["0059", "0060"] }]
"#;

/// Lines 2 to 11; see the test that counts.
const TABLE: &str = "voornaam;achternaam;geb.dat;gemeente;van;tot
Ann;Smit;02-01-1959;60;2024-01;
Ann;Smit;02-01-1959;60;2024-01;2024-03
Bert;Groen;30-02-1970;99;2024-05;2024-04
Cor;;;59;;
Dirk;de Wit;;;x;
Els;Bos;01-01-1850;59;2024-01;
Jan;Bakker;01-01-1980;59;2024-02;
Jan;Bakker;01-01-1980;59;2024-02;
Jan;Bakker;01-01-1980;59;2024-02;
;;;;;
Fie;Post;1980-05-06;0060;2024-01;
";

struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new(csv: &str) -> Self {
        let files = Self { dir: tempfile::tempdir().expect("a directory") };
        fs::write(files.path("schema.toml"), SCHEMA).expect("a file");
        fs::write(files.path("x.csv"), csv).expect("a file");
        key_file::create(&files.path("round.key")).expect("a key");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn job(&self) -> EncodeJob {
        EncodeJob {
            schema: self.path("schema.toml"),
            key: self.path("round.key"),
            csv: Some(self.path("x.csv")),
            clks: None,
            out: self.path("x.extract"),
            skip_bad_rows: false,
            force: false,
        }
    }

    fn leftovers(&self) -> usize {
        fs::read_dir(self.dir.path()).map(Iterator::count).unwrap_or(0) - 3
    }
}

#[test]
fn the_report_counts_what_is_odd() -> Result<(), EncodeError> {
    let files = Files::new(TABLE);
    let report = encode_file(&files.job(), &Silent)?;
    let quality = &report.quality;
    assert_eq!((quality.rows, quality.blank_rows, quality.records), (10, 1, 6));
    let field = |name: &str| quality.fields.iter().find(|f| f.name == name).expect("a field");
    assert_eq!((field("given").empty, field("surname").empty), (0, 1));
    assert_eq!(field("born").empty, 2);
    assert_eq!(field("born").unusable.lines, [4]);
    assert_eq!(field("born").unlikely.lines, [7]);
    assert!(field("street").columns.is_empty());
    assert_eq!(field("street").empty, 10);
    let gemeente = &quality.dimensions[0];
    assert_eq!((gemeente.empty, &gemeente.unlisted.lines[..]), (1, &[4][..]));
    let contact = quality.contact.as_ref().expect("the schema has months");
    assert_eq!((contact.start_empty, contact.end_empty), (1, 8));
    assert_eq!(contact.start_unusable.lines, [6]);
    assert_eq!(contact.end_before_start.lines, [4]);
    Ok(())
}

#[test]
fn rows_that_nothing_can_link_are_listed_and_left_out() -> Result<(), EncodeError> {
    let files = Files::new(TABLE);
    let quality = encode_file(&files.job(), &Silent)?.quality;
    // Of the three rows of one Jan Bakker no key is left and there is no encoding in this schema.
    assert_eq!(quality.unlinkable.lines, [5, 8, 9, 10]);
    assert_eq!(quality.dropped_match_keys, 6);
    assert_eq!(quality.records, 6);
    assert_eq!(quality.duplicates.lines, [3]);
    // Lines 2 and 12 have the same code and months, lines 4 and 6 have none; 3 and 7 stand alone.
    assert_eq!(quality.singled_out, 2);
    assert_eq!(Extract::open(&files.path("x.extract"))?.header().rows, 6);
    Ok(())
}

#[test]
fn bad_rows_stop_the_work_and_are_all_named() -> Result<(), EncodeError> {
    let mut text = TABLE.to_owned();
    for _ in 0..25 {
        text.push_str("Gé;van der\nBroek;1980-01-01;59;;\n");
    }
    let files = Files::new(&text);
    let error = encode_file(&files.job(), &Silent).expect_err("rows are torn in two").to_string();
    assert!(error.contains("50 rows cannot be read"), "{error}");
    assert!(error.contains("line 13: has 2 columns of 6"), "{error}");
    assert!(error.contains("\"geb.dat\""), "{error}");
    assert!(error.contains("and 30 more"), "{error}");
    assert!(!error.contains("Broek"), "{error}");
    assert_eq!(files.leftovers(), 0);
    let job = EncodeJob { skip_bad_rows: true, ..files.job() };
    assert_eq!(encode_file(&job, &Silent)?.quality.bad_rows.len(), 50);
    Ok(())
}

#[test]
fn what_cannot_be_encoded_leaves_nothing_behind() {
    let files = Files::new("naam,geboren\nSmit,1980-01-01\n");
    let error = encode_file(&files.job(), &Silent).expect_err("other headers");
    assert!(
        matches!(
            &error,
            EncodeError::Survey(SurveyError::Mapping { reason: MappingError::NoField { .. }, .. })
        ),
        "{error}"
    );
    let files = Files::new("voornaam,achternaam\nAnn,\n");
    let error = encode_file(&files.job(), &Silent).expect_err("no row");
    assert!(matches!(error, EncodeError::NothingToSubmit { .. }), "{error}");
    assert_eq!(files.leftovers(), 0);
}

#[test]
fn the_same_file_under_the_same_key_gives_the_same_rows_and_another_identity()
-> Result<(), EncodeError> {
    let files = Files::new(TABLE);
    let one = encode_file(&files.job(), &Silent)?;
    let other = EncodeJob { out: files.path("other.extract"), ..files.job() };
    let other = encode_file(&other, &Silent)?;
    assert_eq!(one.key_check_value, other.key_check_value);
    assert_ne!(one.submission_id, other.submission_id);
    let rows = |path: &Path| Extract::open(path).and_then(|mut extract| extract.batch(0));
    assert_eq!(rows(&one.extract)?, rows(&other.extract)?);
    Ok(())
}

const CLK_SCHEMA: &str = r#"
version = 1
round = "test"
contact = { start = ["van"], end = ["tot"] }
dimension = [{ name = "gemeente", columns = ["gemeente"], codes = ["0059", "0060"] }]
[[encoding]]
name = "clk"
bits = 1024
filter_bits = 512
diffusion = 10
clks = true
"#;

/// CLKs of 512 bits, about a quarter full, the last one empty.
fn plain_clks(count: usize) -> Vec<[u8; 64]> {
    use sha2::{Digest as _, Sha512};
    let clk = |row: usize| {
        let halves = [0, 1].map(|half| Sha512::digest(format!("{row}/{half}")));
        std::array::from_fn(|at| if row + 1 == count { 0 } else { halves[0][at] & halves[1][at] })
    };
    (0..count).map(clk).collect()
}

fn clk_files(count: usize) -> (Files, EncodeJob) {
    let files = Files::new(TABLE);
    fs::write(files.path("schema.toml"), CLK_SCHEMA).expect("a file");
    let clks: Vec<String> =
        plain_clks(count).iter().map(|clk| data_encoding::BASE64.encode(clk)).collect();
    let text = serde_json::json!({ "clks": clks }).to_string();
    fs::write(files.path("clks.json"), text).expect("a file");
    let job = EncodeJob { csv: None, clks: Some(files.path("clks.json")), ..files.job() };
    (files, job)
}

#[test]
fn clks_leave_diffused_with_the_round_s_key_and_never_plain() -> Result<(), EncodeError> {
    let (files, job) = clk_files(40);
    let report = encode_file(&job, &Silent)?;
    assert_eq!((report.quality.rows, report.quality.records), (40, 39));
    assert_eq!(
        (report.quality.unlinkable.rows, &report.quality.unlinkable.lines[..]),
        (1, &[40][..])
    );
    let written = fs::read(&job.out).expect("the extract");
    let reversed = |clk: [u8; 64]| clk.map(u8::reverse_bits);
    for clk in plain_clks(40).into_iter().take(39) {
        // Neither whole nor in part, in either order of bits.
        for plain in [clk, reversed(clk)] {
            for part in plain.chunks(8) {
                assert!(!written.windows(part.len()).any(|window| window == part));
            }
        }
    }
    // The same CLKs under another key have nothing in common with these.
    fs::remove_file(files.path("round.key")).expect("our own file");
    key_file::create(&files.path("round.key")).expect("a key");
    let other = EncodeJob { out: files.path("other.extract"), ..job.clone() };
    encode_file(&other, &Silent)?;
    let mut batches = [&job.out, &other.out].map(|path| {
        Extract::open(path).and_then(|mut extract| extract.batch(0)).expect("an extract")
    });
    let [one, two] = &mut batches;
    for (one, two) in one.iter().zip(two.iter()) {
        let [one, two] = [one, two].map(|record| record.encodings[0].as_ref().expect("a CLK"));
        let apart: u32 =
            one.words().iter().zip(two.words()).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert!((400..624).contains(&apart), "{apart} of 1,024 bits differ");
    }
    Ok(())
}

#[test]
fn clks_take_codes_and_months_from_the_rows_they_were_made_of() -> Result<(), EncodeError> {
    let (files, job) = clk_files(3);
    let rows = "id;gemeente;van;tot\n1;60;2024-01;\n2;59;;2024-02\n3;60;;\n";
    fs::write(files.path("x.csv"), rows).expect("a file");
    let job = EncodeJob { csv: Some(files.path("x.csv")), ..job };
    let report = encode_file(&job, &Silent)?;
    assert_eq!((report.quality.rows, report.quality.records), (3, 2));
    assert_eq!(report.quality.unlinkable.lines, [4]);
    let records = Extract::open(&job.out).and_then(|mut extract| extract.batch(0))?;
    let codes: Vec<_> = records.iter().map(|record| record.codes[0]).collect();
    assert_eq!(codes, [Some(1), Some(0)]);
    assert!(records[0].start.is_some() && records[1].start.is_none() && records[1].end.is_some());
    for (rows, rule) in [
        ("id;gemeente\n1;60\n2;59\n", "fewer rows than there are CLKs"),
        ("id;gemeente\n1;60\n2;59\n3;60\n4;60\n", "more than the 3 rows"),
        ("id;gemeente\n1;60\n;\n2;59\n3;60\n", "rows of separators only"),
        ("id;gemeente\n1;60\n2\n3;60\n", "line 3"),
    ] {
        fs::write(files.path("x.csv"), rows).expect("a file");
        let job = EncodeJob { force: true, ..job.clone() };
        let error = encode_file(&job, &Silent).expect_err(rule).to_string();
        assert!(error.contains(rule), "{error}");
    }
    Ok(())
}

#[test]
fn clks_and_schema_must_go_together() {
    let (files, job) = clk_files(3);
    let refused = |job: &EncodeJob| encode_file(job, &Silent).expect_err("refused").to_string();
    let without = EncodeJob { clks: None, csv: Some(files.path("x.csv")), ..job.clone() };
    assert!(refused(&without).contains("give their file with --clks"));
    fs::write(files.path("schema.toml"), SCHEMA).expect("a file");
    assert!(refused(&job).contains("has no encoding of CLKs"));
    let other =
        CLK_SCHEMA.replace("512", "1024").replace("bits = 1024\nfilter", "bits = 2048\nfilter");
    fs::write(files.path("schema.toml"), other).expect("a file");
    assert!(refused(&job).contains("CLK 1 has 512 bits"), "{}", refused(&job));
}

#[test]
fn a_drafted_schema_of_clks_takes_them() -> Result<(), Box<dyn std::error::Error>> {
    let (files, job) = clk_files(3);
    let rows = "achternaam;geboren;gemeente;van;tot\nSmit;1980-01-02;0060;2024-01;\n\
                Bos;1980-01-03;0059;2024-01;\nKok;1980-01-04;0060;2024-01;\n";
    fs::write(files.path("x.csv"), rows)?;
    let tables = [crate::table::read(&files.path("x.csv"))?];
    let draft = crate::draft::draft_clk_schema(&files.path("clks.json"), &tables, "r", &[])?;
    assert!(draft.schema.contact.is_some() && !draft.schema.match_keys.is_empty());
    assert_eq!(draft.schema.fields.len(), 2, "surname and birth date");
    let text = draft.to_toml();
    assert!(text.contains("All partners must have made theirs with the same"), "{text}");
    let alone = crate::draft::draft_clk_schema(&files.path("clks.json"), &[], "r", &[])?;
    assert!(alone.schema.fields.is_empty() && alone.to_toml().contains("hardly anybody is linked"));
    assert_eq!(LinkageSchema::from_toml(&text)?.hash(), draft.schema.hash());
    fs::write(files.path("schema.toml"), text)?;
    let job = EncodeJob { csv: Some(files.path("x.csv")), ..job };
    // The third CLK is empty, but that row has a match key.
    let quality = encode_file(&job, &Silent)?.quality;
    assert_eq!((quality.records, quality.without_encoding), (3, 1));
    Ok(())
}

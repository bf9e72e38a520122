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
            csv: self.path("x.csv"),
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

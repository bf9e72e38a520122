use std::fs;

use proptest::prelude::*;
use samenloop_encode::{Encoder, LinkageKey, Person, RoundKeys};
use zeroize::Zeroizing;

use super::*;

fn schema() -> LinkageSchema {
    LinkageSchema::from_toml(
        r#"
        version = 1
        round = "test"
        field = [
            { name = "given", kind = "given_name", columns = ["voornaam"] },
            { name = "surname", kind = "surname", columns = ["achternaam"] },
        ]
        match_key = [{ name = "k", parts = ["surname", "given"] }]
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
        "#,
    )
    .expect("a schema")
}

fn records(count: usize) -> (Vec<Record>, KeyCheckValue) {
    let key =
        LinkageKey::from_hex(&"1f".repeat(31).chars().chain("2e".chars()).collect::<String>());
    let keys = RoundKeys::derive(&key.expect("a key"), &schema());
    let encoder = Encoder::new(&schema(), &keys).expect("an encoder");
    let person = |row: usize| Person {
        values: ["Johanna", &format!("Vlietstra{row}")]
            .map(|v| Zeroizing::new(v.to_owned()))
            .into(),
        codes: vec![(row % 3).checked_sub(1).map(|code| code as u16)],
        ..Person::default()
    };
    ((0..count).map(|row| encoder.encode(&person(row))).collect(), keys.key_check_value())
}

fn write_all(
    path: &Path,
    check: KeyCheckValue,
    records: &[Record],
    replace: bool,
) -> Result<Header, ExtractError> {
    let shape = schema().shape();
    let each = |put: &mut dyn FnMut(&[u8]) -> io::Result<()>| {
        records.iter().try_for_each(|record| {
            let mut row = vec![];
            shape.write_row(record, &mut row);
            put(&row)
        })
    };
    write(path, &schema(), check, records.len() as u64, each, replace)
}

#[test]
fn an_extract_that_gets_other_rows_than_it_was_promised_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.extract");
    let row = vec![1; schema().shape().row_len()];
    for rows in [1, 3] {
        let each =
            |put: &mut dyn FnMut(&[u8]) -> io::Result<()>| (0..rows).try_for_each(|_| put(&row));
        let check = KeyCheckValue([7; KeyCheckValue::LEN]);
        assert!(write(&path, &schema(), check, 2, each, false).is_err());
        assert!(!path.exists());
    }
}

fn written(count: usize) -> (tempfile::TempDir, PathBuf, Vec<Record>) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.extract");
    let (records, check) = records(count);
    write_all(&path, check, &records, false).expect("an extract");
    (dir, path, records)
}

#[test]
fn rows_come_back_in_batches_and_hold_no_name() -> Result<(), ExtractError> {
    let (_dir, path, records) = written(3000);
    let mut extract = Extract::open(&path)?;
    let header = extract.header().clone();
    assert_eq!(header.rows, 3000);
    assert_eq!(header.shape, schema().shape());
    assert_eq!(header.schema_hash, schema().hash());
    assert!(header.batches() > 1, "{} rows in a batch", header.rows_per_batch);
    let mut read = vec![];
    for number in 0..header.batches() {
        let batch = extract.batch(number)?;
        let message = extract.message(&RoundId([1; 32]), number)?;
        assert!(prost::Message::encoded_len(&message) <= BATCH_BYTES);
        read.extend(batch);
    }
    assert_eq!(read, records);
    assert!(extract.batch(header.batches())?.is_empty());
    let bytes = fs::read(&path).expect("a file");
    assert!(!bytes.windows(9).any(|window| window == b"Vlietstra"));
    Ok(())
}

#[test]
fn every_damage_is_found() {
    let (dir, path, _) = written(3);
    let good = fs::read(&path).expect("a file");
    let bad = dir.path().join("bad.extract");
    for at in (0..good.len()).step_by(7).chain([good.len() - 1]) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        fs::write(&bad, &bytes).expect("a file");
        assert!(Extract::open(&bad).is_err(), "a flipped bit in byte {at} is not seen");
    }
    for len in [0, 10, 100, good.len() - 1] {
        fs::write(&bad, &good[..len]).expect("a file");
        assert!(Extract::open(&bad).is_err(), "an extract cut to {len} bytes is not seen");
    }
    fs::write(&bad, [&good[..], b"x"].concat()).expect("a file");
    assert!(matches!(Extract::open(&bad), Err(ExtractError::Damaged { .. })));
}

#[test]
fn an_extract_is_private_and_replaced_only_when_asked() -> Result<(), ExtractError> {
    let (dir, path, _) = written(3);
    let (records, check) = records(5);
    let error = write_all(&path, check, &records, false).expect_err("it exists");
    assert!(error.to_string().contains("--force"), "{error}");
    assert_eq!(Extract::open(&path)?.header().rows, 3);
    write_all(&path, check, &records, true)?;
    assert_eq!(Extract::open(&path)?.header().rows, 5);
    assert_eq!(fs::read_dir(dir.path()).map(Iterator::count).unwrap_or(0), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    Ok(())
}

#[test]
fn each_extract_has_an_identity_of_its_own() -> Result<(), ExtractError> {
    let (_one_dir, one, _) = written(1);
    let (_other_dir, other, _) = written(1);
    assert_ne!(
        Extract::open(&one)?.header().submission_id,
        Extract::open(&other)?.header().submission_id
    );
    Ok(())
}

proptest! {
    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), magic in any::<bool>()) {
        let bytes = if magic { [MAGIC.as_slice(), &VERSION.to_le_bytes(), &bytes].concat() } else { bytes };
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), bytes).expect("a file");
        prop_assert!(Extract::open(file.path()).is_err());
    }
}

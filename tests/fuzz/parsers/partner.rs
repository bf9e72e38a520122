//! What a partner's program reads: tables, extracts, keys, CLKs, and the values of a registration.

use std::io::Cursor;
use std::path::Path;
use std::sync::OnceLock;

use samenloop_encode::{Encoder, LinkageKey, Person, RoundKeys};
use samenloop_lab::clkhash::{self, Linkage};
use samenloop_partner::ceremony::{Commitments, Share, combine};
use samenloop_partner::clk_file::{self, ClkFileError};
use samenloop_partner::extract::Extract;
use samenloop_partner::key_file;
use samenloop_partner::table::TableReader;
use samenloop_schema::{LinkageSchema, RecordShape};
use sha2::{Digest as _, Sha256};

use super::{halves, with_file};

/// Extracts. The hash at the end would keep a fuzzer out, so it is written here.
pub fn extract(bytes: &[u8]) {
    let whole = [bytes, &Sha256::digest(bytes)].concat();
    with_file(&whole, |path| {
        let Ok(mut extract) = Extract::open(path) else { return };
        let header = extract.header().clone();
        let mut rows = 0;
        for number in 0..header.batches().min(64) {
            let Ok(records) = extract.batch(number) else { return };
            rows += records.len() as u64;
            let row = |record| {
                let mut row = vec![];
                header.shape.write_row(record, &mut row);
                row
            };
            for record in &records {
                assert_eq!(header.shape.read_row(&row(record)).as_ref(), Ok(record));
            }
        }
        assert!(rows == header.rows || header.batches() > 64);
    });
}

/// Every row that is read has as many values as there are headers.
pub fn table(bytes: &[u8]) {
    let source = Cursor::new(bytes.to_vec());
    let Ok(reader) = TableReader::new(Path::new("clients.csv"), source) else { return };
    let Ok(table) = reader.read_all() else { return };
    assert!(table.rows.iter().all(|row| row.values().len() == table.headers.len()));
    assert!(table.headers.iter().all(|header| !header.is_empty()));
}

fn encoder() -> &'static (RecordShape, usize, Encoder) {
    static ENCODER: OnceLock<(RecordShape, usize, Encoder)> = OnceLock::new();
    ENCODER.get_or_init(|| {
        let schema = LinkageSchema::from_toml(include_str!("../corpus/schema/default.toml"));
        let schema = schema.expect("the corpus holds a schema");
        let key = LinkageKey::from_hex(&"0123456789abcdef".repeat(4)).expect("a key");
        let encoder = Encoder::new(&schema, &RoundKeys::derive(&key, &schema));
        (schema.shape(), schema.fields.len(), encoder.expect("the schema can be encoded"))
    })
}

/// Whatever stands in a registration's fields, a line each, its record fits the schema.
pub fn person(bytes: &[u8]) {
    let (shape, fields, encoder) = encoder();
    let text = String::from_utf8_lossy(bytes);
    let mut values = text.split('\n').map(|value| value.to_owned().into());
    let person = Person {
        values: (0..*fields).map(|_| values.next().unwrap_or_default()).collect(),
        codes: vec![None; shape.dimensions.len()],
        ..Person::default()
    };
    let record = encoder.encode(&person);
    let found = shape.check(&record);
    let nothing = record.encodings.iter().all(Option::is_none)
        && record.match_keys.iter().all(Option::is_none);
    assert!(found.is_ok() || nothing, "{found:?}");
}

/// Key files of partners and of the service, and the ceremony's: what the halves of an input make
/// of each other.
pub fn keys(bytes: &[u8]) {
    let (first, second) = halves(bytes);
    with_file(first, |first| {
        if let Ok(key) = key_file::read(first) {
            let hex = key.to_hex();
            assert_eq!(*LinkageKey::from_hex(&hex).expect("its own text").to_hex(), *hex);
        }
        let _ = samenloop_service::keys::read(first, Path::new("/nowhere"));
        let share = Share::read(first);
        with_file(second, |second| {
            let commitments = Commitments::read(second);
            if let (Ok(share), Ok(commitments)) = (share, commitments) {
                let _ = combine(&share, &commitments, &[second.to_owned()]);
            }
        });
    });
}

/// Files of CLKs: as many as are told, each as long as was asked.
pub fn clks(bytes: &[u8]) {
    with_file(bytes, |path| {
        for bits in [None, Some(1024)] {
            let mut seen = 0;
            let told = clk_file::each(path, bits, |clk| {
                seen += 1;
                assert!(bits.is_none_or(|bits| clk.len() * 64 == bits as usize));
                Ok::<_, ClkFileError>(())
            });
            assert!(told.is_err() || told.is_ok_and(|told| told == seen));
        }
    });
}

/// clkhash's schemas, and a file behind a NUL that is hashed by one.
pub fn clkhash(bytes: &[u8]) {
    let (schema, rows) = halves(bytes);
    let Ok(document) = serde_json::from_slice(schema) else { return };
    let Ok(linkage) = Linkage::read(&document) else { return };
    let Ok(mut encoder) = clkhash::Encoder::new(&linkage, b"secret", true) else { return };
    let Ok(rows) = std::str::from_utf8(rows) else { return };
    let mut out = vec![];
    let header = clkhash::Header::None;
    let _ = clkhash::hash_rows(&linkage, &mut encoder, rows, header, &mut out);
}

//! A good store passes; each thing that is planted in one is found and named.

use redb::TableDefinition;
use samenloop_wire::store::{self, FILE, partition_key};
use samenloop_wire::v1;
use tempfile::TempDir;

use super::store_samples::{ROWS, Sample, WRAPPING_KEY, submission};
use super::*;
use crate::finding::Place;

const MARKER: &str = "Kwartelmarker-0457";

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn inspect_in(dir: &TempDir, unseal: bool) -> Result<Inspection, Box<dyn std::error::Error>> {
    let wrapping_key = unseal.then(|| Zeroizing::new(WRAPPING_KEY));
    let markers = Markers::new([MARKER])?;
    Ok(inspect(&InspectJob { data_dir: dir.path(), wrapping_key, markers: &markers })?)
}

fn inspect_sample(sample: &Sample, unseal: bool) -> Result<Inspection, Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    drop(sample.write(dir.path())?);
    inspect_in(&dir, unseal)
}

#[test]
fn a_good_store_is_explained_byte_by_byte() -> TestResult {
    let sealed = inspect_sample(&Sample::new(), false)?;
    assert_eq!(sealed.findings, vec![]);
    assert!(sealed.passed() && sealed.unsealed.is_none());
    assert_eq!(sealed.bytes.unexplained, 0);
    let total: u64 = sealed.tables.iter().map(|table| table.bytes).sum();
    assert_eq!(sealed.bytes.explained(), total);
    assert_eq!(sealed.files.len(), 1);
    let Pages { stored, structure, unused, superseded } = sealed.pages;
    assert_eq!(stored, total);
    assert_eq!(stored + structure + unused + superseded, sealed.files[0].bytes);

    let unsealed = inspect_sample(&Sample::new(), true)?;
    assert_eq!(unsealed.findings, vec![]);
    let rows = unsealed.unsealed.expect("a key was given");
    assert_eq!((rows.submissions, rows.batches, rows.partitions), (3, 6, 2));
    assert_eq!(rows.rows, 6 * u64::from(ROWS));
    assert_eq!(rows.encodings[0].distinct, rows.rows);
    assert_eq!(rows.match_keys, rows.rows * 4 / 5);
    assert!((rows.encodings[0].density - 0.5).abs() < 0.01);
    Ok(())
}

#[test]
fn a_store_that_was_not_closed_is_repaired_in_a_copy_only() -> TestResult {
    let (running, copied) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let database = Sample::new().write(running.path())?;
    assert!(
        matches!(inspect_in(&running, false), Err(error) if error.to_string().contains("stop it"))
    );
    std::fs::copy(running.path().join(FILE), copied.path().join(FILE))?;
    let before = std::fs::read(copied.path().join(FILE))?;
    assert_eq!(inspect_in(&copied, true)?.findings, vec![]);
    assert!(std::fs::read(copied.path().join(FILE))? == before);
    drop(database);
    Ok(())
}

type Change = fn(&mut Sample);

/// Table, rule and what is planted.
const SEALED: &[(&str, &str, Change)] = &[
    ("names", "has the tables that are known", |s| s.put("names", b"1", "Jansen")),
    (store::META, "one of those known", |s| s.put(store::META, b"operator", "Jansen")),
    (store::META, "states its version", |s| s.put(store::META, b"version", [0, 0, 0, 9])),
    (store::ROUNDS, "length of its table", |s| s.put(store::ROUNDS, b"short", "")),
    (store::ROUNDS, "exactly its table's message", |s| {
        s.first(store::ROUNDS).extend(b"\x7a\x06Jansen");
    }),
    (store::ROUNDS, "hash of its manifest", |s| {
        s.change(store::ROUNDS, |round: &mut v1::StoredRound| {
            round.manifest_toml = [&round.manifest_toml[..], b"\n"].concat().into();
        });
    }),
    (store::ROUNDS, "linkage schema is the one", |s| {
        s.change(store::ROUNDS, |round: &mut v1::StoredRound| {
            let text = String::from_utf8_lossy(&round.schema_toml).replace("sample", "another");
            round.schema_toml = text.into();
        });
    }),
    (store::ROUNDS, "can be read", |s| {
        s.change(store::ROUNDS, |round: &mut v1::StoredRound| {
            round.schema_toml = b"Jansen".to_vec().into();
        });
    }),
    (store::ROUNDS, "digests, salts and wrapped keys", |s| {
        s.change(store::ROUNDS, |round: &mut v1::StoredRound| {
            round.partition_salt = b"Jansen".to_vec().into();
        });
    }),
    (store::ROUNDS, "stands in the ledger", |s| {
        s.change(store::ROUNDS, |round: &mut v1::StoredRound| {
            round.inputs_root = vec![1; 32].into();
        });
    }),
    (store::ROUNDS, "stored and deleted together", |s| {
        s.tables.entry(store::PARTITIONS.into()).or_default().clear();
    }),
    (store::KEY_ANNOUNCEMENTS, "16 bytes", |s| {
        s.change(store::KEY_ANNOUNCEMENTS, |stored: &mut v1::StoredKeyAnnouncement| {
            stored.key_check_value = b"Jansen".to_vec().into();
        });
    }),
    (store::SUBMISSIONS, "a deleted submission has no data key", |s| {
        s.change(store::SUBMISSIONS, |stored: &mut v1::StoredSubmission| {
            stored.set_state(v1::SubmissionState::Withdrawn);
        });
    }),
    (store::SUBMISSIONS, "and none once deleted", |s| {
        s.change(store::SUBMISSIONS, |stored: &mut v1::StoredSubmission| {
            stored.set_state(v1::SubmissionState::Withdrawn);
            stored.wrapped_data_key.clear();
        });
    }),
    (store::BATCHES, "ledger entry tells of", |s| {
        s.change(store::BATCHES, |stored: &mut v1::StoredBatch| stored.digest = vec![1; 32].into());
    }),
    (store::BATCHES, "ledger entry tells of", |s| {
        s.change(store::BATCHES, |stored: &mut v1::StoredBatch| stored.ledger_index = 0);
    }),
    (store::BATCHES, "exactly as long", |s| s.first(store::BLOBS).push(0)),
    (store::BLOBS, "belongs to a batch", |s| s.put(store::BLOBS, &[1; 52], "Jansen")),
    (store::BLOBS, "length of its table", |s| s.put(store::BLOBS, &[1; 51], "Jansen")),
    (store::PARTITIONS, "one label per record", |s| s.first(store::PARTITIONS).push(0)),
    (store::PARTITIONS, "draws and nothing else", |s| {
        let place = partition_key(&s.round, 2);
        s.put(store::PARTITIONS, &place, [0; 60]);
    }),
    (store::RELEASES, "hash to the round's digest", |s| s.first(store::RELEASES)[3] ^= 1),
    (store::ENTRIES, "hashes to its leaf", |s| {
        *s.first(store::ENTRIES).last_mut().expect("x") ^= 1
    }),
];

#[test]
fn what_is_planted_in_a_sealed_store_is_found() -> TestResult {
    for (number, (table, rule, change)) in SEALED.iter().enumerate() {
        let mut sample = Sample::new();
        change(&mut sample);
        let inspection = inspect_sample(&sample, false)?;
        let named = inspection.findings.iter().any(|finding| {
            let here = match &finding.place {
                Place::Table { name, .. } => name == table,
                place => {
                    *place == Place::Entry { index: 0, kind: None } && *table == store::ENTRIES
                }
            };
            here && finding.rule.contains(rule)
        });
        assert!(named, "case {number}, {table}, {rule}: {:?}", inspection.findings);
        assert!(!inspection.passed());
    }
    Ok(())
}

#[test]
fn entries_that_are_missing_and_tables_of_another_type_are_found() -> TestResult {
    let mut sample = Sample::new();
    sample.tables.get_mut(store::ENTRIES).expect("the table").remove(&4_u64.to_be_bytes()[..]);
    let inspection = inspect_sample(&sample, false)?;
    let missing = Place::Entry { index: 4, kind: None };
    assert!(inspection.findings.iter().any(|finding| finding.place == missing));

    let dir = tempfile::tempdir()?;
    let mut sample = Sample::new();
    sample.tables.remove(store::META);
    let database = sample.write(dir.path())?;
    let change = database.begin_write()?;
    let other = TableDefinition::<u64, &str>::new(store::META);
    change.open_table(other)?.insert(1, "Jansen")?;
    let lists = redb::MultimapTableDefinition::<u64, &str>::new("lists");
    change.open_multimap_table(lists)?.insert(1, "Jansen")?;
    change.commit()?;
    drop(database);
    let found = inspect_in(&dir, false)?.findings;
    assert!(found.iter().any(|finding| finding.rule.contains("are bytes")));
    assert!(found.iter().any(|finding| finding.evidence.contains("lists")));
    Ok(())
}

#[test]
fn what_is_planted_in_files_is_found() -> TestResult {
    let wide: Vec<u8> = MARKER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: &[(&str, &[u8], &str)] = &[
        ("core.1234", b"", "logs and nothing else"),
        ("copy.tmp", MARKER.as_bytes(), "no known identity"),
        ("service.log", &wide, "no known identity"),
        ("service.log", b"refused bsn 111222333", "personal data"),
        ("service.log", b"mail from jan.jansen@example.nl", "personal data"),
    ];
    for (name, content, rule) in cases {
        let dir = tempfile::tempdir()?;
        drop(Sample::new().write(dir.path())?);
        std::fs::write(dir.path().join(name), content)?;
        let inspection = inspect_in(&dir, false)?;
        let file = Place::File { name: (*name).to_owned() };
        let named = |finding: &Finding| finding.place == file && finding.rule.contains(rule);
        assert!(inspection.findings.iter().any(named), "{name}: {:?}", inspection.findings);
    }
    let dir = tempfile::tempdir()?;
    drop(Sample::new().write(dir.path())?);
    std::fs::write(dir.path().join("service.log"), "2026-11-22T04:00:00Z round frozen\n")?;
    assert_eq!(inspect_in(&dir, false)?.findings, vec![]);
    Ok(())
}

#[test]
fn what_is_planted_in_rows_is_found_once_unsealed() -> TestResult {
    let wide: Vec<u8> = MARKER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hex = data_encoding::HEXLOWER.encode(MARKER.as_bytes());
    let base64 = data_encoding::BASE64.encode(format!("x{MARKER}").as_bytes());
    let planted: [(&[u8], &str); 6] = [
        (MARKER.as_bytes(), "no known identity"),
        (&wide, "no known identity"),
        (hex.as_bytes(), "no known identity"),
        (base64.as_bytes(), "no known identity"),
        (b"\x01111222333\x01", "personal data"),
        (b"Anna van den Berg, Stationsweg 12", "personal data"),
    ];
    for (bytes, rule) in planted {
        let mut sample = Sample::new();
        let mut rows = sample.rows(1, 1);
        let at = 7 * sample.shape.row_len() + 20;
        rows[at..at + bytes.len()].copy_from_slice(bytes);
        sample.put_rows(1, 1, &rows);
        assert!(inspect_sample(&sample, false)?.passed(), "sealed rows tell nothing");
        let inspection = inspect_sample(&sample, true)?;
        let rules: Vec<_> = inspection.findings.iter().map(|finding| finding.rule).collect();
        assert!(rules.iter().any(|found| found.contains(rule)), "{rule}: {rules:?}");
        assert!(rules.iter().any(|found| found.contains("the rows are the batch")), "{rules:?}");
        assert!(inspection.findings.iter().all(|finding| !finding.to_string().contains(MARKER)));
    }
    Ok(())
}

#[test]
fn rows_that_are_not_what_they_should_be_are_found() -> TestResult {
    let cases: &[(&str, Change)] = &[
        ("decrypts under its submission's key", |s| s.first(store::BLOBS)[30] ^= 1),
        ("fits its linkage schema", |s| {
            let mut rows = s.rows(0, 0);
            rows[0] |= 0x80;
            s.put_rows(0, 0, &rows);
        }),
        ("one cluster number per record", |s| s.first(store::PARTITIONS)[30] ^= 1),
        ("each record into one cluster", |s| {
            let parts = s.tables.get_mut(store::PARTITIONS).expect("stored");
            parts.values_mut().last().expect("the draws")[30] ^= 1;
        }),
        ("opens every data key", |s| {
            s.change(store::SUBMISSIONS, |stored: &mut v1::StoredSubmission| {
                stored.wrapped_data_key = vec![0; 72].into();
            });
        }),
        ("wrapping key is the one of this store", |s| s.put(store::META, b"key_check", [0; 72])),
        ("the rows are the batch", |s| {
            let rows = s.rows(0, 1);
            s.put_rows(0, 0, &rows);
        }),
    ];
    for (rule, change) in cases {
        let mut sample = Sample::new();
        change(&mut sample);
        let inspection = inspect_sample(&sample, true)?;
        let named = inspection.findings.iter().any(|finding| finding.rule.contains(rule));
        assert!(named, "{rule}: {:?}", inspection.findings);
    }
    Ok(())
}

#[test]
fn the_control_fails_when_what_it_plants_is_there_already() {
    assert!(control::found(&[]));
    assert!(control::found(&[7; 300]));
    assert!(!control::found(b"0123456789 samenloop control 7f3a"));
    assert_eq!(submission(0).0, [1; 16]);
}

//! Every malformed batch is refused with its own clear error and leaves the store unchanged.

use std::collections::BTreeSet;

use prost::Message as _;
use prost::bytes::Bytes;
use samenloop_tests::{Cast, Role, Service, Story, store, upload_bytes};
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use samenloop_wire::{Batch, v1};
use tonic::Code;

use crate::SERVICE;

const SUBMISSION: [u8; 16] = [3; 16];

/// Records of the submission, in two batches.
const RECORDS: u64 = 40;

type Change = fn(&mut Batch);

/// Change of a good batch 1, and what the refusal says after naming the batch. `#` stands for the
/// length that the schema gives the first encoding, in bytes.
const CASES: &[(Change, &str)] = &[
    (|b| b.round_id.truncate(31), "batch 1: the round id is 31 bytes long"),
    (|b| b.round_id = vec![9; 32].into(), "batch 1: there is no round 0909"),
    (|b| b.submission_id = vec![3; 17].into(), "batch 1: the submission id is 17 bytes long"),
    (|b| b.submission_id = vec![4; 16].into(), "batch 1: submission 0404"),
    (|b| b.key_check_value.truncate(15), "batch 1: the key check value is 15 bytes long"),
    (|b| b.key_check_value = vec![0; 16].into(), "batch 1: the key check value is not the one of"),
    (|b| b.number = 2, "batch 2: the next batch to send is 1"),
    (|b| b.number = 0, "batch 0: another batch is held under this number"),
    (|b| b.records.clear(), "batch 1: the batch is empty"),
    (|b| b.records = vec![Bytes::new(); 4097], "batch 1: the batch has 4097 records"),
    (|b| b.records = vec![b.records[0].clone(); 2500], "at most 1048576 are allowed"),
    (|b| b.records = vec![b.records[0].clone(); 40], "batch 1: the submission was opened with 40"),
    (
        |b| edit(b, 1, |r| r.encodings.truncate(1)),
        "batch 1: row 1: has 1 encodings, the schema has",
    ),
    (
        |b| edit(b, 1, |r| r.encodings.push(Bytes::new())),
        "batch 1: row 1: has 4 encodings, the schema",
    ),
    (
        |b| edit(b, 1, |r| r.encodings[0].truncate(7)),
        "row 1: encoding 0 is 7 bytes long, the schema says #",
    ),
    (|b| edit(b, 1, |r| r.encodings[1].truncate(120)), "row 1: encoding 1 is 120 bytes long"),
    (|b| edit(b, 2, |r| fill(r, &[255])), "batch 1: row 2: encoding 0 has every bit set"),
    (|b| edit(b, 2, |r| fill(r, &[0])), "batch 1: row 2: encoding 0 has no bit set"),
    (|b| edit(b, 2, |r| fill(r, &[1])), "batch 1: row 2: encoding 0 has fewer set bits"),
    (|b| edit(b, 2, |r| fill(r, &[254])), "batch 1: row 2: encoding 0 has more set bits"),
    (|b| edit(b, 0, |r| fill(r, b"Wim Kok, 1970-01")), "row 0: encoding 0 holds printable text"),
    (|b| edit(b, 0, |r| r.match_keys.clear()), "batch 1: row 0: has 0 match keys, the schema has"),
    (
        |b| edit(b, 19, |r| r.match_keys[1].truncate(31)),
        "batch 1: row 19: match key 1 is 31 bytes long",
    ),
    (
        |b| edit(b, 0, |r| r.match_keys[1] = vec![7; 32].into()),
        "row 0: match key 1 is one byte repeated",
    ),
    (
        |b| edit(b, 0, |r| r.match_keys[2] = b"Wim Kok; 1970-01-01; 9711 AB; 12"[..].into()),
        "batch 1: row 0: match key 2 holds printable text",
    ),
    (|b| edit(b, 0, |r| r.codes.clear()), "batch 1: row 0: has 0 codes"),
    (
        |b| edit(b, 0, |r| r.codes[0] = 4),
        "batch 1: row 0: code 0 is not in its code list of 3 codes",
    ),
    (|b| edit(b, 3, |r| r.codes[0] = u32::MAX), "batch 1: row 3: code 0 is not in its code list"),
    (
        |b| edit(b, 0, |r| r.start = 3601),
        "batch 1: row 0: the start month is outside 1900-01 to 2199-12",
    ),
    (
        |b| edit(b, 0, |r| r.end = u32::MAX),
        "batch 1: row 0: the end month is outside 1900-01 to 2199-12",
    ),
    (|b| edit(b, 0, |r| r.end = 1), "batch 1: row 0: the contact ends before it starts"),
    (
        |b| {
            edit(b, 0, |r| {
                r.encodings.fill(Bytes::new());
                r.match_keys.fill(Bytes::new());
            });
        },
        "batch 1: row 0: has neither an encoding nor a match key",
    ),
    (
        |b| b.records[7] = [&b.records[7][..], &unknown()].concat().into(),
        "batch 1: row 7: the message holds 8 bytes of unknown",
    ),
    (
        |b| {
            // The start month in front of the encodings.
            let mut record = v1::Record::decode(&b.records[7][..]).expect("a record");
            record.start = 0;
            let without = record.encode_to_vec();
            b.records[7] = [&[4 << 3, 1], &without[..]].concat().into();
        },
        "batch 1: row 7: the message's fields are not in ascending order",
    ),
    (|b| b.records[7] = vec![0xff; 40].into(), "batch 1: row 7: the message is not the protobuf"),
];

/// Repeats a pattern over the record's first encoding.
fn fill(record: &mut v1::Record, pattern: &[u8]) {
    let len = record.encodings[0].len();
    let filled: Vec<u8> = pattern.iter().copied().cycle().take(len).collect();
    record.encodings[0] = filled.into();
}

fn edit(batch: &mut Batch, row: usize, change: impl FnOnce(&mut v1::Record)) {
    batch.change_record(row, change).expect("a record");
}

/// A field that no message has, carrying a name.
fn unknown() -> Vec<u8> {
    [&[15 << 3 | 2, 6][..], b"Jansen"].concat()
}

/// Bytes that are no batch: with an unknown field, and no protobuf.
fn undecodable(good: &Batch) -> [(Bytes, &'static str); 2] {
    [
        (
            [good.encode_to_vec(), unknown()].concat().into(),
            "the upload's first batch: the message holds 8 bytes of unknown",
        ),
        (vec![0xff; 40].into(), "the upload's first batch: the message is not the protobuf"),
    ]
}

#[tokio::test]
async fn every_malformed_batch_is_refused_by_name_and_changes_nothing() -> Story {
    let mut service = Service::start(SERVICE)?;
    let cast = Cast::new("malformed")?;
    cast.open(&service).await?;
    let channel = service.channel(Role::Partner, "ggd").await?;
    let open = v1::OpenSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: SUBMISSION.to_vec().into(),
        key_check_value: cast.kcv_bytes(),
        records: RECORDS,
    };
    SubmissionsClient::new(channel.clone()).open_submission(open).await?;
    upload_bytes(&channel, cast.batch(SUBMISSION, 0, 20).encode_to_vec().into()).await?;
    service.stop()?;
    let mut before = store::tables(&service.installation.data_dir())?;
    service.restart()?;

    let good = cast.batch(SUBMISSION, 1, 20);
    let encodings = v1::Record::decode(&good.records[0][..])?.encodings;
    let expected = encodings[0].len().to_string();
    let mut bad = vec![];
    for (change, message) in CASES {
        let mut batch = good.clone();
        change(&mut batch);
        assert_ne!(batch, good, "{message}");
        bad.push((Bytes::from(batch.encode_to_vec()), message.replace('#', &expected)));
    }
    bad.extend(undecodable(&good).map(|(bytes, message)| (bytes, message.to_owned())));
    assert!(bad.len() >= 20);

    let channel = service.channel(Role::Partner, "ggd").await?;
    let mut told = BTreeSet::new();
    for (bytes, message) in &bad {
        let entries = service.ledger().await?.len();
        let status = upload_bytes(&channel, bytes.clone()).await.expect_err(message);
        let refused =
            [Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition, Code::AlreadyExists];
        assert!(refused.contains(&status.code()), "{message}: {status:?}");
        assert!(status.message().contains(message), "{message}: {}", status.message());
        for content in ["Kok", "Jansen", "1970"] {
            assert!(!status.message().contains(content), "it tells content: {}", status.message());
        }
        told.insert(status.message().to_owned());
        // Where the batch has a place in a round of the party, its refusal stands in the ledger.
        let new = service.ledger().await?.split_off(entries);
        // The day's first call with the partner's certificate is there, too.
        let own = new.iter().filter(|entry| entry.kind() != "certificate_used");
        let new: Vec<_> = own.collect();
        let placed = !message.contains("round") && !message.contains("first batch");
        assert_eq!(new.len(), usize::from(placed), "{message}: {new:?}");
        assert!(new.iter().all(|entry| entry.kind() == "batch_refused"), "{message}: {new:?}");
    }
    assert_eq!(told.len(), bad.len(), "{told:#?}");

    service.stop()?;
    let mut after = store::tables(&service.installation.data_dir())?;
    let old = before.remove("entries").expect("the table of entries");
    let all = after.remove("entries").expect("the table of entries");
    assert!(old.iter().all(|(index, entry)| all.get(index) == Some(entry)));
    assert_eq!(after, before);

    service.restart()?;
    let channel = service.channel(Role::Partner, "ggd").await?;
    upload_bytes(&channel, good.encode_to_vec().into()).await?;
    let seal = v1::SealSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: SUBMISSION.to_vec().into(),
        batches: 2,
        records: RECORDS,
    };
    SubmissionsClient::new(channel).seal_submission(seal).await?;
    Ok(())
}

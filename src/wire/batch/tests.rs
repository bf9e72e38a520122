use proptest::prelude::*;
use samenloop_schema::{Clk, EncodingShape, MatchKeyValue, Month, Record};

use super::*;

const IDS: (&RoundId, &SubmissionId, &KeyCheckValue) =
    (&RoundId([1; 32]), &SubmissionId([2; 16]), &KeyCheckValue([3; 16]));

fn shape() -> RecordShape {
    let encoding = EncodingShape { bits: 128, min_ones: 1, max_ones: 127 };
    RecordShape { encodings: vec![encoding; 2], match_keys: 2, dimensions: vec![5, 300] }
}

prop_compose! {
    fn records()(
        words in any::<[u64; 2]>(),
        key in any::<[u8; 32]>(),
        codes in (prop::option::of(0..5_u16), prop::option::of(0..300_u16)),
        start in prop::option::of(0..3600_u32),
    ) -> Record {
        Record {
            encodings: vec![None, Some(Clk::from_words(words))],
            match_keys: vec![Some(MatchKeyValue(key)), None],
            codes: vec![codes.0, codes.1],
            start: start.and_then(|index| Month::from_index(index).ok()),
            end: None,
        }
    }
}

fn batch(record: &Record) -> Result<Batch, RowRule> {
    let mut rows = vec![];
    shape().write_row(record, &mut rows);
    Batch::of_rows(&shape(), IDS, 300, &rows)
}

fn good() -> Batch {
    let record = Record {
        encodings: vec![None, Some(Clk::from_words([0x0123_4567_89ab_cdef, 3]))],
        match_keys: vec![Some(MatchKeyValue(Digest::of(b"key").0)), None],
        codes: vec![None, Some(200)],
        start: Month::of(2025, 3).ok(),
        end: Month::of(2025, 4).ok(),
    };
    batch(&record).expect("it fits")
}

proptest! {
    #[test]
    fn records_survive_the_wire_and_are_the_messages_that_prost_writes(record in records()) {
        prop_assume!(shape().check(&record).is_ok());
        let (sent, mut rows) = (batch(&record).expect("it fits"), vec![]);
        let checked = sent.check(&shape(), &mut rows).expect("what was written");
        prop_assert_eq!(shape().read_row(&rows), Ok(record));
        prop_assert_eq!((checked.number, checked.records), (300, 1));
        prop_assert_eq!(checked.digest, Digest::of(&sent.encode_to_vec()));
        let message = v1::Record::decode(sent.records[0].clone()).expect("a record");
        prop_assert_eq!(message.encode_to_vec(), sent.records[0].to_vec());
    }
}

/// Every known field of a message `Record` with its bytes, in the order that they came in.
fn fields(mut record: &[u8]) -> Vec<Vec<u8>> {
    let mut fields = vec![];
    while !record.is_empty() {
        let (begin, kind) = (record, decode_key(&mut record).expect("a key").1);
        let value = decode_varint(&mut record).expect("a varint") as usize;
        if kind == WireType::LengthDelimited {
            record = &record[value..];
        }
        fields.push(begin[..begin.len() - record.len()].to_vec());
    }
    fields
}

#[test]
fn one_record_has_one_message() {
    type Change = fn(&mut Vec<Vec<u8>>);
    let cases: [(Change, &str); 10] = [
        (|f| f.swap(0, 2), "ascending order"),
        (|f| f.swap(5, 6), "ascending order"),
        (|f| f.push(vec![15 << 3 | 2, 2, b'J', b'n']), "4 bytes of unknown"),
        (|f| f.insert(2, vec![15 << 3, 7]), "2 bytes of unknown"),
        (|f| f.push(f[6].clone()), "3 bytes of unknown"),
        (|f| f[4] = vec![3 << 3 | 2, 4, 0x80, 0, 0xc9, 1], "1 bytes of unknown"),
        (|f| f[4] = [vec![3 << 3 | 2, 1, 0], vec![3 << 3 | 2, 2, 0xc9, 1]].concat(), "2 bytes"),
        (|f| f[2].truncate(9), "not the protobuf"),
        (|f| f.push(vec![15 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0]), "not the protobuf"),
        (|f| f.push(vec![0x80; 11]), "not the protobuf"),
    ];
    let parts = fields(&good().records[0]);
    assert_eq!(parts.len(), 7);
    for (change, told) in cases {
        let (mut batch, mut changed) = (good(), parts.clone());
        change(&mut changed);
        assert_ne!(changed, parts, "{told}");
        batch.records.push(changed.concat().into());
        let refused = batch.check(&shape(), &mut vec![]).map_err(|rule| rule.to_string());
        let refused = refused.expect_err(told);
        assert!(refused.starts_with("row 1: ") && refused.contains(told), "{told}: {refused}");
    }
    assert_eq!(good().check(&shape(), &mut vec![]).map(|checked| checked.records), Ok(1));
}

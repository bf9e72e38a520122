//! Batches and records to and from protobuf.

use bytes::Bytes;
use samenloop_schema::{
    KeyCheckValue, Month, Record, RecordShape, RoundId, Row, RowRule, SubmissionId, Values,
};

use crate::v1;

/// Most bytes of one batch as protobuf.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

/// Most records of one batch.
pub const MAX_BATCH_RECORDS: usize = 4096;

/// The rule that a batch breaks. Content is never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BatchRule {
    /// The round id is not 32 bytes.
    #[error("the round id is {found} bytes long, a round id has 32")]
    RoundIdLength {
        /// Bytes found.
        found: usize,
    },
    /// The submission id is not 16 bytes.
    #[error("the submission id is {found} bytes long, a submission id has 16")]
    SubmissionIdLength {
        /// Bytes found.
        found: usize,
    },
    /// The key check value is not 16 bytes.
    #[error("the key check value is {found} bytes long, a key check value has 16")]
    KeyCheckLength {
        /// Bytes found.
        found: usize,
    },
    /// No records.
    #[error("the batch is empty")]
    Empty,
    /// Too many records.
    #[error("the batch has {found} records, at most {MAX_BATCH_RECORDS} are allowed")]
    TooManyRecords {
        /// Records found.
        found: usize,
    },
    /// Too many bytes.
    #[error("the batch is {found} bytes long, at most {MAX_BATCH_BYTES} are allowed")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// A record breaks a rule.
    #[error("row {row}: {rule}")]
    Row {
        /// Row in the batch, from 0.
        row: usize,
        /// Its rule.
        rule: RowRule,
    },
}

/// What a batch says of itself, once every record of it fits the shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedBatch {
    /// The round.
    pub round_id: RoundId,
    /// The submission.
    pub submission_id: SubmissionId,
    /// The key check value.
    pub key_check_value: KeyCheckValue,
    /// Number of the batch.
    pub number: u32,
    /// How many records it has, at least one.
    pub records: usize,
}

/// Checks every rule of a batch that needs nothing but the schema's shape, and appends its records'
/// rows. Of a batch that is refused some rows may have been appended.
pub fn from_batch(
    shape: &RecordShape,
    batch: &v1::Batch,
    rows: &mut Vec<u8>,
) -> Result<CheckedBatch, BatchRule> {
    let found = prost::Message::encoded_len(batch);
    if found > MAX_BATCH_BYTES {
        return Err(BatchRule::TooLong { found });
    }
    let round_id = RoundId::from_slice(&batch.round_id)
        .ok_or(BatchRule::RoundIdLength { found: batch.round_id.len() })?;
    let submission_id = SubmissionId::from_slice(&batch.submission_id)
        .ok_or(BatchRule::SubmissionIdLength { found: batch.submission_id.len() })?;
    let key_check_value = KeyCheckValue::from_slice(&batch.key_check_value)
        .ok_or(BatchRule::KeyCheckLength { found: batch.key_check_value.len() })?;
    let records = batch.records.len();
    match records {
        0 => return Err(BatchRule::Empty),
        found if found > MAX_BATCH_RECORDS => return Err(BatchRule::TooManyRecords { found }),
        _ => {}
    }
    // At once, so that no copy of them is left behind where the caller erases its own.
    rows.reserve_exact(records * shape.row_len());
    for (row, record) in batch.records.iter().enumerate() {
        from_record(shape, record, rows).map_err(|rule| BatchRule::Row { row, rule })?;
    }
    Ok(CheckedBatch { round_id, submission_id, key_check_value, number: batch.number, records })
}

fn from_record(
    shape: &RecordShape,
    record: &v1::Record,
    rows: &mut Vec<u8>,
) -> Result<(), RowRule> {
    for (place, code) in record.codes.iter().enumerate() {
        if *code > u16::MAX.into() {
            let codes = shape.dimensions.get(place).copied().unwrap_or(0);
            return Err(RowRule::CodeUnlisted { place, codes });
        }
    }
    let month = |value: u32, rule| u16::try_from(value).map_err(|_| rule);
    let months = [
        month(record.start, RowRule::StartOutOfRange)?,
        month(record.end, RowRule::EndOutOfRange)?,
    ];
    let values = Values {
        encodings: record.encodings.iter().map(|bytes| &bytes[..]),
        match_keys: record.match_keys.iter().map(|bytes| &bytes[..]),
        codes: record.codes.iter().map(|code| *code as u16),
        months,
    };
    shape.push_row(values, rows)
}

/// A row of `rows` as protobuf, which shares its bytes.
#[must_use]
pub fn row_to_batch_record(rows: &Bytes, row: Row<'_>) -> v1::Record {
    let share = |bytes: &[u8]| if bytes.is_empty() { Bytes::new() } else { rows.slice_ref(bytes) };
    let Values { encodings, match_keys, codes, months: [start, end] } = row.values();
    v1::Record {
        encodings: encodings.map(share).collect(),
        match_keys: match_keys.map(share).collect(),
        codes: codes.map(u32::from).collect(),
        start: start.into(),
        end: end.into(),
    }
}

/// A record as protobuf.
#[must_use]
pub fn to_batch_record(record: &Record) -> v1::Record {
    let month = |month: Option<Month>| month.map_or(0, |month| u32::from(month.index()) + 1);
    v1::Record {
        encodings: record
            .encodings
            .iter()
            .map(|clk| clk.as_ref().map_or_else(Bytes::new, |clk| clk.to_bytes().into()))
            .collect(),
        match_keys: record
            .match_keys
            .iter()
            .map(|key| key.map_or_else(Bytes::new, |key| Bytes::copy_from_slice(&key.0)))
            .collect(),
        codes: record.codes.iter().map(|code| code.map_or(0, |code| u32::from(code) + 1)).collect(),
        start: month(record.start),
        end: month(record.end),
    }
}

impl From<samenloop_schema::RoundState> for v1::RoundState {
    fn from(state: samenloop_schema::RoundState) -> Self {
        use samenloop_schema::RoundState as Vocabulary;
        match state {
            Vocabulary::Draft => Self::Draft,
            Vocabulary::Open => Self::Open,
            Vocabulary::Frozen => Self::Frozen,
            Vocabulary::Linked => Self::Linked,
            Vocabulary::Released => Self::Released,
            Vocabulary::Closed => Self::Closed,
        }
    }
}

impl v1::RoundState {
    /// The vocabulary's state; none for an unspecified one.
    #[must_use]
    pub fn to_vocabulary(self) -> Option<samenloop_schema::RoundState> {
        samenloop_schema::RoundState::ALL.into_iter().find(|state| Self::from(*state) == self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use samenloop_schema::{Clk, EncodingShape, MatchKeyValue};

    use super::*;

    fn shape() -> RecordShape {
        let encoding = EncodingShape { bits: 128, min_ones: 1, max_ones: 127 };
        RecordShape { encodings: vec![encoding; 2], match_keys: 2, dimensions: vec![5] }
    }

    prop_compose! {
        fn records()(
            words in any::<[u64; 2]>(),
            key in any::<[u8; 32]>(),
            code in prop::option::of(0..5_u16),
            start in prop::option::of(0..3600_u32),
        ) -> Record {
            Record {
                encodings: vec![None, Some(Clk::from_words(words))],
                match_keys: vec![Some(MatchKeyValue(key)), None],
                codes: vec![code],
                start: start.and_then(|index| Month::from_index(index).ok()),
                end: None,
            }
        }
    }

    proptest! {
        #[test]
        fn records_survive_the_wire(record in records()) {
            prop_assume!(shape().check(&record).is_ok());
            let (shape, mut rows) = (shape(), vec![]);
            let sent = to_batch_record(&record);
            prop_assert_eq!(from_record(&shape, &sent, &mut rows), Ok(()));
            prop_assert_eq!(shape.read_row(&rows), Ok(record));
            let rows = Bytes::from(rows);
            let row = shape.row(&rows).expect("a row");
            prop_assert_eq!(row_to_batch_record(&rows, row), sent);
        }
    }
}

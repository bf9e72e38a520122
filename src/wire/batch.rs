//! Batches: their form on the wire, and what they must be to become rows.

use bytes::Bytes;
use prost::encoding::{
    WireType, decode_key, decode_varint, encode_key, encode_varint, encoded_len_varint,
};
use prost::{DecodeError, Message};
use samenloop_schema::{
    Digest, KeyCheckValue, RecordShape, RoundId, RowRule, SubmissionId, Values,
};

use crate::strict::StrictError;
use crate::v1;

/// Most bytes of one batch as protobuf.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

/// Most records of one batch.
pub const MAX_BATCH_RECORDS: usize = 4096;

/// The message `Batch` of `submission.proto`. Its records are read where a schema says what they hold:
/// until then each is the bytes of its message `Record`, which protobuf writes in the same way.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Batch {
    /// 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub round_id: Bytes,
    /// 16 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub submission_id: Bytes,
    /// 16 bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub key_check_value: Bytes,
    /// From 0.
    #[prost(uint32, tag = "4")]
    pub number: u32,
    /// Messages `Record`.
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub records: Vec<Bytes>,
}

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
    /// A record is not a message, or holds more than one.
    #[error("row {row}: {reason}")]
    Message {
        /// Row in the batch, from 0.
        row: usize,
        /// What is wrong with it.
        reason: StrictError,
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
    /// SHA-256 of the message.
    pub digest: Digest,
}

impl Batch {
    /// The batch of `rows`, one after another as [`RecordShape::write_row`] writes them. Whoever takes it
    /// checks it; here it fails only if there are not whole rows.
    pub fn of_rows(
        shape: &RecordShape,
        (round, submission, key_check_value): (&RoundId, &SubmissionId, &KeyCheckValue),
        number: u32,
        rows: &[u8],
    ) -> Result<Self, RowRule> {
        let mut messages = Vec::with_capacity(rows.len() + rows.len() / 8);
        let mut ends = vec![];
        for row in rows.chunks(shape.row_len()) {
            write_record(shape, row, &mut messages)?;
            ends.push(messages.len());
        }
        let messages = Bytes::from(messages);
        let begins = std::iter::once(&0).chain(&ends);
        let copy = Bytes::copy_from_slice;
        Ok(Self {
            round_id: copy(&round.0),
            submission_id: copy(&submission.0),
            key_check_value: copy(&key_check_value.0),
            number,
            records: begins.zip(&ends).map(|(begin, end)| messages.slice(begin..end)).collect(),
        })
    }

    /// Checks every rule of a batch that needs nothing but the schema's shape, and appends its records'
    /// rows. Of a batch that is refused some rows may have been appended.
    pub fn check(
        &self,
        shape: &RecordShape,
        rows: &mut Vec<u8>,
    ) -> Result<CheckedBatch, BatchRule> {
        let found = self.encoded_len();
        if found > MAX_BATCH_BYTES {
            return Err(BatchRule::TooLong { found });
        }
        let round_id = RoundId::from_slice(&self.round_id)
            .ok_or(BatchRule::RoundIdLength { found: self.round_id.len() })?;
        let submission_id = SubmissionId::from_slice(&self.submission_id)
            .ok_or(BatchRule::SubmissionIdLength { found: self.submission_id.len() })?;
        let key_check_value = KeyCheckValue::from_slice(&self.key_check_value)
            .ok_or(BatchRule::KeyCheckLength { found: self.key_check_value.len() })?;
        let (number, records) = (self.number, self.records.len());
        match records {
            0 => return Err(BatchRule::Empty),
            found if found > MAX_BATCH_RECORDS => return Err(BatchRule::TooManyRecords { found }),
            _ => {}
        }
        // At once, so that no copy of them is left behind where the caller erases its own.
        rows.reserve_exact(records * shape.row_len());
        let mut reader = Reader::default();
        for (row, message) in self.records.iter().enumerate() {
            reader.read(message).ok_or(StrictError::Malformed).map_err(in_row(row))?;
            let values = reader.values(shape).map_err(of_row(row))?;
            let begin = rows.len();
            shape.push_row(values, rows).map_err(of_row(row))?;
            reader.written_again.clear();
            write_record(shape, &rows[begin..], &mut reader.written_again).map_err(of_row(row))?;
            reader.is_all_of(message).map_err(in_row(row))?;
        }
        let digest = self.digest();
        Ok(CheckedBatch { round_id, submission_id, key_check_value, number, records, digest })
    }

    /// SHA-256 of the message.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_written(|put| {
            let without_records = Self {
                round_id: self.round_id.clone(),
                submission_id: self.submission_id.clone(),
                key_check_value: self.key_check_value.clone(),
                number: self.number,
                records: vec![],
            };
            put(&without_records.encode_to_vec());
            let mut head = vec![];
            for record in &self.records {
                head.clear();
                encode_key(5, WireType::LengthDelimited, &mut head);
                encode_varint(record.len() as u64, &mut head);
                put(&head);
                put(record);
            }
        })
    }

    /// Changes a record as a message, for whoever makes batches by hand.
    pub fn change_record(
        &mut self,
        row: usize,
        change: impl FnOnce(&mut v1::Record),
    ) -> Result<(), DecodeError> {
        let mut record = v1::Record::decode(self.records[row].clone())?;
        change(&mut record);
        self.records[row] = record.encode_to_vec().into();
        Ok(())
    }
}

fn in_row(row: usize) -> impl Fn(StrictError) -> BatchRule {
    move |reason| BatchRule::Message { row, reason }
}

fn of_row(row: usize) -> impl Fn(RowRule) -> BatchRule {
    move |rule| BatchRule::Row { row, rule }
}

/// Appends the message `Record` of a row, its fields in ascending order and none with a default.
fn write_record(shape: &RecordShape, row: &[u8], out: &mut Vec<u8>) -> Result<(), RowRule> {
    let Values { encodings, match_keys, codes, months } = shape.values(row)?;
    let mut put = |tag: u32, bytes: &[u8]| {
        encode_key(tag, WireType::LengthDelimited, out);
        encode_varint(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    };
    encodings.for_each(|bytes| put(1, bytes));
    match_keys.for_each(|bytes| put(2, bytes));
    if codes.len() > 0 {
        let again = shape.values(row)?.codes;
        let packed: usize = again.map(|code| encoded_len_varint(code.into())).sum();
        encode_key(3, WireType::LengthDelimited, out);
        encode_varint(packed as u64, out);
        codes.for_each(|code| encode_varint(code.into(), out));
    }
    for (tag, month) in (4..).zip(months).filter(|(_, month)| *month > 0) {
        encode_key(tag, WireType::Varint, out);
        encode_varint(month.into(), out);
    }
    Ok(())
}

/// Reads messages `Record` into rows, one after another.
#[derive(Default)]
struct Reader<'m> {
    encodings: Vec<&'m [u8]>,
    match_keys: Vec<&'m [u8]>,
    codes: Vec<u32>,
    months: [u32; 2],
    written_again: Vec<u8>,
}

impl<'m> Reader<'m> {
    /// Reads the fields that a record has; none if it is no message.
    fn read(&mut self, mut message: &'m [u8]) -> Option<()> {
        self.encodings.clear();
        self.match_keys.clear();
        self.codes.clear();
        self.months = [0; 2];
        while !message.is_empty() {
            let (tag, kind) = decode_key(&mut message).ok()?;
            let value = decode_varint(&mut message).ok()?;
            let mut bytes: &[u8] = &[];
            match kind {
                WireType::Varint => {}
                WireType::LengthDelimited => {
                    (bytes, message) = message.split_at_checked(value.try_into().ok()?)?;
                }
                _ => return None,
            }
            match (tag, kind) {
                (1, WireType::LengthDelimited) => self.encodings.push(bytes),
                (2, WireType::LengthDelimited) => self.match_keys.push(bytes),
                (3, WireType::LengthDelimited) => {
                    while !bytes.is_empty() {
                        self.codes.push(decode_varint(&mut bytes).ok()?.try_into().ok()?);
                    }
                }
                (4, WireType::Varint) => self.months[0] = value.try_into().ok()?,
                (5, WireType::Varint) => self.months[1] = value.try_into().ok()?,
                _ => {}
            }
        }
        Some(())
    }

    /// A message must be as [`write_record`] wrote its row again: what was not read, such as an unknown field,
    /// is refused and not dropped.
    fn is_all_of(&self, message: &[u8]) -> Result<(), StrictError> {
        match message.len().checked_sub(self.written_again.len()) {
            _ if message == self.written_again => Ok(()),
            None | Some(0) => Err(StrictError::Order),
            Some(surplus) => Err(StrictError::Surplus { surplus }),
        }
    }

    fn values(
        &self,
        shape: &RecordShape,
    ) -> Result<
        Values<
            impl ExactSizeIterator<Item = &'m [u8]>,
            impl ExactSizeIterator<Item = &'m [u8]>,
            impl ExactSizeIterator<Item = u16>,
        >,
        RowRule,
    > {
        let short = |value: u32, rule| u16::try_from(value).map_err(|_| rule);
        for (place, code) in self.codes.iter().enumerate() {
            let codes = shape.dimensions.get(place).copied().unwrap_or(0);
            short(*code, RowRule::CodeUnlisted { place, codes })?;
        }
        let [start, end] = self.months;
        let months = [short(start, RowRule::StartOutOfRange)?, short(end, RowRule::EndOutOfRange)?];
        Ok(Values {
            encodings: self.encodings.iter().copied(),
            match_keys: self.match_keys.iter().copied(),
            codes: self.codes.iter().map(|code| *code as u16),
            months,
        })
    }
}

#[cfg(test)]
mod tests;

//! How the bytes of a record lie in a row.

use crate::ids::Digest;
use crate::month::Month;
use crate::record::{
    Clk, EncodingShape, MatchKeyValue, Record, RecordShape, RowRule, check_match_key, words,
};

/// Bytes of a match key.
const KEY: usize = 32;

/// A row that keeps every rule of its shape.
#[derive(Debug, Clone, Copy)]
pub struct Row<'r> {
    shape: &'r RecordShape,
    bytes: &'r [u8],
}

/// Values as they lie in a row; those that are absent are empty or 0.
#[derive(Debug, Clone)]
pub struct Values<E, K, C> {
    /// Each of its encoding's length.
    pub encodings: E,
    /// Each of 32 bytes.
    pub match_keys: K,
    /// Index + 1.
    pub codes: C,
    /// Start and end, index + 1.
    pub months: [u16; 2],
}

impl RecordShape {
    /// Bytes of one row: presence bits of encodings and match keys, the encodings, the match keys,
    /// a code as `u16` (0 unknown, else index + 1) per dimension, start and end as `u16` (0 absent,
    /// else index + 1). Absent values are zeros. All little-endian.
    #[must_use]
    pub fn row_len(&self) -> usize {
        let encodings: usize = self.encodings.iter().map(EncodingShape::bytes).sum();
        self.presence_len() + encodings + 32 * self.match_keys + 2 * self.dimensions.len() + 4
    }

    fn presence_len(&self) -> usize {
        (self.encodings.len() + self.match_keys).div_ceil(8)
    }

    /// Appends the row of a record that [`check`](Self::check) accepts.
    pub fn write_row(&self, record: &Record, out: &mut Vec<u8>) {
        let begin = out.len();
        out.resize(begin + self.presence_len(), 0);
        for (place, (clk, shape)) in record.encodings.iter().zip(&self.encodings).enumerate() {
            match clk {
                Some(clk) => {
                    out[begin + place / 8] |= 1 << (place % 8);
                    clk.words().iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
                }
                None => out.resize(out.len() + shape.bytes(), 0),
            }
        }
        for (key, place) in record.match_keys.iter().zip(self.encodings.len()..) {
            if key.is_some() {
                out[begin + place / 8] |= 1 << (place % 8);
            }
            out.extend_from_slice(&key.map_or([0; 32], |key| key.0));
        }
        let months = [record.start.map(Month::index), record.end.map(Month::index)];
        for value in record.codes.iter().copied().chain(months) {
            out.extend(value.map_or(0, |value| value + 1).to_le_bytes());
        }
    }

    /// Appends the row of values and checks it. What is refused is not appended.
    pub fn push_row<'v>(
        &self,
        values: Values<
            impl ExactSizeIterator<Item = &'v [u8]>,
            impl ExactSizeIterator<Item = &'v [u8]>,
            impl ExactSizeIterator<Item = u16>,
        >,
        out: &mut Vec<u8>,
    ) -> Result<(), RowRule> {
        let begin = out.len();
        let pushed =
            self.put(values, begin, out).and_then(|()| self.row(&out[begin..]).map(|_| ()));
        if pushed.is_err() {
            out.truncate(begin);
        }
        pushed
    }

    fn put<'v>(
        &self,
        values: Values<
            impl ExactSizeIterator<Item = &'v [u8]>,
            impl ExactSizeIterator<Item = &'v [u8]>,
            impl ExactSizeIterator<Item = u16>,
        >,
        begin: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RowRule> {
        let Values { encodings, match_keys, codes, months } = values;
        out.resize(begin + self.presence_len(), 0);
        let mut put = |place: usize, bytes: &[u8], expected: usize| {
            if bytes.is_empty() {
                out.resize(out.len() + expected, 0);
            } else {
                out[begin + place / 8] |= 1 << (place % 8);
                out.extend_from_slice(bytes);
            }
            bytes.is_empty() || bytes.len() == expected
        };
        let (found, expected) = (encodings.len(), self.encodings.len());
        if found != expected {
            return Err(RowRule::EncodingCount { found, expected });
        }
        for (place, (bytes, shape)) in encodings.zip(&self.encodings).enumerate() {
            let (found, expected) = (bytes.len(), shape.bytes());
            if !put(place, bytes, expected) {
                return Err(RowRule::EncodingLength { place, found, expected });
            }
        }
        let (found, expected) = (match_keys.len(), self.match_keys);
        if found != expected {
            return Err(RowRule::MatchKeyCount { found, expected });
        }
        for (place, bytes) in match_keys.enumerate() {
            if !put(self.encodings.len() + place, bytes, KEY) {
                return Err(RowRule::MatchKeyLength { place, found: bytes.len() });
            }
        }
        let (found, expected) = (codes.len(), self.dimensions.len());
        if found != expected {
            return Err(RowRule::CodeCount { found, expected });
        }
        codes.chain(months).for_each(|value| out.extend(value.to_le_bytes()));
        Ok(())
    }

    /// What stands in a row, of which only the length is checked.
    pub fn values<'r>(
        &'r self,
        bytes: &'r [u8],
    ) -> Result<
        Values<
            impl ExactSizeIterator<Item = &'r [u8]>,
            impl ExactSizeIterator<Item = &'r [u8]>,
            impl ExactSizeIterator<Item = u16>,
        >,
        RowRule,
    > {
        self.unchecked(bytes).map(Row::values)
    }

    fn unchecked<'r>(&'r self, bytes: &'r [u8]) -> Result<Row<'r>, RowRule> {
        let (found, expected) = (bytes.len(), self.row_len());
        if found != expected {
            return Err(RowRule::RowLength { found, expected });
        }
        Ok(Row { shape: self, bytes })
    }

    /// Checks a row.
    pub fn row<'r>(&'r self, bytes: &'r [u8]) -> Result<Row<'r>, RowRule> {
        let row = self.unchecked(bytes)?;
        row.check()?;
        Ok(row)
    }

    /// Reads a row back and checks it.
    pub fn read_row(&self, row: &[u8]) -> Result<Record, RowRule> {
        self.row(row).map(|row| row.to_record())
    }

    /// The record's digest: the same registration has the same digest wherever it is stored.
    #[must_use]
    pub fn digest(&self, record: &Record) -> Digest {
        let mut row = Vec::with_capacity(self.row_len());
        self.write_row(record, &mut row);
        Digest::of_parts("samenloop/v1/record", &[&row])
    }
}

fn month(value: u16, rule: RowRule) -> Result<Option<Month>, RowRule> {
    let index = value.checked_sub(1);
    index.map(|index| Month::from_index(index.into()).map_err(|_| rule)).transpose()
}

fn absent(bytes: &[u8]) -> Result<(), RowRule> {
    if bytes.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(RowRule::RowPadding) }
}

impl<'r> Row<'r> {
    fn present(self, place: usize) -> bool {
        self.bytes[place / 8] >> (place % 8) & 1 == 1
    }

    fn keys_at(self) -> usize {
        let encodings: usize = self.shape.encodings.iter().map(EncodingShape::bytes).sum();
        self.shape.presence_len() + encodings
    }

    /// Every encoding's bytes, zeros where it is absent.
    fn encoding_bytes(self) -> impl ExactSizeIterator<Item = &'r [u8]> {
        let mut rest = &self.bytes[self.shape.presence_len()..];
        self.shape.encodings.iter().map(move |shape| {
            let (head, tail) = rest.split_at(shape.bytes());
            rest = tail;
            head
        })
    }

    /// Every match key's bytes, zeros where it is absent; one that is there has others.
    fn match_keys(self) -> &'r [[u8; KEY]] {
        &self.bytes[self.keys_at()..].as_chunks::<KEY>().0[..self.shape.match_keys]
    }

    /// Codes, start and end, as they lie in the row.
    fn numbers(self) -> impl ExactSizeIterator<Item = u16> {
        let at = self.keys_at() + KEY * self.shape.match_keys;
        self.bytes[at..].as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes))
    }

    fn months(self) -> [u16; 2] {
        let mut months = self.numbers().skip(self.shape.dimensions.len());
        [(); 2].map(|()| months.next().unwrap_or(0))
    }

    fn check(self) -> Result<(), RowRule> {
        let shape = self.shape;
        let first_key = shape.encodings.len();
        let places = first_key + shape.match_keys;
        if (places..8 * shape.presence_len()).any(|place| self.present(place)) {
            return Err(RowRule::RowPadding);
        }
        for ((place, bytes), encoding) in self.encoding_bytes().enumerate().zip(&shape.encodings) {
            if self.present(place) {
                encoding.check(place, words(bytes))?;
            } else {
                absent(bytes)?;
            }
        }
        for (place, bytes) in self.match_keys().iter().enumerate() {
            if self.present(first_key + place) {
                check_match_key(place, bytes)?;
            } else {
                absent(bytes)?;
            }
        }
        for (place, (code, codes)) in self.numbers().zip(&shape.dimensions).enumerate() {
            if code > *codes {
                return Err(RowRule::CodeUnlisted { place, codes: *codes });
            }
        }
        let [start, end] = self.months();
        let start = month(start, RowRule::StartOutOfRange)?;
        let end = month(end, RowRule::EndOutOfRange)?;
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            return Err(RowRule::EndBeforeStart);
        }
        if (0..places).any(|place| self.present(place)) { Ok(()) } else { Err(RowRule::Empty) }
    }

    /// Its values, none of them copied.
    fn values(
        self,
    ) -> Values<
        impl ExactSizeIterator<Item = &'r [u8]>,
        impl ExactSizeIterator<Item = &'r [u8]>,
        impl ExactSizeIterator<Item = u16>,
    > {
        let given = move |place: usize, bytes: &'r [u8]| {
            if self.present(place) { bytes } else { &[] }
        };
        let first_key = self.shape.encodings.len();
        let match_keys = self.match_keys().iter().enumerate();
        Values {
            encodings: self.encoding_bytes().enumerate().map(move |(n, bytes)| given(n, bytes)),
            match_keys: match_keys.map(move |(n, bytes)| given(first_key + n, bytes)),
            codes: self.numbers().take(self.shape.dimensions.len()),
            months: self.months(),
        }
    }

    /// The record.
    #[must_use]
    pub fn to_record(self) -> Record {
        let Values { encodings, match_keys, codes, months } = self.values();
        let [start, end] =
            months.map(|value| month(value, RowRule::StartOutOfRange).ok().flatten());
        Record {
            encodings: encodings
                .map(|bytes| if bytes.is_empty() { None } else { Clk::from_bytes(bytes) })
                .collect(),
            match_keys: match_keys.map(|bytes| bytes.try_into().ok().map(MatchKeyValue)).collect(),
            codes: codes.map(|code| code.checked_sub(1)).collect(),
            start,
            end,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::tests::{record, shape};

    #[test]
    fn rows_round_trip_and_have_the_length_they_say() {
        let mut row = vec![];
        shape().write_row(&record(), &mut row);
        assert_eq!(row.len(), shape().row_len());
        assert_eq!(shape().read_row(&row), Ok(record()));
    }

    #[test]
    fn a_row_is_put_together_again_from_its_values() {
        let mut row = vec![];
        shape().write_row(&record(), &mut row);
        let shape = shape();
        let values = || shape.row(&row).expect("a row").values();
        let mut again = vec![7];
        assert_eq!(shape.push_row(values(), &mut again), Ok(()));
        assert_eq!(again[1..], row);
        let late = Values { months: [3601, 0], ..values() };
        assert_eq!(shape.push_row(late, &mut again), Err(RowRule::StartOutOfRange));
        assert_eq!(again[1..], row, "what is refused is not appended");
    }

    #[test]
    fn a_row_that_hides_something_behind_an_absent_value_is_refused() {
        let mut row = vec![];
        shape().write_row(&record(), &mut row);
        let hidden = 2 + 32 + 5; // in the absent second encoding
        row[hidden] = 1;
        assert_eq!(shape().read_row(&row), Err(RowRule::RowPadding));
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_accepts_only_what_it_would_write(row in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(record) = shape().read_row(&row) {
                let mut again = vec![];
                shape().write_row(&record, &mut again);
                prop_assert_eq!(again, row);
            }
        }
    }
}

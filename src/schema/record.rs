//! What a partner submits for one registration, and the rules that it keeps.

use crate::month::Month;

/// Bits of a pseudonymised encoding, bit `i` in word `i / 64` at position `i % 64`.
///
/// Its length is the schema's; as bytes it is little-endian.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clk(Box<[u64]>);

impl std::fmt::Debug for Clk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clk({} bits)", self.bits())
    }
}

impl Clk {
    /// An encoding of whole words.
    #[must_use]
    pub fn from_words(words: impl Into<Box<[u64]>>) -> Self {
        Self(words.into())
    }

    /// From bytes, if they are a whole number of words.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        rest.is_empty().then(|| Self(words.iter().map(|word| u64::from_le_bytes(*word)).collect()))
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.0
    }

    /// The bytes, little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 * self.0.len());
        self.0.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes
    }

    /// Length in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.0.len() as u32 * 64
    }

    /// Bits that are set.
    #[must_use]
    pub fn ones(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

/// A keyed hash of a near-unique combination of normalised fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatchKeyValue(pub [u8; 32]);

impl std::fmt::Debug for MatchKeyValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MatchKeyValue(..)")
    }
}

/// One registration as it is submitted: nothing in it is text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// One place per encoding of the schema; absent when its fields are missing.
    pub encodings: Vec<Option<Clk>>,
    /// One place per match key of the schema; absent when a part is missing or its value too common.
    pub match_keys: Vec<Option<MatchKeyValue>>,
    /// One place per dimension of the schema: an index into its code list, absent when unknown.
    pub codes: Vec<Option<u16>>,
    /// First month of the contact; absent when unknown.
    pub start: Option<Month>,
    /// Last month of the contact; absent when it goes on.
    pub end: Option<Month>,
}

impl Record {
    /// Whether the registration tells of a contact at all. With neither month it does not.
    #[must_use]
    pub fn has_contact(&self) -> bool {
        self.start.is_some() || self.end.is_some()
    }
}

/// The lengths and bounds that every record of a round has, as the schema sets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordShape {
    /// Per encoding.
    pub encodings: Vec<EncodingShape>,
    /// Number of match keys.
    pub match_keys: usize,
    /// Per dimension, the number of codes.
    pub dimensions: Vec<u16>,
}

/// Length of an encoding and bounds on the number of its set bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodingShape {
    /// Length in bits, a multiple of 64.
    pub bits: u32,
    /// Fewest set bits of an honest encoding.
    pub min_ones: u32,
    /// Most set bits of an honest encoding.
    pub max_ones: u32,
}

/// The rule that a record breaks. Places are counted from 0. Content is never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RowRule {
    /// Not as many places for encodings as the schema has encodings.
    #[error("has {found} encodings, the schema has {expected}")]
    EncodingCount {
        /// In the record.
        found: usize,
        /// In the schema.
        expected: usize,
    },
    /// An encoding of another length.
    #[error("encoding {place} is {found} bytes long, the schema says {expected}")]
    EncodingLength {
        /// Which encoding.
        place: usize,
        /// Bytes in the record.
        found: usize,
        /// Bytes in the schema.
        expected: usize,
    },
    /// Every bit of an encoding is set: it would resemble everyone.
    #[error("encoding {place} has every bit set")]
    EncodingAllOnes {
        /// Which encoding.
        place: usize,
    },
    /// No bit of an encoding is set: an absent encoding is sent as empty bytes.
    #[error("encoding {place} has no bit set; leave an absent encoding empty")]
    EncodingAllZeros {
        /// Which encoding.
        place: usize,
    },
    /// Fewer set bits than an honest encoding has.
    #[error("encoding {place} has fewer set bits than the schema allows")]
    EncodingTooSparse {
        /// Which encoding.
        place: usize,
    },
    /// More set bits than an honest encoding has.
    #[error("encoding {place} has more set bits than the schema allows")]
    EncodingTooDense {
        /// Which encoding.
        place: usize,
    },
    /// An encoding that reads as text.
    #[error("encoding {place} holds printable text")]
    EncodingText {
        /// Which encoding.
        place: usize,
    },
    /// Not as many places for match keys as the schema has match keys.
    #[error("has {found} match keys, the schema has {expected}")]
    MatchKeyCount {
        /// In the record.
        found: usize,
        /// In the schema.
        expected: usize,
    },
    /// A match key of another length than 32 bytes.
    #[error("match key {place} is {found} bytes long, a match key has 32")]
    MatchKeyLength {
        /// Which match key.
        place: usize,
        /// Bytes in the record.
        found: usize,
    },
    /// A match key of 32 equal bytes.
    #[error("match key {place} is one byte repeated; leave an absent match key empty")]
    MatchKeyConstant {
        /// Which match key.
        place: usize,
    },
    /// A match key that reads as text.
    #[error("match key {place} holds printable text")]
    MatchKeyText {
        /// Which match key.
        place: usize,
    },
    /// Not as many codes as the schema has dimensions.
    #[error("has {found} codes, the schema has {expected} dimensions")]
    CodeCount {
        /// In the record.
        found: usize,
        /// In the schema.
        expected: usize,
    },
    /// A code beyond the end of its code list.
    #[error("code {place} is not in its code list of {codes} codes")]
    CodeUnlisted {
        /// Which dimension.
        place: usize,
        /// Codes in the list.
        codes: u16,
    },
    /// A start month outside the months that can be named.
    #[error("the start month is outside 1900-01 to 2199-12")]
    StartOutOfRange,
    /// An end month outside the months that can be named.
    #[error("the end month is outside 1900-01 to 2199-12")]
    EndOutOfRange,
    /// The contact ends before it begins.
    #[error("the contact ends before it starts")]
    EndBeforeStart,
    /// Neither an encoding nor a match key: nobody could link it.
    #[error("has neither an encoding nor a match key")]
    Empty,
    /// A stored row of another length (only found when a store is read back).
    #[error("a row is {found} bytes long, the schema's rows have {expected}")]
    RowLength {
        /// Bytes found.
        found: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// A stored row with bits or bytes where an absent value should have zeros.
    #[error("a row has content where it says that a value is absent")]
    RowPadding,
}

/// A run of printable ASCII this long does not happen by chance: 28 random bytes are all printable
/// with probability (95/256)^28 = 9 × 10^-13, so of a million records with 1 KB of pseudonyms each
/// fewer than one in a thousand such rounds would meet one.
const PRINTABLE_RUN: usize = 28;

/// Words as they lie in bytes.
pub(crate) fn words(bytes: &[u8]) -> impl ExactSizeIterator<Item = u64> + Clone {
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word))
}

fn reads_as_text(words: impl Iterator<Item = u64> + Clone) -> bool {
    // A run has two whole words side by side, and no byte of theirs is 0x80 or more.
    let mut before = false;
    let pair = words.clone().any(|word| {
        let ascii = word & 0x8080_8080_8080_8080 == 0;
        std::mem::replace(&mut before, ascii) && ascii
    });
    let mut run = 0;
    pair && words.flat_map(u64::to_le_bytes).any(|byte| {
        run = if (0x20..0x7f).contains(&byte) { run + 1 } else { 0 };
        run >= PRINTABLE_RUN
    })
}

pub(crate) fn check_match_key(place: usize, bytes: &[u8; 32]) -> Result<(), RowRule> {
    if bytes.iter().all(|byte| *byte == bytes[0]) {
        return Err(RowRule::MatchKeyConstant { place });
    }
    if reads_as_text(words(bytes)) { Err(RowRule::MatchKeyText { place }) } else { Ok(()) }
}

impl RecordShape {
    /// Checks a record against the shape.
    pub fn check(&self, record: &Record) -> Result<(), RowRule> {
        let (found, expected) = (record.encodings.len(), self.encodings.len());
        if found != expected {
            return Err(RowRule::EncodingCount { found, expected });
        }
        for (place, (clk, shape)) in record.encodings.iter().zip(&self.encodings).enumerate() {
            if let Some(clk) = clk {
                shape.check(place, clk.words().iter().copied())?;
            }
        }
        let (found, expected) = (record.match_keys.len(), self.match_keys);
        if found != expected {
            return Err(RowRule::MatchKeyCount { found, expected });
        }
        for (place, key) in record.match_keys.iter().enumerate() {
            if let Some(MatchKeyValue(bytes)) = key {
                check_match_key(place, bytes)?;
            }
        }
        let (found, expected) = (record.codes.len(), self.dimensions.len());
        if found != expected {
            return Err(RowRule::CodeCount { found, expected });
        }
        for (place, (code, codes)) in record.codes.iter().zip(&self.dimensions).enumerate() {
            if code.is_some_and(|code| code >= *codes) {
                return Err(RowRule::CodeUnlisted { place, codes: *codes });
            }
        }
        if record.start.zip(record.end).is_some_and(|(start, end)| end < start) {
            return Err(RowRule::EndBeforeStart);
        }
        let linkable = record.encodings.iter().any(Option::is_some)
            || record.match_keys.iter().any(Option::is_some);
        if linkable { Ok(()) } else { Err(RowRule::Empty) }
    }
}

impl EncodingShape {
    /// Length in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bits as usize / 8
    }

    pub(crate) fn check(
        &self,
        place: usize,
        words: impl ExactSizeIterator<Item = u64> + Clone,
    ) -> Result<(), RowRule> {
        let (found, expected) = (8 * words.len(), self.bytes());
        if found != expected {
            return Err(RowRule::EncodingLength { place, found, expected });
        }
        match words.clone().map(u64::count_ones).sum() {
            0 => Err(RowRule::EncodingAllZeros { place }),
            ones if ones == self.bits => Err(RowRule::EncodingAllOnes { place }),
            ones if ones < self.min_ones => Err(RowRule::EncodingTooSparse { place }),
            ones if ones > self.max_ones => Err(RowRule::EncodingTooDense { place }),
            _ if reads_as_text(words) => Err(RowRule::EncodingText { place }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ids::Digest;

    pub(crate) fn shape() -> RecordShape {
        let encoding = EncodingShape { bits: 256, min_ones: 64, max_ones: 192 };
        RecordShape { encodings: vec![encoding; 2], match_keys: 7, dimensions: vec![3, 300] }
    }

    pub(crate) fn record() -> Record {
        let clk =
            Clk::from_words([0xdead_beef_0123_4567, 0xff00_ff00_1234_5678, 0x5a5a, 0xa5a5_0000]);
        let mut match_keys = vec![None; 7];
        match_keys[6] = Some(MatchKeyValue(Digest::of(b"key").0));
        Record {
            encodings: vec![Some(clk), None],
            match_keys,
            codes: vec![None, Some(299)],
            start: Month::of(2025, 3).ok(),
            end: None,
        }
    }

    #[test]
    fn each_rule_refuses_its_own_kind_of_record() {
        type Change = fn(&mut Record);
        let cases: &[(Change, RowRule)] = &[
            (|r| r.encodings.truncate(1), RowRule::EncodingCount { found: 1, expected: 2 }),
            (
                |r| r.encodings[0] = Clk::from_bytes(&[7; 8]),
                RowRule::EncodingLength { place: 0, found: 8, expected: 32 },
            ),
            (
                |r| r.encodings[1] = Clk::from_bytes(&[255; 32]),
                RowRule::EncodingAllOnes { place: 1 },
            ),
            (
                |r| r.encodings[1] = Clk::from_bytes(&[0; 32]),
                RowRule::EncodingAllZeros { place: 1 },
            ),
            (
                |r| r.encodings[1] = Clk::from_bytes(&[1; 32]),
                RowRule::EncodingTooSparse { place: 1 },
            ),
            (
                |r| r.encodings[1] = Clk::from_bytes(&[254; 32]),
                RowRule::EncodingTooDense { place: 1 },
            ),
            (
                |r| r.encodings[1] = Clk::from_bytes(b"Jansen, Jan; 1970-01-01; 9711 AB"),
                RowRule::EncodingText { place: 1 },
            ),
            (|r| r.match_keys.clear(), RowRule::MatchKeyCount { found: 0, expected: 7 }),
            (
                |r| r.match_keys[0] = Some(MatchKeyValue([0; 32])),
                RowRule::MatchKeyConstant { place: 0 },
            ),
            (
                |r| r.match_keys[1] = Some(MatchKeyValue(*b"Jansen, Jan; 1970-01-01; 9711 AB")),
                RowRule::MatchKeyText { place: 1 },
            ),
            (|r| r.codes.clear(), RowRule::CodeCount { found: 0, expected: 2 }),
            (|r| r.codes[0] = Some(3), RowRule::CodeUnlisted { place: 0, codes: 3 }),
            (|r| r.end = Month::of(2025, 2).ok(), RowRule::EndBeforeStart),
            (
                |r| {
                    r.encodings = vec![None; 2];
                    r.match_keys = vec![None; 7];
                },
                RowRule::Empty,
            ),
        ];
        for (change, rule) in cases {
            let mut bad = record();
            change(&mut bad);
            assert_eq!(shape().check(&bad), Err(*rule));
        }
    }
}

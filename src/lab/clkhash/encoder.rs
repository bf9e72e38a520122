//! Rows to CLKs.

use std::borrow::Cow;

use num_bigint::BigInt;
use rustc_hash::FxHashMap;

use super::comparison::{self, Tokenizer, Tokens};
use super::date::DateFormat;
use super::document::SchemaFault;
use super::hash::{self, TokenHash};
use super::pattern::Pattern;
use super::python;
use super::schema::{Encoding, Feature, Format, Hashing, Linkage, Strategy};

/// Bytes of filters that a feature keeps for values that come again, at most.
const KEPT_BYTES: usize = 1 << 23;

/// A value that the schema does not allow. The value itself is not named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column \"{column}\": {rule}")]
pub struct ValueFault {
    /// The feature.
    pub column: String,
    /// The rule.
    pub rule: String,
}

/// Hashes rows under one secret. It keeps tokens and values that it has hashed, within bounds.
pub struct Encoder {
    columns: Vec<Option<Column>>,
    bits: usize,
    folds: u32,
    tokens: Tokens,
    filter: Vec<u8>,
    scratch: Vec<u8>,
}

struct Column {
    identifier: String,
    check: Check,
    encoding: Encoding,
    tokenizer: Tokenizer,
    strategy: Strategy,
    missing: Option<(String, String)>,
    hash: TokenHash,
    kept: FxHashMap<Box<str>, Box<[u8]>>,
}

enum Check {
    Text {
        upper: bool,
        lower: bool,
        min_len: usize,
        max_len: usize,
    },
    Pattern(Pattern),
    Integer {
        minimum: Option<BigInt>,
        maximum: Option<BigInt>,
    },
    Date(DateFormat),
    Enum(Vec<String>),
    /// Any value goes, as with clkhash's `validate=False`; a whole number or a date must still be one.
    Unchecked,
    UncheckedInteger,
}

impl Encoder {
    /// Prepares a schema. Without `checked`, values are hashed that the schema's formats exclude.
    pub fn new(linkage: &Linkage, secret: &[u8], checked: bool) -> Result<Self, SchemaFault> {
        let keys = hash::derive(&linkage.kdf, secret, linkage.features.len())?;
        let len = linkage.bits << linkage.folds;
        let columns = linkage.features.iter().zip(&keys).map(|(feature, keys)| {
            let Some(hashing) = &feature.hashing else { return Ok(None) };
            Ok(Some(Column {
                identifier: feature.identifier.clone(),
                check: Check::new(feature, hashing, checked)?,
                encoding: hashing.encoding,
                tokenizer: Tokenizer::new(&hashing.comparison, &feature.place)?,
                strategy: hashing.strategy,
                missing: hashing.missing.clone(),
                hash: TokenHash::new(hashing.hash, keys, len, &feature.place)?,
                kept: FxHashMap::default(),
            }))
        });
        Ok(Self {
            columns: columns.collect::<Result<_, _>>()?,
            bits: linkage.bits,
            folds: linkage.folds,
            tokens: Tokens::default(),
            filter: vec![0; len.div_ceil(8)],
            scratch: vec![0; len.div_ceil(8)],
        })
    }

    /// Columns of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The CLK of a row with one value per column: `⌈bits / 8⌉` bytes, bit 0 the highest of the first.
    pub fn encode<'r>(&mut self, row: impl Iterator<Item = &'r str>) -> Result<&[u8], ValueFault> {
        self.filter.fill(0);
        for (column, value) in self.columns.iter_mut().zip(row) {
            let Some(column) = column else { continue };
            if let Some(kept) = column.kept.get(value) {
                or(&mut self.filter, kept);
                continue;
            }
            self.scratch.fill(0);
            column
                .insert(value, &mut self.tokens, &mut self.scratch)
                .map_err(|rule| ValueFault { column: column.identifier.clone(), rule })?;
            or(&mut self.filter, &self.scratch);
            if column.kept.len() * (self.scratch.len() + value.len() + 64) > KEPT_BYTES {
                column.kept.clear();
            }
            column.kept.insert(value.into(), self.scratch.as_slice().into());
        }
        for fold in (0..self.folds).rev() {
            halve(&mut self.filter, self.bits << fold);
        }
        Ok(&self.filter[..self.bits.div_ceil(8)])
    }
}

fn or(into: &mut [u8], from: &[u8]) {
    into.iter_mut().zip(from).for_each(|(into, from)| *into |= from);
}

/// XORs the second half of `2 * half` bits into the first.
fn halve(filter: &mut [u8], half: usize) {
    if half.is_multiple_of(8) {
        let (first, second) = filter.split_at_mut(half / 8);
        first.iter_mut().zip(second).for_each(|(first, second)| *first ^= *second);
        return;
    }
    let bit = |filter: &[u8], at: usize| filter[at / 8] >> (7 - at % 8) & 1;
    for at in 0..half {
        let flip = bit(filter, half + at);
        filter[at / 8] ^= flip << (7 - at % 8);
    }
    // What is behind the first half would else be padding that is not zero.
    for at in half..half.next_multiple_of(8) {
        filter[at / 8] &= !(0x80 >> (at % 8));
    }
}

impl Column {
    /// Sets the bits of a raw value.
    fn insert(&mut self, raw: &str, tokens: &mut Tokens, filter: &mut [u8]) -> Result<(), String> {
        let value = match &self.missing {
            // What stands for a missing value is neither checked nor brought into form.
            Some((sentinel, replaced)) if sentinel == raw => Cow::Borrowed(replaced.as_str()),
            _ => self.check.form(raw, self.encoding)?,
        };
        self.tokenizer.tokens(&value, self.encoding, tokens)?;
        if tokens.len() == 0 {
            return Ok(());
        }
        let (each, rest) = match self.strategy {
            Strategy::PerToken(times) => (times, 0),
            Strategy::PerFeature(all) => (all / tokens.len(), all % tokens.len()),
        };
        for (place, token) in tokens.iter().enumerate() {
            self.hash.insert(token, each + usize::from(place < rest), filter);
        }
        Ok(())
    }
}

impl Check {
    fn new(feature: &Feature, hashing: &Hashing, checked: bool) -> Result<Self, SchemaFault> {
        let fault = |member: &str, rule| {
            Err(SchemaFault { place: format!("{}.format.{member}", feature.place), rule })
        };
        Ok(match &hashing.format {
            Format::Pattern(pattern) => match Pattern::new(pattern) {
                Ok(pattern) if checked => Self::Pattern(pattern),
                Ok(_) => Self::Unchecked,
                Err(rule) => return fault("pattern", rule),
            },
            Format::Date(format) => match DateFormat::new(format) {
                Ok(format) => Self::Date(format),
                Err(rule) => return fault("format", rule),
            },
            Format::Integer { .. } if !checked => Self::UncheckedInteger,
            Format::Integer { minimum, maximum } => {
                Self::Integer { minimum: minimum.map(Into::into), maximum: maximum.map(Into::into) }
            }
            _ if !checked => Self::Unchecked,
            Format::Text { upper, lower, min_len, max_len } => Self::Text {
                upper: *upper,
                lower: *lower,
                min_len: min_len.unwrap_or(0),
                max_len: max_len.unwrap_or(usize::MAX),
            },
            Format::Enum(values) => Self::Enum(values.clone()),
        })
    }

    /// The form of a value that is hashed.
    fn form<'v>(&self, raw: &'v str, encoding: Encoding) -> Result<Cow<'v, str>, String> {
        if encoding == Encoding::Ascii && !matches!(self, Self::Unchecked) {
            comparison::encode(raw.chars(), encoding, &mut Vec::with_capacity(raw.len()))?;
        }
        match self {
            Self::Unchecked => {}
            Self::Pattern(pattern) => {
                if !pattern.matches(raw)? {
                    return Err("must match the pattern of its format".to_owned());
                }
            }
            Self::Text { upper, lower, min_len, max_len } => {
                let len = raw.chars().count();
                if len < *min_len {
                    return Err(format!("must have at least {min_len} letters"));
                }
                if len > *max_len {
                    return Err(format!("must have at most {max_len} letters"));
                }
                if *upper && raw.to_uppercase() != raw {
                    return Err("must be in upper case".to_owned());
                }
                if *lower && raw.to_lowercase() != raw {
                    return Err("must be in lower case".to_owned());
                }
            }
            Self::UncheckedInteger | Self::Integer { .. } => {
                let Some(digits) = python::int(raw) else {
                    return Err(match raw {
                        "" => "must be a whole number, and is empty; name the empty value in \
                               hashing.missingValue"
                            .to_owned(),
                        _ => "must be a whole number".to_owned(),
                    });
                };
                if let Self::Integer { minimum, maximum } = self {
                    let number = || digits.parse::<BigInt>().map_err(|error| error.to_string());
                    if let Some(minimum) = minimum
                        && number()? < *minimum
                    {
                        return Err(format!("must be at least {minimum}"));
                    }
                    if let Some(maximum) = maximum
                        && number()? > *maximum
                    {
                        return Err(format!("must be at most {maximum}"));
                    }
                }
                return Ok(if digits == raw { Cow::Borrowed(raw) } else { Cow::Owned(digits) });
            }
            Self::Date(format) => match format.digits(raw) {
                Some(digits) => return Ok(Cow::Owned(digits)),
                None if raw.is_empty() => {
                    return Err("must be a date, and is empty; name the empty value in \
                                hashing.missingValue"
                        .to_owned());
                }
                None => return Err("must be a date of its format".to_owned()),
            },
            Self::Enum(values) => {
                if !values.iter().any(|value| value == raw) {
                    return Err("must be one of the values of its format".to_owned());
                }
            }
        }
        Ok(Cow::Borrowed(raw))
    }
}

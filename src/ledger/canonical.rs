//! How a field of an entry becomes bytes: fixed lengths, big-endian, one way to write each value.

use samenloop_schema::{Digest, DisclosurePolicy, KeyCheckValue, RoundId, SubmissionId};
use serde::{Deserialize, Serialize};

/// Why bytes are no ledger entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// A version that this program does not know.
    #[error("entry version {found} is not known; use a newer program")]
    Version {
        /// The first byte.
        found: u8,
    },
    /// A kind that this version does not have.
    #[error("entry kind {found} is not known; use a newer program")]
    Kind {
        /// The second byte.
        found: u8,
    },
    /// The bytes end within a field.
    #[error("the entry ends too early")]
    Short,
    /// Bytes after the last field.
    #[error("{surplus} bytes stand after the entry")]
    Surplus {
        /// How many.
        surplus: usize,
    },
    /// A value that is never written so.
    #[error("a field of the entry holds a value that it cannot have")]
    Value,
}

/// What is left to read of an entry.
pub(crate) struct Rest<'a>(pub(crate) &'a [u8]);

impl Rest<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], EntryError> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(EntryError::Short)?;
        self.0 = tail;
        Ok(*head)
    }
}

/// A field with exactly one encoding per value, so that an entry that was read is written back as
/// the same bytes.
pub(crate) trait Canonical: Sized {
    fn write(&self, out: &mut Vec<u8>);
    fn read(from: &mut Rest<'_>) -> Result<Self, EntryError>;
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl Canonical for $int {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend(self.to_be_bytes());
            }

            fn read(from: &mut Rest<'_>) -> Result<Self, EntryError> {
                Ok(Self::from_be_bytes(from.take()?))
            }
        }
    )*};
}

macro_rules! ids {
    ($($id:ident),*) => {$(
        impl Canonical for $id {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend(self.0);
            }

            fn read(from: &mut Rest<'_>) -> Result<Self, EntryError> {
                Ok(Self(from.take()?))
            }
        }
    )*};
}

integers!(u8, u16, u32, u64);
ids!(RoundId, SubmissionId, KeyCheckValue, Digest);

/// A number of records, rounded up to a multiple of 100 so that no entry tells a party's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub struct Rounded(u64);

impl Rounded {
    /// The unit of rounding, in records.
    pub const STEP: u64 = 100;

    /// The rounded number of `records`; the largest multiple where rounding up would overflow.
    #[must_use]
    pub const fn up(records: u64) -> Self {
        match records.checked_next_multiple_of(Self::STEP) {
            Some(rounded) => Self(rounded),
            None => Self(u64::MAX / Self::STEP * Self::STEP),
        }
    }

    /// The rounded number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<Rounded> for u64 {
    fn from(rounded: Rounded) -> Self {
        rounded.0
    }
}

impl TryFrom<u64> for Rounded {
    type Error = EntryError;

    fn try_from(number: u64) -> Result<Self, EntryError> {
        if number.is_multiple_of(Self::STEP) { Ok(Self(number)) } else { Err(EntryError::Value) }
    }
}

impl Canonical for Rounded {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(from: &mut Rest<'_>) -> Result<Self, EntryError> {
        u64::read(from)?.try_into()
    }
}

/// In which role a certificate called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A certificate that names no role.
    None,
    /// A partner organisation.
    Partner,
    /// Opens, freezes, links, releases and closes rounds.
    Coordinator,
    /// Asks for released tables.
    Monitor,
    /// Checks.
    Auditor,
}

impl Role {
    const ALL: [Self; 5] =
        [Self::None, Self::Partner, Self::Coordinator, Self::Monitor, Self::Auditor];
}

impl Canonical for Role {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn read(from: &mut Rest<'_>) -> Result<Self, EntryError> {
        let code = u8::read(from)?;
        Self::ALL.into_iter().find(|role| *role as u8 == code).ok_or(EntryError::Value)
    }
}

/// Absent is a zero byte; present is a one and the value.
impl<T: Canonical> Canonical for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.write(out);
            }
        }
    }

    fn read(from: &mut Rest<'_>) -> Result<Self, EntryError> {
        match u8::read(from)? {
            0 => Ok(None),
            1 => T::read(from).map(Some),
            _ => Err(EntryError::Value),
        }
    }
}

/// A count of at most 255 as one byte, then the values. Longer lists are cut when written; no
/// question has as many dimensions.
impl Canonical for Vec<u16> {
    fn write(&self, out: &mut Vec<u8>) {
        let count = self.len().min(255);
        out.push(count as u8);
        self[..count].iter().for_each(|value| value.write(out));
    }

    fn read(from: &mut Rest<'_>) -> Result<Self, EntryError> {
        let count = u8::read(from)?;
        (0..count).map(|_| u16::read(from)).collect()
    }
}

/// The fields in their order, `max_dimensions` as `u32` and `variance` as the bits of a finite,
/// not negative binary64.
impl Canonical for DisclosurePolicy {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            max_noise,
            variance,
            no_small,
            threshold,
            max_dimensions,
            max_cells,
            min_unique,
        } = self;
        max_noise.write(out);
        variance.to_bits().write(out);
        no_small.write(out);
        threshold.write(out);
        u32::try_from(*max_dimensions).unwrap_or(u32::MAX).write(out);
        max_cells.write(out);
        min_unique.write(out);
    }

    fn read(from: &mut Rest<'_>) -> Result<Self, EntryError> {
        let policy = Self {
            max_noise: u32::read(from)?,
            variance: f64::from_bits(u64::read(from)?),
            no_small: u32::read(from)?,
            threshold: u32::read(from)?,
            max_dimensions: u32::read(from)? as usize,
            max_cells: u64::read(from)?,
            min_unique: u32::read(from)?,
        };
        let plain = policy.variance.is_finite() && policy.variance.is_sign_positive();
        if plain { Ok(policy) } else { Err(EntryError::Value) }
    }
}

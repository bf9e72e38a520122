//! Months, the only dates that leave a partner.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A calendar month from 1900-01 up to and including 2199-12, as months since January 1900.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u16);

/// A text or number that is no month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a month is written YYYY-MM and lies from 1900-01 up to 2199-12")]
pub struct MonthError;

impl Month {
    /// Months from the first to the last that can be named.
    pub const COUNT: u16 = 300 * 12;

    /// The month `index` months after January 1900.
    pub const fn from_index(index: u32) -> Result<Self, MonthError> {
        if index < Self::COUNT as u32 { Ok(Self(index as u16)) } else { Err(MonthError) }
    }

    /// Of a year and a month from 1 to 12.
    pub const fn of(year: u32, month: u32) -> Result<Self, MonthError> {
        if year < 1900 || month < 1 || month > 12 {
            return Err(MonthError);
        }
        Self::from_index((year - 1900) * 12 + month - 1)
    }

    /// Months since January 1900.
    #[must_use]
    pub const fn index(self) -> u16 {
        self.0
    }

    /// The calendar year.
    #[must_use]
    pub const fn year(self) -> u16 {
        1900 + self.0 / 12
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let digits =
            |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        match text.split_once('-') {
            Some((year, month)) if digits(year, 4) && digits(month, 2) => Self::of(
                year.parse().map_err(|_| MonthError)?,
                month.parse().map_err(|_| MonthError)?,
            ),
            _ => Err(MonthError),
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.year(), self.0 % 12 + 1)
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_read_and_written_alike() {
        for text in ["1900-01", "2026-11", "2199-12"] {
            assert_eq!(text.parse::<Month>().map(|month| month.to_string()), Ok(text.to_owned()));
        }
        for bad in ["", "2026", "2026-13", "2026-00", "1899-12", "2200-01", "2026-1", "+026-01"] {
            assert_eq!(bad.parse::<Month>(), Err(MonthError), "{bad:?}");
        }
    }
}

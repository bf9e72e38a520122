//! Birth dates.

use zeroize::{Zeroize, Zeroizing};

/// A birth date, of which parts may be unknown.
#[derive(Clone, Copy, PartialEq, Eq, Zeroize)]
pub struct BirthDate {
    /// Year from 1850 to 2199.
    pub year: Option<u16>,
    /// Month from 1 to 12.
    pub month: Option<u8>,
    /// Day from 1 to 31.
    pub day: Option<u8>,
}

/// Month names in Dutch and English by their first three letters, and "maart".
const MONTHS: &[(&str, u32)] = &[
    ("jan", 1),
    ("feb", 2),
    ("mrt", 3),
    ("maa", 3),
    ("mar", 3),
    ("apr", 4),
    ("mei", 5),
    ("may", 5),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("okt", 10),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
];

fn days_of(month: u8, year: Option<u16>) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => match year {
            Some(year) if year % 4 != 0 || (year % 100 == 0 && year % 400 != 0) => 28,
            _ => 29,
        },
        _ => 31,
    }
}

impl BirthDate {
    /// Reads YYYY-MM-DD, YYYYMMDD, DD-MM-YYYY and D/M/YYYY with any separator, months by name, a time
    /// behind it, and a spreadsheet's day number of five digits. Zero parts are unknown. A month over 12
    /// with a day up to 12 are swapped. An impossible date is absent, and so is one without a four-digit
    /// year: its century is a guess, which [`with_century`] makes.
    #[must_use]
    pub fn read(raw: &str) -> Option<Self> {
        let mut parts = [(0_u32, 0_usize); 3];
        let mut count = 0;
        let pieces = raw.trim().split(|c: char| !c.is_alphanumeric()).filter(|p| !p.is_empty());
        for piece in pieces.take(3) {
            let numeric = piece.starts_with(|c: char| c.is_ascii_digit());
            let piece = if numeric { piece.split('T').next().unwrap_or(piece) } else { piece };
            let number = if piece.bytes().all(|byte| byte.is_ascii_digit()) && piece.len() <= 8 {
                (piece.parse().ok()?, piece.len())
            } else {
                let lower = piece.get(..3)?.to_ascii_lowercase();
                (MONTHS.iter().find(|(name, _)| *name == lower)?.1, 2)
            };
            parts[count] = number;
            count += 1;
        }
        let [(a, a_len), (b, b_len), (c, c_len)] = parts;
        match (count, a_len, b_len, c_len) {
            (1..=3, 8, ..) => Self::of(a / 10_000, a / 100 % 100, a % 100),
            (1, 5, ..) if (10_000..=60_000).contains(&a) => Self::of_day_number(a),
            (1, 4, ..) => Self::of(a, 0, 0),
            (2, 4, 1 | 2, _) => Self::of(a, b, 0),
            (2, 1 | 2, 4, _) => Self::of(b, a, 0),
            (3, 4, 1 | 2, 1 | 2) => Self::of(a, b, c),
            (3, 1 | 2, 1 | 2, 4) => Self::of(c, b, a),
            _ => None,
        }
    }

    /// Of the days since 30 December 1899, as spreadsheets count from March 1900 on. Numbers of four
    /// digits, before 18 May 1927, are years instead.
    fn of_day_number(days: u32) -> Option<Self> {
        let (mut year, mut day) = (1900, days.checked_sub(1)?);
        let length = |year: u16| 337 + u32::from(days_of(2, Some(year)));
        while day > length(year) {
            day -= length(year);
            year += 1;
        }
        let mut month = 1;
        while day > days_of(month, Some(year)).into() {
            day -= u32::from(days_of(month, Some(year)));
            month += 1;
        }
        Self::of(year.into(), month.into(), day)
    }

    fn of(year: u32, month: u32, day: u32) -> Option<Self> {
        let (month, day) =
            if month > 12 && (1..=12).contains(&day) { (day, month) } else { (month, day) };
        let year = match u16::try_from(year).ok()? {
            0 => None,
            year if (1850..=2199).contains(&year) => Some(year),
            _ => return None,
        };
        let part = |value: u32, most: u8| match u8::try_from(value).ok()? {
            0 => Some(None),
            value if value <= most => Some(Some(value)),
            _ => None,
        };
        let month = part(month, 12)?;
        let day = part(day, month.map_or(31, |month| days_of(month, year)))?;
        let known = year.is_some() || (month.is_some() && day.is_some());
        known.then_some(Self { year, month, day })
    }

    /// Whether the date is one that registers write for an unknown one: 1 January or 1 July.
    #[must_use]
    pub fn is_conventional(&self) -> bool {
        self.day == Some(1) && matches!(self.month, Some(1 | 7))
    }

    /// Day and month, the lower first; absent when either is.
    #[must_use]
    pub fn sorted_day_month(&self) -> Option<(u8, u8)> {
        let (day, month) = (self.day?, self.month?);
        Some((day.min(month), day.max(month)))
    }

    /// Age in whole years at the first of January of a year; absent when the year of birth is, or
    /// when the birth lies after it.
    #[must_use]
    pub fn age_at_new_year(&self, year: u32) -> Option<u32> {
        let turned = self.month == Some(1) && self.day == Some(1);
        let reached = year.checked_sub(self.year?.into())?;
        reached.checked_sub(u32::from(!turned))
    }
}

/// A date whose year has two digits (17-5-84, 17 mei 84), with the last such year that is not after
/// `latest`; absent when the date is written otherwise.
#[must_use]
pub fn with_century(raw: &str, latest: u16) -> Option<Zeroizing<String>> {
    let mut pieces = raw.trim().split(|c: char| !c.is_alphanumeric()).filter(|p| !p.is_empty());
    let (day, month, year) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let number = |piece: &str| piece.len() <= 2 && piece.bytes().all(|b| b.is_ascii_digit());
    if !number(day) || year.len() != 2 || !number(year) {
        return None;
    }
    let back = (100 + latest % 100 - year.parse::<u16>().ok()?) % 100;
    Some(Zeroizing::new(format!("{day}-{month}-{}", latest - back)))
}

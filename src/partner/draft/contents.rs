//! What the values of a column look like.

use std::collections::HashMap;

use samenloop_encode::normalise::{BirthDate, passes_elfproef, split_whole_name, with_century};

use crate::contact;

/// Counts over one column of one file. Holds values, so it is neither shown nor written.
pub(super) struct Contents {
    /// Values that are not empty.
    pub filled: u64,
    /// How often each value occurs.
    pub values: HashMap<String, u64>,
    months: u64,
    days: u64,
    postcodes: u64,
    digits: u64,
    citizen_numbers: u64,
    sexes: u64,
    year_sum: u64,
    short_years: u64,
    whole_names: u64,
}

/// Fewer values than this say nothing by themselves.
pub(super) const TELLING: u64 = 20;

impl Contents {
    pub(super) fn of<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut contents = Self {
            filled: 0,
            values: HashMap::new(),
            months: 0,
            days: 0,
            postcodes: 0,
            digits: 0,
            citizen_numbers: 0,
            sexes: 0,
            year_sum: 0,
            short_years: 0,
            whole_names: 0,
        };
        for value in values.map(str::trim).filter(|value| !value.is_empty()) {
            contents.add(value);
        }
        contents
    }

    fn add(&mut self, value: &str) {
        self.filled += 1;
        match self.values.get_mut(value) {
            Some(count) => *count += 1,
            None => _ = self.values.insert(value.to_owned(), 1),
        }
        if let Some(day) = BirthDate::read(value).filter(|date| date.day.is_some()) {
            self.days += 1;
            self.year_sum += day.year.map_or(0, u64::from);
        } else if with_century(value, 2079).is_some_and(|date| BirthDate::read(&date).is_some()) {
            self.short_years += 1;
        } else if contact::month(value).is_some() {
            self.months += 1;
        }
        let (given, surname) = split_whole_name(value);
        self.whole_names += u64::from(!given.is_empty() && !surname.is_empty());
        self.postcodes += u64::from(is_dutch_postcode(value));
        self.digits += u64::from(value.bytes().all(|byte| byte.is_ascii_digit()));
        self.citizen_numbers += u64::from(passes_elfproef(value));
        self.sexes += u64::from(is_sex(value));
    }

    fn share(&self, count: u64) -> f64 {
        if self.filled == 0 { 0.0 } else { count as f64 / self.filled as f64 }
    }

    /// Share of values that are a date with a day, whatever the digits of its year.
    pub(super) fn days(&self) -> f64 {
        self.share(self.days + self.short_years)
    }

    /// Share of values that are a date with a year of two digits.
    pub(super) fn short_years(&self) -> f64 {
        self.share(self.short_years)
    }

    /// Share of values in which given names and a surname are found.
    pub(super) fn whole_names(&self) -> f64 {
        self.share(self.whole_names)
    }

    /// Share of values that are a month or a date.
    pub(super) fn months_or_days(&self) -> f64 {
        self.share(self.months + self.days + self.short_years)
    }

    /// Share of values that are a month without a day.
    pub(super) fn months(&self) -> f64 {
        self.share(self.months)
    }

    /// Mean year of the dates with a day.
    pub(super) fn mean_year(&self) -> Option<u64> {
        self.year_sum.checked_div(self.days)
    }

    /// Share of values that are a Dutch postcode with its letters.
    pub(super) fn postcodes(&self) -> f64 {
        self.share(self.postcodes)
    }

    /// Share of values that are digits only.
    pub(super) fn digits(&self) -> f64 {
        self.share(self.digits)
    }

    /// Share of values that are nine digits and pass the elfproef; of random digits one in eleven
    /// does.
    pub(super) fn citizen_numbers(&self) -> f64 {
        self.share(self.citizen_numbers)
    }

    /// Share of values that name a sex.
    pub(super) fn sexes(&self) -> f64 {
        self.share(self.sexes)
    }

    /// Whether no value occurs twice.
    pub(super) fn all_unique(&self) -> bool {
        self.filled >= TELLING && self.values.len() as u64 == self.filled
    }

    /// Whether every row has the same value.
    pub(super) fn constant(&self) -> bool {
        self.filled >= TELLING && self.values.len() == 1
    }
}

fn is_dutch_postcode(value: &str) -> bool {
    let mut letters = value.chars().filter(|letter| *letter != ' ');
    letters.by_ref().take(4).all(|letter| letter.is_ascii_digit())
        && letters.by_ref().take(2).filter(char::is_ascii_alphabetic).count() == 2
        && letters.next().is_none()
}

fn is_sex(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "m",
        "v",
        "f",
        "x",
        "o",
        "man",
        "vrouw",
        "male",
        "female",
        "mannelijk",
        "vrouwelijk",
        "onbekend",
        "unknown",
        "anders",
    ];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_values_are_told_apart() {
        for (value, good) in [
            ("9711AB", true),
            ("9711 ab", true),
            ("9711", false),
            ("97111B", false),
            ("9711ABC", false),
        ] {
            assert_eq!(is_dutch_postcode(value), good, "{value}");
        }
        assert!(is_sex("Vrouw") && !is_sex("Jan"));
    }
}

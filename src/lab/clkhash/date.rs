//! Dates as CPython 3.11 on Linux reads them with `datetime.strptime` in the C locale, and writes
//! them with `%Y%m%d`: the year without leading zeros.

use fancy_regex::Regex;
use time::{Date, Duration, Month};

use super::pattern::compile;
use super::python;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A format of `strptime`.
#[derive(Debug)]
pub(super) struct DateFormat {
    regex: Regex,
    fields: Vec<char>,
}

impl DateFormat {
    /// Reads a format; the error says what is wrong with it.
    pub(super) fn new(format: &str) -> Result<Self, String> {
        let mut fields = vec![];
        let pattern = pattern(format, &mut fields)?;
        let mut sorted = fields.clone();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("the format has %{} twice", twice[0]));
        }
        let has = |field| fields.contains(&field);
        let weekday = ['A', 'a', 'w', 'u'].into_iter().any(has);
        let year = has('Y') || has('y');
        if has('G') && !year && !(has('V') && weekday) {
            return Err("%G needs %V and a weekday (%A, %a, %w or %u)".to_owned());
        }
        if has('G') && !year && has('j') {
            return Err("%j does not go with %G; use %Y".to_owned());
        }
        if has('V') && (year || !has('G')) && !(has('U') || has('W')) {
            return Err("%V goes with %G and a weekday only".to_owned());
        }
        Ok(Self { regex: compile(&format!("(?i)\\A{pattern}"))?, fields })
    }

    /// Year, month and day of a date, `%Y%m%d`; none if it is none.
    pub(super) fn digits(&self, text: &str) -> Option<String> {
        let found = self.regex.captures(text).ok()??;
        if found.get(0)?.end() != text.len() {
            return None;
        }
        let part = |field: char| {
            let at = self.fields.iter().position(|known| *known == field)?;
            found.get(at + 1).map(|part| part.as_str())
        };
        let number = |field| part(field).and_then(|text| python::int(text)?.parse::<i32>().ok());
        let name = |field, names: &[&str], len: usize| {
            let text = part(field)?.to_lowercase();
            names.iter().position(|name| name[..len.min(name.len())] == text).map(|at| at as i32)
        };
        let date = self.date(&Parts {
            // A later group of the pattern overrides an earlier one, as in Python's loop.
            year: self.last(['y', 'Y'], |field| match (field, number(field)?) {
                ('y', year) if year <= 68 => Some(year + 2000),
                ('y', year) => Some(year + 1900),
                (_, year) => Some(year),
            }),
            iso_year: number('G'),
            month: self.last(['m', 'B', 'b'], |field| match field {
                'm' => number('m'),
                'B' => Some(name('B', &MONTHS, 9)? + 1),
                _ => Some(name('b', &MONTHS, 3)? + 1),
            }),
            day: number('d'),
            weekday: self.last(['A', 'a', 'w', 'u'], |field| match field {
                'A' => name('A', &DAYS, 9),
                'a' => name('a', &DAYS, 3),
                'w' => Some((number('w')? + 6) % 7),
                _ => Some(number('u')? - 1),
            }),
            week: self.last(['U', 'W'], |field| Some((field == 'U', number(field)?))),
            iso_week: number('V'),
            julian: number('j'),
        })?;
        zone_is_one(part('z').unwrap_or("Z")).then_some(())?;
        second_is_one(number('S')).then_some(())?;
        Some(format!("{}{:02}{:02}", date.year(), u8::from(date.month()), date.day()))
    }

    /// The value of the last of these fields that the format has.
    fn last<T, const N: usize>(
        &self,
        of: [char; N],
        value: impl Fn(char) -> Option<T>,
    ) -> Option<T> {
        self.fields.iter().rev().find(|field| of.contains(field)).and_then(|field| value(*field))
    }

    fn date(&self, parts: &Parts) -> Option<Date> {
        let (mut year, month, day) = (parts.year, parts.month.unwrap_or(1), parts.day.unwrap_or(1));
        if year.is_none() && month == 2 && day == 29 {
            // Python looks at 1904 and then fails to make the date in 1900.
            return None;
        }
        let mut julian = parts.julian;
        let mut in_year = *year.get_or_insert(1900);
        if let (None, Some(weekday)) = (julian, parts.weekday) {
            if let Some((from_sunday, week)) = parts.week {
                julian = Some(day_of_week(in_year, week, weekday, from_sunday)?);
            } else if let (Some(iso_year), Some(iso_week)) = (parts.iso_year, parts.iso_week) {
                let fourth = first_of_year(iso_year)? + Duration::days(3);
                let correction = i32::from(fourth.weekday().number_from_monday()) + 3;
                let ordinal = iso_week * 7 + weekday + 1 - correction;
                in_year = iso_year;
                julian = Some(ordinal);
                if ordinal < 1 {
                    first_of_year(iso_year - 1)?;
                    in_year -= 1;
                    julian = Some(ordinal + time::util::days_in_year(in_year) as i32);
                }
            }
            if let Some(day) = julian.filter(|day| *day <= 0) {
                in_year -= 1;
                julian = Some(day + i32::from(time::util::days_in_year(in_year)));
            }
        }
        let date = match julian {
            None => {
                let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
                Date::from_calendar_date(in_year, month, u8::try_from(day).ok()?).ok()?
            }
            Some(julian) => {
                first_of_year(in_year)?.checked_add(Duration::days(i64::from(julian) - 1))?
            }
        };
        (1..=9999).contains(&date.year()).then_some(date)
    }
}

struct Parts {
    year: Option<i32>,
    iso_year: Option<i32>,
    month: Option<i32>,
    day: Option<i32>,
    /// From Monday, 0.
    weekday: Option<i32>,
    /// Whether weeks begin on Sunday, and the week.
    week: Option<(bool, i32)>,
    iso_week: Option<i32>,
    julian: Option<i32>,
}

fn first_of_year(year: i32) -> Option<Date> {
    Date::from_ordinal_date(year, 1).ok().filter(|_| (1..=9999).contains(&year))
}

/// Python's `_calc_julian_from_U_or_W`.
fn day_of_week(year: i32, week: i32, weekday: i32, from_sunday: bool) -> Option<i32> {
    let shift = i32::from(from_sunday);
    let first = i32::from(first_of_year(year)?.weekday().number_days_from_monday());
    let (first, weekday) = ((first + shift) % 7, (weekday + shift) % 7);
    Some(match week {
        0 => 1 + weekday - first,
        week => 1 + (7 - first) % 7 + 7 * (week - 1) + weekday,
    })
}

/// A leap second is read as a second of the next minute by `time.strptime`, but is no `datetime`.
fn second_is_one(second: Option<i32>) -> bool {
    second.is_none_or(|second| second < 60)
}

/// An offset is under a day and has all colons or none.
fn zone_is_one(zone: &str) -> bool {
    let letters: Vec<char> = zone.chars().collect();
    if letters == ['Z'] {
        return true;
    }
    let colons = letters.get(3) == Some(&':');
    if colons && letters.len() > 6 && letters[6] != ':' {
        return false;
    }
    let hours: String = letters[1..3].iter().collect();
    python::int(&hours).and_then(|hours| hours.parse::<u32>().ok()).is_some_and(|hours| hours < 24)
}

fn names(names: &[&str], len: usize) -> String {
    // The longest first; those of the same length in their order.
    let mut names: Vec<&str> = names.iter().map(|name| &name[..len.min(name.len())]).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.join("|")
}

/// The pattern that `_strptime.TimeRE` makes of a format, with groups by number.
fn pattern(format: &str, fields: &mut Vec<char>) -> Result<String, String> {
    let mut out = String::new();
    let mut letters = format.chars().peekable();
    let space = |letter: &char| letter.is_whitespace() || ('\x1c'..='\x1f').contains(letter);
    while let Some(letter) = letters.next() {
        if space(&letter) {
            while letters.next_if(space).is_some() {}
            out.push_str(r"[\p{White_Space}\x1c-\x1f]+");
            continue;
        }
        if letter != '%' {
            out.push_str(&format!("\\x{{{:x}}}", letter as u32));
            continue;
        }
        let directive = match letters.next() {
            Some(directive) => directive,
            None => return Err("the format has a stray % at its end".to_owned()),
        };
        let body = match directive {
            'd' => r"3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9]",
            'f' => "[0-9]{1,6}",
            'H' => r"2[0-3]|[0-1]\d|\d",
            'I' => "1[0-2]|0[1-9]|[1-9]",
            'G' | 'Y' => r"\d\d\d\d",
            'j' => r"36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9]",
            'm' => "1[0-2]|0[1-9]|[1-9]",
            'M' => r"[0-5]\d|\d",
            'S' => r"6[0-1]|[0-5]\d|\d",
            'U' | 'W' => r"5[0-3]|[0-4]\d|\d",
            'w' => "[0-6]",
            'u' => "[1-7]",
            'V' => r"5[0-3]|0[1-9]|[1-4]\d|\d",
            'y' => r"\d\d",
            'z' => r"[+-]\d\d:?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?|(?-i:Z)",
            'A' => &names(&DAYS, 9),
            'a' => &names(&DAYS, 3),
            'B' => &names(&MONTHS, 9),
            'b' => &names(&MONTHS, 3),
            'p' => "am|pm",
            'Z' => "utc|gmt",
            '%' => {
                out.push('%');
                continue;
            }
            composite @ ('c' | 'x' | 'X') => {
                out.push_str(&pattern(
                    match composite {
                        'c' => "%a %b %d %H:%M:%S %Y",
                        'x' => "%m/%d/%y",
                        _ => "%H:%M:%S",
                    },
                    fields,
                )?);
                continue;
            }
            other => return Err(format!("the format has %{other}, which is no directive")),
        };
        fields.push(directive);
        out.push_str(&format!("({body})"));
    }
    Ok(out)
}

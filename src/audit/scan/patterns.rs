//! What looks like personal data: citizen service numbers, bank accounts, e-mail addresses,
//! postcodes, dates, and text at all.

use serde::Serialize;
use statrs::distribution::{DiscreteCDF as _, Poisson};

use super::text;

/// Probability of so many in random bytes below which they are not put down to chance. An honest
/// round meets one of the six kinds so often by chance once in a hundred thousand inspections.
const ALARM: f64 = 1.5e-6;

/// A kind of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nine digits that pass the elfproef.
    CitizenServiceNumber,
    /// An IBAN whose check digits hold.
    BankAccount,
    /// An e-mail address.
    Email,
    /// A Dutch postcode.
    Postcode,
    /// A calendar date.
    Date,
    /// Printable text longer than chance writes.
    Text,
}

impl Kind {
    /// Places per random byte at which chance writes the kind. The test
    /// `random_bytes_hold_no_more_than_chance_writes` holds them to counts.
    fn chance(self) -> f64 {
        match self {
            Self::Email => 1e-8,
            Self::Postcode => 3e-9,
            Self::Date => 1e-11,
            // (95/256)^28 for the letters and 161/256 for the byte before them.
            Self::Text => 6e-13,
            Self::CitizenServiceNumber => 1e-13,
            Self::BankAccount => 1e-20,
        }
    }
}

/// How often each kind was seen. Never what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Suspects {
    /// Nine digits that pass the elfproef.
    pub citizen_service_numbers: u64,
    /// IBANs whose check digits hold.
    pub bank_accounts: u64,
    /// E-mail addresses.
    pub emails: u64,
    /// Dutch postcodes.
    pub postcodes: u64,
    /// Calendar dates.
    pub dates: u64,
    /// Stretches of printable text longer than chance writes.
    pub texts: u64,
}

impl Suspects {
    /// The kinds that were seen, with how often.
    pub fn seen(&self) -> impl Iterator<Item = (Kind, u64)> {
        let all = [
            (Kind::CitizenServiceNumber, self.citizen_service_numbers),
            (Kind::BankAccount, self.bank_accounts),
            (Kind::Email, self.emails),
            (Kind::Postcode, self.postcodes),
            (Kind::Date, self.dates),
            (Kind::Text, self.texts),
        ];
        all.into_iter().filter(|(_, count)| *count > 0)
    }

    /// The kinds that were seen more often than chance writes them in so many random bytes, with how
    /// often. Pseudonyms are random bytes, and every few dozen megabytes of those hold what could be
    /// an e-mail address; an extract that was not encoded holds one in every row.
    pub fn beyond_chance(&self, bytes: u64) -> impl Iterator<Item = (Kind, u64)> {
        self.seen().filter(move |(kind, count)| {
            let expected = kind.chance() * bytes as f64;
            // Without bytes there is no chance.
            Poisson::new(expected).map_or(true, |chance| chance.sf(count - 1) < ALARM)
        })
    }

    /// Adds the counts of another place.
    pub fn add(&mut self, other: &Self) {
        self.citizen_service_numbers += other.citizen_service_numbers;
        self.bank_accounts += other.bank_accounts;
        self.emails += other.emails;
        self.postcodes += other.postcodes;
        self.dates += other.dates;
        self.texts += other.texts;
    }

    fn read(&mut self, stretch: &[u8]) {
        let words = |legal: fn(&u8) -> bool| stretch.split(move |byte| !legal(byte));
        for word in words(u8::is_ascii_alphanumeric) {
            self.citizen_service_numbers += u64::from(is_citizen_service_number(word));
            self.bank_accounts += u64::from(is_iban(word));
            self.postcodes += u64::from(matches!(word, [digits @ .., a, b]
                if is_postcode(digits, &[*a, *b])));
            self.dates += u64::from(is_compact_date(word));
        }
        for pair in stretch.windows(9) {
            let [before, digits @ .., b' ', a, b, after] = pair else { continue };
            let bounded = !before.is_ascii_alphanumeric() && !after.is_ascii_alphanumeric();
            self.postcodes += u64::from(bounded && is_postcode(digits, &[*a, *b]));
        }
        // A postcode at either end of the stretch has no neighbour there.
        if let [digits @ .., b' ', a, b] = &stretch[..7.min(stretch.len())] {
            self.postcodes += u64::from(is_postcode(digits, &[*a, *b]));
        }
        if let Some([before, digits @ .., b' ', a, b]) = stretch.last_chunk::<8>() {
            let bounded = !before.is_ascii_alphanumeric();
            self.postcodes += u64::from(bounded && is_postcode(digits, &[*a, *b]));
        }
        for word in words(|byte| byte.is_ascii_digit() || b"-/.".contains(byte)) {
            self.dates += u64::from(is_written_date(word));
        }
        for word in words(|byte| byte.is_ascii_alphanumeric() || b"@._+-".contains(byte)) {
            self.emails += u64::from(is_email(word));
        }
    }
}

/// Counts what looks like personal data in bytes: as ASCII, as UTF-16, and inside hexadecimal or
/// base64.
#[must_use]
pub fn suspects(bytes: &[u8]) -> Suspects {
    let mut seen = Suspects { texts: text::long_runs(bytes), ..Suspects::default() };
    for stretch in text::stretches(bytes) {
        seen.read(&stretch);
        for inner in text::decoded(&stretch) {
            text::stretches(&inner).iter().for_each(|stretch| seen.read(stretch));
        }
    }
    seen
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// The elfproef: the weighted sum of nine digits, the last with weight -1, divides by 11.
fn is_citizen_service_number(word: &[u8]) -> bool {
    let Ok(digits) = <&[u8; 9]>::try_from(word) else { return false };
    if !digits.iter().all(u8::is_ascii_digit) || digits.iter().all(|digit| *digit == b'0') {
        return false;
    }
    let weights = [9, 8, 7, 6, 5, 4, 3, 2, -1];
    let weighted =
        digits.iter().zip(weights).map(|(digit, weight)| i32::from(digit - b'0') * weight);
    weighted.sum::<i32>() % 11 == 0
}

/// ISO 13616: the number with its first four characters at its end is 1 modulo 97.
fn is_iban(word: &[u8]) -> bool {
    let [a, b, c, d, rest @ ..] = word else { return false };
    let form = a.is_ascii_uppercase() && b.is_ascii_uppercase() && number(&[*c, *d]).is_some();
    let legal = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    if !form || !(11..=30).contains(&rest.len()) || !rest.iter().all(legal) {
        return false;
    }
    let remainder = rest.iter().chain([a, b, c, d]).fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        letter => (remainder * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    remainder == 1
}

/// Four digits, the first not 0, and two capital letters other than SA, SD and SS.
fn is_postcode(digits: &[u8], letters: &[u8; 2]) -> bool {
    let legal = digits.len() == 4 && number(digits).is_some_and(|number| number >= 1000);
    let unused = [b"SA", b"SD", b"SS"].contains(&letters);
    legal && letters.iter().all(u8::is_ascii_uppercase) && !unused
}

fn is_date(year: Option<u32>, month: Option<u32>, day: Option<u32>) -> bool {
    let (Some(year), Some(month), Some(day)) = (year, month, day) else { return false };
    (1880..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// `YYYYMMDD` or `DDMMYYYY`.
fn is_compact_date(word: &[u8]) -> bool {
    word.len() == 8
        && (is_date(number(&word[..4]), number(&word[4..6]), number(&word[6..]))
            || is_date(number(&word[4..]), number(&word[2..4]), number(&word[..2])))
}

/// `YYYY-MM-DD` or `D-M-YYYY`, also with slashes or full stops.
fn is_written_date(word: &[u8]) -> bool {
    [b'-', b'/', b'.'].iter().any(|separator| {
        let parts: Vec<&[u8]> = word.split(|byte| byte == separator).collect();
        let [a, b, c] = parts[..] else { return false };
        let whole = |year: &[u8]| if year.len() == 4 { number(year) } else { None };
        is_date(whole(a), number(b), number(c)) || is_date(whole(c), number(b), number(a))
    })
}

fn is_email(word: &[u8]) -> bool {
    let Some(at) = word.iter().position(|byte| *byte == b'@') else { return false };
    let (local, host) = (&word[..at], &word[at + 1..]);
    let Some(dot) = host.iter().rposition(|byte| *byte == b'.') else { return false };
    let top = &host[dot + 1..];
    local.len() >= 2
        && dot >= 2
        && (2..=12).contains(&top.len())
        && top.iter().all(u8::is_ascii_alphabetic)
        && !host.contains(&b'@')
}

//! Places, postcodes, streets, house numbers and other numbers.

use zeroize::Zeroizing;

use super::{Letters, letters};

/// Places with two names in use, the other name first. Both are official (CBS woonplaatsen).
const PLACES: &[(&str, &str)] = &[("denhaag", "sgravenhage"), ("denbosch", "shertogenbosch")];

/// Endings of Dutch street names that are abbreviated in registrations (NEN 5825).
const STREETS: &[(&str, &str)] =
    &[("str", "straat"), ("ln", "laan"), ("pln", "plein"), ("wg", "weg"), ("sngl", "singel")];

/// A place name without blanks.
pub(super) fn place(raw: &str) -> Letters {
    let place = letters::joined(raw);
    match PLACES.iter().find(|(other, _)| *other == place.as_str()) {
        Some((_, name)) => Zeroizing::new((*name).to_owned()),
        None => place,
    }
}

/// `9711ab` of "9711 AB Groningen", `9711` of "9711"; other countries' without blanks. A postcode of
/// zeros is a filler.
pub(super) fn postcode(raw: &str) -> Letters {
    let mut code = letters::joined(raw);
    let bytes = code.as_bytes();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let dutch = digits == 4 && bytes.len() > 6 && bytes[4..6].iter().all(u8::is_ascii_alphabetic);
    if dutch {
        code.truncate(6);
    }
    if code.starts_with("0000") || code.starts_with("9999zz") {
        code.clear();
    }
    code
}

/// A street name without blanks and without what follows from its first word with a digit on.
pub(super) fn street(raw: &str) -> Letters {
    let words = letters::words(raw, |_| false);
    let named = words.split(' ').take_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
    let mut street = Zeroizing::new(String::with_capacity(words.len() + 4));
    named.for_each(|word| street.push_str(word));
    if street.is_empty() {
        words.split(' ').for_each(|word| street.push_str(word));
    }
    for (short, long) in STREETS {
        if street.len() > short.len() + 2 && street.ends_with(short) {
            let stem = street.len() - short.len();
            street.truncate(stem);
            street.push_str(long);
            break;
        }
    }
    street
}

/// The first number in a text, without leading zeros.
pub(super) fn house_number(raw: &str) -> Letters {
    let digits = raw.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit);
    Zeroizing::new(digits.skip_while(|c| *c == '0').collect())
}

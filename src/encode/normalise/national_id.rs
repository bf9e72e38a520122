//! National identifiers.

use zeroize::Zeroizing;

use super::Letters;

/// The digits of a number. One of nine digits is a citizen service number (BSN) and missing unless it
/// passes the elfproef; one of eight is a BSN that lost its leading zero, as in Excel, if it passes
/// with it. Numbers of another length are of another country. One digit repeated is a filler.
pub(super) fn national_id(raw: &str) -> Letters {
    let mut digits: Letters = Zeroizing::new(raw.chars().filter(char::is_ascii_digit).collect());
    let filler = digits.bytes().all(|byte| Some(&byte) == digits.as_bytes().first());
    if digits.len() == 8 {
        let padded = Zeroizing::new(format!("0{}", *digits));
        if passes_elfproef(&padded) {
            digits = padded;
        }
    }
    let wrong = digits.len() == 9 && !passes_elfproef(&digits);
    if filler || wrong { Letters::default() } else { digits }
}

/// The check of a Dutch citizen service number (BSN): nine digits of which 9d₁ + 8d₂ + … + 2d₈ − d₉
/// is divisible by 11 (Besluit burgerservicenummer, by the same rule as bank account numbers had). Of
/// random digits one in eleven passes.
#[must_use]
pub fn passes_elfproef(value: &str) -> bool {
    let bytes = value.as_bytes();
    if bytes.len() != 9 || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let digits = bytes.iter().map(|byte| i32::from(byte - b'0'));
    let sum: i32 = digits.zip([9, 8, 7, 6, 5, 4, 3, 2, -1]).map(|(d, weight)| d * weight).sum();
    sum % 11 == 0 && value != "000000000"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_elfproef_tells_citizen_service_numbers_from_others() {
        // 111222333 is the number that Dutch authorities use in examples.
        for (value, good) in [
            ("111222333", true),
            ("123456782", true),
            ("123456789", false),
            ("000000000", false),
            ("11122233", false),
            ("1112223e3", false),
        ] {
            assert_eq!(passes_elfproef(value), good, "{value}");
        }
    }
}

//! What Python 3.11 makes of text: `int`, `float` and `base64.b64decode`.

use data_encoding::{DecodeKind, Encoding};

/// Digits of the longest whole number that Python reads or writes
/// (`sys.int_info.default_max_str_digits`).
pub(super) const MOST_DIGITS: usize = 4300;

/// The zeros of the decimal digits of Unicode 14.0 beyond ASCII, each followed by one to nine.
const ZEROS: [u32; 65] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
    0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50,
    0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
    0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650,
    0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50,
    0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// A decimal digit of any script.
pub(super) fn digit(letter: char) -> Option<u8> {
    if letter.is_ascii() {
        return letter.to_digit(10).map(|digit| digit as u8);
    }
    let code = letter as u32;
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= code)].last()?;
    (code - zero < 10).then_some((code - zero) as u8)
}

/// The text in ASCII, stripped as numbers are; none if a letter is neither digit nor space nor ASCII.
fn numeral(text: &str) -> Option<String> {
    let ascii = text.chars().map(|letter| match letter {
        _ if letter.is_ascii() => Some(letter),
        _ if letter.is_whitespace() => Some(' '),
        _ => digit(letter).map(|digit| char::from(b'0' + digit)),
    });
    let ascii: String = ascii.collect::<Option<_>>()?;
    let space = |letter| matches!(letter, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    Some(ascii.trim_matches(space).to_owned())
}

/// `str(int(text, 10))`: sign if negative, digits without leading zeros. None where Python refuses.
pub(super) fn int(text: &str) -> Option<String> {
    let numeral = numeral(text)?;
    let (negative, digits) = match numeral.as_bytes().first()? {
        b'-' => (true, &numeral[1..]),
        b'+' => (false, &numeral[1..]),
        _ => (false, &*numeral),
    };
    let mut plain = String::with_capacity(numeral.len());
    if negative {
        plain.push('-');
    }
    let sign = plain.len();
    let mut count = 0;
    for group in digits.split('_') {
        if group.is_empty() || !group.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        count += group.len();
        let zeros = if plain.len() == sign { group.len() } else { 0 };
        plain.push_str(group[..zeros].trim_start_matches('0'));
        plain.push_str(&group[zeros..]);
    }
    if count > MOST_DIGITS {
        return None;
    }
    Some(if plain.len() == sign { "0".to_owned() } else { plain })
}

/// `float(text)`; none where Python refuses.
pub(super) fn float(text: &str) -> Option<f64> {
    let numeral = numeral(text)?;
    // An underscore stands between digits, else it is refused.
    let bytes = numeral.as_bytes();
    let between = |at: usize| {
        let is_digit =
            |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        is_digit(at.checked_sub(1)) && is_digit(Some(at + 1))
    };
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'_' && !between(at)) {
        return None;
    }
    numeral.replace('_', "").parse().ok()
}

/// `base64.b64decode(text)`: what is not of the alphabet is skipped, and nothing is read behind the
/// padding.
pub(super) fn b64decode(text: &str) -> Result<Vec<u8>, &'static str> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const PADDING: &str =
        "is base64 without its padding; write = until the length is a multiple of 4";
    if !text.is_ascii() {
        return Err("must be base64, in ASCII");
    }
    let (mut letters, mut pads) = (Vec::with_capacity(text.len()), 0);
    let mut padded = false;
    for byte in text.bytes() {
        if byte == b'=' {
            let place = letters.len() % 4;
            if place >= 2 {
                pads += 1;
                if place + pads >= 4 {
                    padded = true;
                    break;
                }
            }
        } else if ALPHABET.contains(&byte) {
            letters.push(byte);
            pads = 0;
        }
    }
    match letters.len() % 4 {
        1 => return Err("is no base64: one letter too many or too few"),
        2 | 3 if !padded => return Err(PADDING),
        _ => {}
    }
    let lenient: Encoding = {
        let mut specification = data_encoding::BASE64_NOPAD.specification();
        specification.check_trailing_bits = false;
        specification.encoding().map_err(|_| "cannot be decoded")?
    };
    lenient.decode(&letters).map_err(|error| match error.kind {
        DecodeKind::Padding => PADDING,
        _ => "is no base64",
    })
}

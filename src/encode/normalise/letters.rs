//! Any script to `a-z` and `0-9`.

use deunicode::deunicode;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroizing;

use super::Letters;

/// Values that stand for a missing one, in any field, without blanks.
const FILLERS: &[&str] =
    &["onbekend", "onbek", "unknown", "nvt", "nietbekend", "nietingevuld", "null", "nan", "xxx"];

/// Whether a raw value stands for a missing one.
pub(super) fn is_filler(raw: &str) -> bool {
    let letters = joined(raw);
    letters.is_empty() || FILLERS.contains(&letters.as_str())
}

/// Lower-case words of `a-z` and `0-9` with one blank between them. Diacritics are dropped and other
/// scripts transliterated; apostrophes vanish; every other sign separates words, except those that
/// `keep` names, which stand as words of their own. `ij` becomes `y`.
pub(super) fn words(raw: &str, keep: impl Fn(char) -> bool) -> Letters {
    let ascii = if raw.is_ascii() {
        Zeroizing::new(raw.to_owned())
    } else if is_nfc(raw) {
        Zeroizing::new(deunicode(raw))
    } else {
        Zeroizing::new(deunicode(&Zeroizing::new(raw.nfc().collect::<String>())))
    };
    let mut out = Zeroizing::new(String::with_capacity(ascii.len() + 8));
    let mut apart = false;
    for c in ascii.chars() {
        match c.to_ascii_lowercase() {
            'j' if out.ends_with('i') && !apart => {
                out.pop();
                out.push('y');
            }
            c if c.is_ascii_alphanumeric() => {
                if apart && !out.is_empty() {
                    out.push(' ');
                }
                apart = false;
                out.push(c);
            }
            '\'' | '`' => {}
            c if keep(c) => {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push(c);
                apart = true;
            }
            _ => apart = true,
        }
    }
    out
}

/// The words of a text without the blanks between them.
pub(super) fn joined(raw: &str) -> Letters {
    let mut letters = words(raw, |_| false);
    letters.retain(|c| c != ' ');
    letters
}

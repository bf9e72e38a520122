//! Text inside bytes that should hold none.

use data_encoding::{BASE64_NOPAD, HEXLOWER_PERMISSIVE};

/// Printable characters in a row that chance does not write: 28 random bytes are all printable with
/// probability (95/256)^28 = 9 × 10^-13.
pub const PRINTABLE_RUN: usize = 28;

/// Shortest stretch that is looked at.
const STRETCH: usize = 9;

/// Shortest stretch of hexadecimal or base64 characters that is decoded.
const ENCODED: usize = 24;

fn printable(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

/// Stretches of printable ASCII, and of printable ASCII as UTF-16 of either order.
pub(super) fn stretches(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = bytes
        .split(|byte| !printable(*byte))
        .filter(|s| s.len() >= STRETCH)
        .map(Vec::from)
        .collect();
    for (letter, zero) in [(0, 1), (1, 0)] {
        for begin in 0..2 {
            let pairs = bytes.get(begin..).unwrap_or_default().chunks_exact(2);
            let letters: Vec<u8> =
                pairs.map(|pair| if pair[zero] == 0 { pair[letter] } else { 0 }).collect();
            let wide = letters.split(|byte| !printable(*byte)).filter(|s| s.len() >= STRETCH);
            found.extend(wide.map(Vec::from));
        }
    }
    found
}

/// What a stretch says if it is hexadecimal or base64 from end to end of a word.
pub(super) fn decoded(stretch: &[u8]) -> Vec<Vec<u8>> {
    let encoded = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let mut found = vec![];
    for word in stretch.split(|byte| !encoded(byte)).filter(|word| word.len() >= ENCODED) {
        let even = &word[..word.len() / 2 * 2];
        found.extend(HEXLOWER_PERMISSIVE.decode(even));
        let standard: Vec<u8> = word
            .iter()
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            })
            .collect();
        for begin in 0..4 {
            let whole = &standard[begin..];
            found.extend(BASE64_NOPAD.decode(&whole[..whole.len() / 4 * 4]));
        }
    }
    found
}

/// Number of stretches of printable ASCII that chance does not write.
pub(super) fn long_runs(bytes: &[u8]) -> u64 {
    bytes.split(|byte| !printable(*byte)).filter(|run| run.len() >= PRINTABLE_RUN).count() as u64
}

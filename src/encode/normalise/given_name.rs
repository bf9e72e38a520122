//! Given names.

use zeroize::Zeroizing;

use super::{Letters, letters};

/// Tussenvoegsels in front of a surname that stands in the place of a given name.
const PREFIXES: &[&str] = &["al", "de", "den", "der", "el", "het", "te", "ten", "ter", "van"];

/// The first given name, or only its initial.
pub struct GivenName {
    first: Letters,
    is_initial: bool,
}

impl GivenName {
    /// Reads given names, a nickname or initials. Of several names the first counts. A name in
    /// parentheses is the one in use, which counts when only initials stand before it.
    #[must_use]
    pub fn read(raw: &str) -> Option<Self> {
        let (before, inside) = match raw.split_once('(') {
            Some((before, rest)) => (before, rest.split(')').next()),
            None => (raw, None),
        };
        let name = Self::first_of(before);
        match (name, inside.and_then(Self::first_of)) {
            (Some(name), Some(used)) if name.is_initial && !used.is_initial => Some(used),
            (None, used) => used,
            (name, _) => name,
        }
    }

    fn first_of(raw: &str) -> Option<Self> {
        let words = letters::words(raw, |c| c == '.');
        let named = words.split(' ').position(|word| word != "." && !PREFIXES.contains(&word));
        let mut rest = words.split(' ').skip(named.unwrap_or(0));
        let first =
            rest.next().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))?;
        let abbreviated = rest.next() == Some(".") && first.len() <= 4;
        let unspeakable = first.len() <= 4 && !first.contains(['a', 'e', 'i', 'o', 'u', 'y']);
        let is_initial = first.len() == 1 || abbreviated || unspeakable;
        let kept = if is_initial { &first[..1] } else { first };
        Some(Self { first: Zeroizing::new(kept.to_owned()), is_initial })
    }

    /// The first name; absent when only its initial is known.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        (!self.is_initial).then_some(&self.first)
    }

    /// The first letter.
    #[must_use]
    pub fn initial(&self) -> &str {
        &self.first[..1]
    }
}

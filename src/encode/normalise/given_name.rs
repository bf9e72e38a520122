//! Given names.

use zeroize::Zeroizing;

use super::{Letters, letters};

/// Words before a name that are none: tussenvoegsels of a surname that stands in the place of a given
/// name, and forms of address.
const BEFORE: &[&str] = &[
    "al", "de", "den", "der", "el", "het", "te", "ten", "ter", "van", "dhr", "dr", "drs", "heer",
    "ing", "ir", "meneer", "mevr", "mevrouw", "mr", "mw", "prof",
];

/// "Servant of", which is a name only together with the next word (Abdel Kader, Abdul-Rahman).
const SERVANT: &[&str] = &["abd", "abdel", "abdoel", "abdul"];

/// The first given name, or only its initial.
pub struct GivenName {
    first: Letters,
    is_initial: bool,
    pub(super) formal: Option<Letters>,
}

impl GivenName {
    /// Reads given names, a nickname or initials. Of several names the first counts. A name in
    /// parentheses or quotation marks is the one in use, which counts when there are only initials
    /// besides.
    #[must_use]
    pub fn read(raw: &str) -> Option<Self> {
        let Some((before, rest)) = raw.split_once(['(', '"', '“', '„']) else {
            return Self::first_of(raw);
        };
        let (inside, after) = rest.split_once([')', '"', '”']).unwrap_or((rest, ""));
        let name = Self::first_of(&Zeroizing::new(format!("{before} {after}")));
        match (name, Self::first_of(inside)) {
            (Some(name), Some(used)) if name.is_initial && !used.is_initial => Some(used),
            (None, used) => used,
            (name, _) => name,
        }
    }

    fn first_of(raw: &str) -> Option<Self> {
        let words = letters::words(raw, |c| c == '.');
        let named = words.split(' ').position(|word| word != "." && !BEFORE.contains(&word));
        let mut rest = words.split(' ').skip(named.unwrap_or(0));
        let first =
            rest.next().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))?;
        let mut rest = rest.peekable();
        let abbreviated = rest.peek() == Some(&".") && first.len() <= 4;
        // Other scripts leave out vowels that ours writes.
        let latin = raw.chars().all(|c| c < '\u{250}' || !c.is_alphabetic());
        let unspeakable =
            latin && first.len() <= 4 && !first.contains(['a', 'e', 'i', 'o', 'u', 'y']);
        let is_initial = first.len() == 1 || abbreviated || unspeakable;
        let kept = if is_initial { &first[..1] } else { first };
        let mut first = Zeroizing::new(kept.to_owned());
        if SERVANT.contains(&kept) {
            first.push_str(rest.find(|word| !BEFORE.contains(word)).unwrap_or(""));
        }
        Some(Self { first, is_initial, formal: None })
    }

    /// The first name; absent when only its initial is known.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        (!self.is_initial).then_some(&self.first)
    }

    /// The formal name, if variants gave one, or the name itself.
    #[must_use]
    pub fn formal(&self) -> Option<&str> {
        self.formal.as_ref().map(|formal| formal.as_str()).or_else(|| self.name())
    }

    /// The first letter.
    #[must_use]
    pub fn initial(&self) -> &str {
        &self.first[..1]
    }
}

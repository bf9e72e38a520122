//! Surnames: tussenvoegsels, double names, partner names.

use zeroize::Zeroizing;

use super::{Letters, letters};

/// Words of the tussenvoegsels in the national table 36 (RvIG, "voorvoegsels"), after normalisation,
/// and their usual abbreviations.
const PREFIXES: &[&str] = &[
    "aan", "af", "al", "am", "auf", "aus", "by", "d", "da", "dal", "dalla", "das", "de", "degli",
    "dei", "del", "dela", "della", "den", "der", "des", "di", "do", "don", "dos", "du", "el",
    "het", "im", "in", "int", "l", "la", "las", "le", "les", "lo", "los", "n", "onder", "op",
    "opt", "over", "s", "t", "te", "ten", "ter", "tho", "thoe", "thor", "to", "toe", "tot", "uit",
    "unter", "uyt", "v", "van", "vande", "vanden", "vander", "vant", "vd", "vdn", "vdr", "vom",
    "von", "voor", "vor", "zu", "zum", "zur",
];

/// Words between the own name and the partner's (echtgenote van), and before the birth name.
const SPOUSE_OF: &[&str] = &["ev", "wv", "echtgenote", "weduwe"];
const BORN: &[&str] = &["geb", "geboren", "gb", "nee"];

pub(super) fn is_prefix(word: &str) -> bool {
    PREFIXES.binary_search(&word).is_ok()
}

/// A surname as its names without tussenvoegsels: one, or several of a double or partner name.
pub struct Surname {
    names: Vec<Letters>,
}

impl Surname {
    /// Reads a surname. Tussenvoegsels may stand in front, behind, or between two names; names are
    /// joined by a hyphen or comma, by such a tussenvoegsel, by "e.v." or by "geb.".
    #[must_use]
    pub fn read(raw: &str) -> Option<Self> {
        let text = letters::words(raw, |c| matches!(c, '-' | ',' | '/' | '(' | ')'));
        let mut names: Vec<Letters> = vec![];
        let mut open = false;
        let mut spouse = false;
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        for (place, word) in words.iter().enumerate() {
            let rest = &words[place + 1..];
            let after_name = place > 0 && words[place - 1].len() > 1;
            let separates = matches!(*word, "-" | "," | "(" | ")")
                || (*word == "/" && after_name)
                || BORN.contains(word)
                || (is_prefix(word) && word.len() > 1);
            let abbreviated =
                matches!(*word, "e" | "w") && matches!(rest, ["v", ..] | ["/", "v", ..]);
            if SPOUSE_OF.contains(word) || abbreviated {
                spouse = !names.is_empty();
                open = false;
            } else if separates {
                open = false;
            } else if is_prefix(word) || *word == "/" || (*word == "e" && words.len() > 1) {
                // A lone letter of an abbreviated tussenvoegsel ends no name.
            } else if let Some(name) = names.last_mut().filter(|_| open) {
                name.push_str(word);
            } else {
                names.push(Zeroizing::new((*word).to_owned()));
                open = true;
            }
        }
        if names.is_empty() {
            let whole: Letters = Zeroizing::new(
                words.concat().chars().filter(char::is_ascii_alphanumeric).collect(),
            );
            names.push(whole);
        }
        names.retain(|name| name.contains(|c: char| c.is_ascii_lowercase()));
        if spouse {
            names.reverse();
        }
        (!names.is_empty()).then_some(Self { names })
    }

    /// The names in the order of the registration; never empty.
    #[must_use]
    pub fn names(&self) -> &[Letters] {
        &self.names
    }

    /// The first name.
    #[must_use]
    pub fn first(&self) -> &str {
        &self.names[0]
    }

    /// The last name, which is the birth name in the Dutch order "partner name-birth name".
    #[must_use]
    pub fn last(&self) -> &str {
        &self.names[self.names.len() - 1]
    }
}

/// The initials of a tussenvoegsel, so that "van der", "v.d." and "vd" are alike.
pub(super) fn prefix_initials(raw: &str) -> Letters {
    let words = letters::words(raw, |_| false);
    let mut initials = Letters::default();
    for word in words.split(' ') {
        let known = matches!(word, "vd" | "vdr" | "vdn");
        initials.push_str(if known { "vd" } else { word.get(..1).unwrap_or("") });
    }
    initials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_sorted_for_the_search() {
        assert!(PREFIXES.is_sorted());
    }
}

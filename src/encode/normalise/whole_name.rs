//! A person's whole name in one column, cut into given names and surname.

use zeroize::Zeroizing;

use super::{Letters, letters, surname};

/// The given names and the surname of a whole name, each as it was written; either may be empty.
///
/// With a comma the surname stands before it ("Jansen, J. (Jan)", "Berg, Anna van den"); without one it
/// begins at the first tussenvoegsel ("Jan de Vries"), stands before initials ("Jansen J.P.") or is the
/// last word ("Anna Maria Jansen").
#[must_use]
pub fn split_whole_name(raw: &str) -> (Letters, Letters) {
    if let Some((surname, behind)) = raw.split_once(',') {
        let words = behind.split([' ', ',']).filter(|word| !word.is_empty());
        let (prefixes, given): (Vec<&str>, Vec<&str>) = words.partition(|word| is_prefix(word));
        return (joined(&given), joined(&[&prefixes[..], &[surname.trim()]].concat()));
    }
    let used = match (raw.find('('), raw.find(')')) {
        (Some(from), Some(to)) if from < to => from..to + 1,
        _ => raw.len()..raw.len(),
    };
    let outside = [&raw[..used.start], &raw[used.end..]];
    let used = &raw[used];
    let words: Vec<&str> = outside.iter().flat_map(|part| part.split_whitespace()).collect();
    let Some(last) = words.len().checked_sub(1) else {
        return (joined(&[used]), Letters::default());
    };
    let initials = words.iter().rev().take_while(|word| is_initials(word)).count();
    let prefix = words.iter().position(|word| is_prefix(word));
    let (given, surname) = match prefix {
        _ if (1..=last).contains(&initials) => {
            let at = words.len() - initials;
            (&words[at..], &words[..at])
        }
        Some(at) => (&words[..at], &words[at..]),
        None => (&words[..last], &words[last..]),
    };
    (joined(&[given, &[used]].concat()), joined(surname))
}

fn joined(words: &[&str]) -> Letters {
    Zeroizing::new(words.join(" ").trim().to_owned())
}

/// One letter is a tussenvoegsel only as an apostrophe or small letters tell it from an initial.
fn is_prefix(word: &str) -> bool {
    let folded = letters::words(word, |_| false);
    let mut parts = folded.split(' ').filter(|part| !part.is_empty()).peekable();
    let apart = word.starts_with(['\'', '’', '`']) || word.starts_with(['v', 'd']);
    parts.peek().is_some()
        && parts.all(|part| surname::is_prefix(part) && (apart || part.len() > 1))
}

fn is_initials(word: &str) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    !is_prefix(word) && ((word.ends_with('.') && letters <= 4) || letters == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_are_cut_where_a_reader_would() {
        for (raw, given, surname) in [
            ("Jansen, J. (Jan)", "J. (Jan)", "Jansen"),
            ("Jansen, Jan", "Jan", "Jansen"),
            ("Vries, de", "", "de Vries"),
            ("Vries, Jan de", "Jan", "de Vries"),
            ("Vries, de, Jan", "Jan", "de Vries"),
            ("van den Berg, A.M.", "A.M.", "van den Berg"),
            ("Berg, A.M. v.d.", "A.M.", "v.d. Berg"),
            ("Smit, S.", "S.", "Smit"),
            ("Hof, P. van 't", "P.", "van 't Hof"),
            ("Jan de Vries", "Jan", "de Vries"),
            ("J.P. van der Berg", "J.P.", "van der Berg"),
            ("Mohamed El Idrissi", "Mohamed", "El Idrissi"),
            ("Anna Maria Jansen", "Anna Maria", "Jansen"),
            ("J. (Jan) Jansen", "J. (Jan)", "Jansen"),
            ("J. Jansen", "J.", "Jansen"),
            ("Jansen J.P.", "J.P.", "Jansen"),
            ("van den Berg A.", "A.", "van den Berg"),
            ("de Vries", "", "de Vries"),
            ("Jansen", "", "Jansen"),
            ("(Jan)", "(Jan)", ""),
            ("", "", ""),
        ] {
            let found = split_whole_name(raw);
            assert_eq!((found.0.as_str(), found.1.as_str()), (given, surname), "{raw}");
        }
    }
}

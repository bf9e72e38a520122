//! A person as one registration writes them down.

use rand::{Rng, RngExt as _};

use super::Row;
use super::names::{Names, Surname};
use super::person::{GROUPS, Someone, postcode};
use super::profile::{
    ABBREVIATED_PREFIX, GIVEN_TYPO, NO_END, NO_START, PARTNER_ALONE, PLAIN_LETTERS, Profile,
    SECOND_NAME, SHELTER, UPPER_CASE, WRONG_SEX,
};

/// Months from January 2022 in which contacts begin; the extract is of their last.
const MONTHS: u32 = 30;
/// That a contact ends within a month.
const ENDS: f64 = 0.125;

/// One record of a person in a source.
pub(super) fn record(
    names: &Names,
    profile: &Profile,
    someone: &Someone,
    rng: &mut impl Rng,
) -> Row {
    let mut given = given_name(names, profile, someone, rng);
    let (prefix, mut surname) = surname(profile, someone, rng);
    if rng.random_bool(profile.swapped) {
        std::mem::swap(&mut given, &mut surname);
    }
    let (start, end) = contact(rng);
    let place = someone.birthplace;
    Row {
        given,
        prefix,
        surname: if rng.random_bool(UPPER_CASE) { surname.to_uppercase() } else { surname },
        birth: birth(profile, someone.birth, rng),
        sex: sex(profile, someone.woman, rng),
        birthplace: if rng.random_bool(profile.no_place) {
            String::new()
        } else if rng.random_bool(profile.place_typo) {
            mistype(place, rng)
        } else {
            place.to_owned()
        },
        postcode: address(profile, someone, rng),
        municipality: someone.municipality,
        bsn: number(profile, someone, rng),
        group: GROUPS[someone.group].0,
        start,
        end,
    }
}

fn given_name(names: &Names, profile: &Profile, someone: &Someone, rng: &mut impl Rng) -> String {
    if rng.random_bool(profile.street) {
        return names.street(rng).to_owned();
    }
    let variants = names.variants(&someone.given);
    let mut name = if !variants.is_empty() && rng.random_bool(profile.variant) {
        variants[rng.random_range(0..variants.len())].clone()
    } else {
        someone.given.clone()
    };
    if rng.random_bool(profile.initial) {
        return name.chars().take(1).chain(['.']).collect();
    }
    if rng.random_bool(PLAIN_LETTERS) {
        name = plain(&name);
    }
    if rng.random_bool(profile.typo * GIVEN_TYPO) {
        name = mistype(&name, rng);
    }
    match &someone.second {
        Some(second) if rng.random_bool(SECOND_NAME) => format!("{name} {second}"),
        _ => name,
    }
}

fn with_prefix(surname: &Surname) -> String {
    [surname.prefix.as_str(), &surname.name].join(" ").trim_start().to_owned()
}

/// Tussenvoegsel and surname.
fn surname(profile: &Profile, someone: &Someone, rng: &mut impl Rng) -> (String, String) {
    let Surname { mut prefix, mut name } = someone.surname.clone();
    if let Some(partner) = &someone.partner {
        if rng.random_bool(profile.hyphen) {
            let both = format!("{}-{}", with_prefix(partner), with_prefix(&someone.surname));
            (prefix, name) = (String::new(), both);
        } else if rng.random_bool(profile.hyphen * PARTNER_ALONE) {
            (prefix, name) = (partner.prefix.clone(), partner.name.clone());
        }
    }
    if rng.random_bool(PLAIN_LETTERS) {
        name = plain(&name);
    }
    if rng.random_bool(profile.typo) {
        name = mistype(&name, rng);
    }
    if prefix.is_empty() {
        return (prefix, name);
    }
    let [dropped, inside, behind] = profile.prefix;
    let at: f64 = rng.random();
    if at < dropped {
        return (String::new(), name);
    }
    if at < dropped + inside {
        return (String::new(), format!("{prefix} {name}"));
    }
    if at < dropped + inside + behind {
        return (String::new(), format!("{name}, {prefix}"));
    }
    if rng.random_bool(ABBREVIATED_PREFIX) {
        prefix = match prefix.as_str() {
            "van der" | "van de" | "van den" => "v.d.".to_owned(),
            other => other.replacen("van", "v.", 1),
        };
    }
    (prefix, name)
}

/// A birth date as year-month-day.
fn birth(profile: &Profile, (year, month, day): (u32, u32, u32), rng: &mut impl Rng) -> String {
    if rng.random_bool(profile.no_birth) {
        return String::new();
    }
    let (mut year, mut month, mut day) = (year, month, day);
    if rng.random_bool(profile.wrong_birth) {
        let at: f64 = rng.random();
        if at < 0.38 {
            (month, day) = (1, 1);
        } else if at < 0.47 {
            if day <= 12 {
                std::mem::swap(&mut month, &mut day);
            } else {
                day = rng.random_range(1..=28);
            }
        } else if at < 0.75 {
            day = rng.random_range(1..=28);
        } else {
            let years = if at < 0.88 { 1 } else { 10 };
            year = if rng.random_bool(0.6) { year + years } else { year - years };
        }
    }
    format!("{year:04}-{month:02}-{day:02}")
}

fn sex(profile: &Profile, woman: bool, rng: &mut impl Rng) -> &'static str {
    if rng.random_bool(profile.no_sex) {
        ""
    } else if woman != rng.random_bool(WRONG_SEX) {
        "V"
    } else {
        "M"
    }
}

fn address(profile: &Profile, someone: &Someone, rng: &mut impl Rng) -> String {
    let Some(home) = &someone.postcode else {
        return if rng.random_bool(SHELTER) { postcode(rng) } else { String::new() };
    };
    if rng.random_bool(profile.no_postcode) {
        return String::new();
    }
    let mut code = if rng.random_bool(profile.moved) { postcode(rng) } else { home.clone() };
    if rng.random_bool(profile.only_area) {
        code.truncate(4);
    }
    code
}

fn number(profile: &Profile, someone: &Someone, rng: &mut impl Rng) -> String {
    let Some(number) = someone.bsn.as_ref().filter(|_| !rng.random_bool(profile.no_bsn)) else {
        return String::new();
    };
    let mut digits = number.clone().into_bytes();
    if rng.random_bool(profile.wrong_bsn) {
        let at = rng.random_range(0..digits.len());
        digits[at] = b'0' + (digits[at] - b'0' + rng.random_range(1..10)) % 10;
    }
    digits.into_iter().map(char::from).collect()
}

fn contact(rng: &mut impl Rng) -> (String, String) {
    let begin = rng.random_range(0..MONTHS);
    let mut end = begin;
    while end < MONTHS && !rng.random_bool(ENDS) {
        end += 1;
    }
    let month = |at: u32| format!("{:04}-{:02}", 2022 + at / 12, at % 12 + 1);
    let start = if rng.random_bool(NO_START) { String::new() } else { month(begin) };
    let open = end >= MONTHS || rng.random_bool(NO_END);
    (start, if open { String::new() } else { month(end) })
}

/// Without marks on letters, as many a registration keeps names.
fn plain(name: &str) -> String {
    let letter = |letter: char| match letter {
        'á' | 'à' | 'â' | 'ä' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'é' | 'è' | 'ê' | 'ë' | 'ę' => 'e',
        'ğ' => 'g',
        'í' | 'ï' | 'î' | 'ı' => 'i',
        'İ' => 'I',
        'ł' => 'l',
        'Ł' => 'L',
        'ń' => 'n',
        'ó' | 'ö' | 'ô' => 'o',
        'Ö' => 'O',
        'ř' => 'r',
        'ş' | 'ș' | 'ś' => 's',
        'Ş' | 'Ș' | 'Ś' => 'S',
        'ț' => 't',
        'ü' | 'ú' | 'û' => 'u',
        'Ü' => 'U',
        'Ç' => 'C',
        'ź' | 'ż' => 'z',
        'Ż' | 'Ź' => 'Z',
        other => other,
    };
    name.chars().map(letter).collect()
}

/// One slip of a pen, key or ear.
fn mistype(word: &str, rng: &mut impl Rng) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() < 3 {
        return word.to_owned();
    }
    let at = rng.random_range(0..letters.len());
    let slip: f64 = rng.random();
    if slip < 0.20 {
        letters.insert(at, letters[at]);
    } else if slip < 0.37 {
        letters.insert(at.max(1), char::from(rng.random_range(b'a'..=b'z')));
    } else if slip < 0.59 {
        letters.remove(at);
    } else if slip < 0.77 {
        let at = at.min(letters.len() - 2);
        letters.swap(at, at + 1);
    } else if slip < 0.94 {
        misheard(&mut letters, at, rng);
    } else {
        letters[at] = char::from(rng.random_range(b'a'..=b'z'));
    }
    letters.into_iter().collect()
}

/// Another spelling of the first such sound from a place on.
fn misheard(letters: &mut Vec<char>, at: usize, rng: &mut impl Rng) {
    const SOUNDS: [(char, &str); 8] = [
        ('k', "c"),
        ('c', "k"),
        ('s', "z"),
        ('z', "s"),
        ('f', "ph"),
        ('y', "ij"),
        ('d', "t"),
        ('u', "oe"),
    ];
    for step in 0..letters.len() {
        let place = (at + step) % letters.len();
        let letter = letters[place].to_lowercase().next().unwrap_or(letters[place]);
        if let Some((_, sound)) = SOUNDS.iter().find(|(from, _)| *from == letter) {
            letters.splice(place..=place, sound.chars());
            return;
        }
    }
    letters[at] = char::from(rng.random_range(b'a'..=b'z'));
}

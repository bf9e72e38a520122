//! Tokens of a normalised value.

use samenloop_schema::Tokens;

use crate::form::sound;
use crate::normalise::{BirthDate, Value};

/// The sign before and behind the letters of a q-gram; no normalised value has it.
pub(crate) const PAD: u8 = b'_';

/// The name in a schema file, which is part of the key derivation.
pub(crate) fn label(tokens: Tokens) -> &'static str {
    match tokens {
        Tokens::Bigrams => "bigrams",
        Tokens::Trigrams => "trigrams",
        Tokens::Whole => "whole",
        Tokens::Phonetic => "phonetic",
        Tokens::Initial => "initial",
        Tokens::DateParts => "date_parts",
        Tokens::CertainParts => "certain_parts",
        Tokens::Prefixes => "prefixes",
    }
}

/// Calls `sink` with every token of a value; none when the value has no tokens of that kind.
pub(crate) fn each(value: &Value, tokens: Tokens, sink: &mut impl FnMut(&[u8])) {
    match value {
        Value::Birth(date) => each_of_date(date, tokens, sink),
        Value::Sex(sex) => sink(sex.letter().as_bytes()),
        Value::Surname(surname) => {
            surname.names().iter().for_each(|name| each_of_letters(name, tokens, sink));
        }
        Value::Plain(letters) => each_of_letters(letters, tokens, sink),
        Value::Given(given) => match (given.name(), tokens) {
            (Some(name), _) => each_of_letters(name, tokens, sink),
            (None, Tokens::Bigrams) => sink(&[PAD, given.initial().as_bytes()[0]]),
            (None, Tokens::Trigrams) => sink(&[PAD, PAD, given.initial().as_bytes()[0]]),
            (None, Tokens::Initial) => sink(given.initial().as_bytes()),
            (None, _) => {}
        },
    }
}

fn each_of_letters(letters: &str, tokens: Tokens, sink: &mut impl FnMut(&[u8])) {
    let bytes = letters.as_bytes();
    match tokens {
        Tokens::Bigrams => q_grams::<2>(bytes, sink),
        Tokens::Trigrams => q_grams::<3>(bytes, sink),
        Tokens::Whole | Tokens::DateParts | Tokens::CertainParts => sink(bytes),
        Tokens::Initial => sink(&bytes[..bytes.len().min(1)]),
        Tokens::Prefixes => (2..=bytes.len()).for_each(|len| sink(&bytes[..len])),
        Tokens::Phonetic => {
            let sound = sound(letters);
            if !sound.is_empty() {
                sink(sound.as_bytes());
            }
        }
    }
}

/// The q-grams of a value with `Q` - 1 pads before and behind it.
fn q_grams<const Q: usize>(bytes: &[u8], sink: &mut impl FnMut(&[u8])) {
    let mut window = [PAD; Q];
    for byte in bytes.iter().chain([PAD; Q].iter().skip(1)) {
        window.rotate_left(1);
        window[Q - 1] = *byte;
        sink(&window);
    }
}

fn each_of_date(date: &BirthDate, tokens: Tokens, sink: &mut impl FnMut(&[u8])) {
    let year = date.year.map(u16::to_be_bytes);
    if !matches!(tokens, Tokens::DateParts | Tokens::CertainParts) {
        if let (Some([high, low]), Some(month), Some(day)) = (year, date.month, date.day) {
            sink(&[high, low, month, day]);
        }
        return;
    }
    if let Some([high, low]) = year {
        sink(&[b'y', high, low]);
    }
    if tokens == Tokens::CertainParts && date.is_conventional() {
        return;
    }
    // Day and month bear the same tag, so that swapping them changes no token.
    for part in [date.day, date.month].into_iter().flatten() {
        sink(&[b'p', part]);
        if let Some([high, low]) = year {
            sink(&[b'z', high, low, part]);
        }
    }
    if let Some((low, high)) = date.sorted_day_month() {
        sink(&[b'q', low, high]);
    }
}

//! Golden bytes of every kind, and what must be refused.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::leaf;

#[derive(Deserialize)]
struct Vectors {
    good: Vec<Good>,
    bad: Vec<Bad>,
}

#[derive(Deserialize)]
struct Good {
    entry: Entry,
    bytes: String,
    salt: String,
    leaf: Digest,
}

#[derive(Deserialize)]
struct Bad {
    name: String,
    bytes: String,
    error: String,
}

fn vectors() -> Vectors {
    let text = include_str!("../../tests/vectors/ledger/v1/entries.json");
    serde_json::from_str(text).expect("the vectors can be read")
}

fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).expect("the vectors are hexadecimal")
}

#[test]
fn every_kind_has_its_golden_bytes() {
    let vectors = vectors();
    for Good { entry, bytes, salt, leaf: golden } in &vectors.good {
        let bytes = unhex(bytes);
        assert_eq!(entry.to_bytes(), bytes, "{}", entry.kind());
        assert_eq!(Entry::from_bytes(&bytes).as_ref(), Ok(entry));
        let salt = unhex(salt).try_into().expect("a salt has 16 bytes");
        assert_eq!(leaf(&salt, &bytes), *golden);
    }
    let seen: BTreeSet<&str> = vectors.good.iter().map(|good| good.entry.kind()).collect();
    let kinds: BTreeSet<&str> = Event::KINDS.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(seen, kinds);
}

#[test]
fn what_is_never_written_is_refused() {
    for Bad { name, bytes, error } in vectors().bad {
        let found = Entry::from_bytes(&unhex(&bytes)).map_err(|error| error.to_string());
        assert_eq!(found, Err(error), "{name}");
    }
}

#[test]
fn kinds_as_json_are_the_kinds_by_name() {
    for Good { entry, .. } in vectors().good {
        let json = serde_json::to_value(&entry).expect("an entry is JSON");
        assert_eq!(json["kind"], entry.kind());
    }
}

#[test]
fn records_are_never_told_to_the_unit() {
    for (records, rounded) in [(0, 0), (1, 100), (100, 100), (101, 200), (u64::MAX, u64::MAX - 15)]
    {
        assert_eq!(Rounded::up(records).get(), rounded);
    }
}

proptest! {
    #[test]
    fn reading_never_panics_and_accepts_only_what_it_would_write(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        code in 0..40_u8,
    ) {
        for bytes in [bytes.clone(), [&[VERSION, code], bytes.as_slice()].concat()] {
            if let Ok(entry) = Entry::from_bytes(&bytes) {
                prop_assert_eq!(entry.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn a_changed_golden_entry_is_refused_or_is_another_entry(
        place in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let good = &vectors().good;
        let mut bytes = unhex(&place.get(good).bytes);
        let byte = byte.index(bytes.len());
        bytes[byte] ^= flip;
        if let Ok(entry) = Entry::from_bytes(&bytes) {
            prop_assert_ne!(&entry, &place.get(good).entry);
            prop_assert_eq!(entry.to_bytes(), bytes);
        }
    }
}

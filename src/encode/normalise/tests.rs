//! Every rule against the vectors, and no panic on any text.

use proptest::prelude::*;
use samenloop_schema::FieldKind;
use serde_json::Value as Json;

use super::{BirthDate, Value, normalise};

const VECTORS: &str = include_str!("../../../tests/vectors/encode/v1/normalise.json");

const KINDS: [(FieldKind, &str); 11] = [
    (FieldKind::Surname, "surname"),
    (FieldKind::GivenName, "given_name"),
    (FieldKind::BirthDate, "birth_date"),
    (FieldKind::Sex, "sex"),
    (FieldKind::SurnamePrefix, "surname_prefix"),
    (FieldKind::Place, "place"),
    (FieldKind::Postcode, "postcode"),
    (FieldKind::Street, "street"),
    (FieldKind::HouseNumber, "house_number"),
    (FieldKind::NationalId, "national_id"),
    (FieldKind::Text, "text"),
];

fn written(value: &Value) -> String {
    match value {
        Value::Surname(surname) => {
            surname.names().iter().map(|name| name.to_string()).collect::<Vec<_>>().join("|")
        }
        Value::Given(given) => {
            given.name().map_or_else(|| format!("{}.", given.initial()), str::to_owned)
        }
        Value::Birth(BirthDate { year, month, day }) => {
            format!("{:04}-{:02}-{:02}", year.unwrap_or(0), month.unwrap_or(0), day.unwrap_or(0))
        }
        Value::Sex(sex) => sex.letter().to_owned(),
        Value::Plain(letters) => letters.to_string(),
    }
}

#[test]
fn every_spelling_of_the_vectors_gives_its_value() {
    let vectors: Json = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let mut wrong = vec![];
    for (kind, name) in KINDS {
        let cases = vectors[name].as_array().expect("a list of cases for every kind");
        assert!(!cases.is_empty(), "{name}");
        for case in cases {
            let raw = case[0].as_str().expect("a raw value");
            let found = normalise(kind, raw).as_ref().map(written);
            if found.as_deref() != case[1].as_str() {
                wrong.push(format!("{name} {raw:?}: {found:?} instead of {}", case[1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn ages_count_whole_years_at_new_year() {
    let age = |raw: &str| BirthDate::read(raw).and_then(|date| date.age_at_new_year(2026));
    assert_eq!(age("2000-01-01"), Some(26));
    assert_eq!(age("2000-01-02"), Some(25));
    assert_eq!(age("2000"), Some(25));
    assert_eq!(age("2025-12-31"), Some(0));
    assert_eq!(age("2026-01-01"), Some(0));
    assert_eq!(age("2026-06-01"), None);
    assert_eq!(age("2027-01-01"), None);
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic_into_plain_letters(raw in "\\PC{0,40}|[ a-zA-ZÀ-ž0-9.,()'’/-]{0,40}") {
        for (kind, _) in KINDS {
            if let Some(value) = normalise(kind, &raw) {
                let text = written(&value);
                prop_assert!(!text.is_empty());
                prop_assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"|.-".contains(&b)));
            }
        }
    }
}

//! Encodings and match keys against vectors, and what holds for every person.

use proptest::prelude::*;
use samenloop_schema::{Field, FieldKind, LinkageSchema, Month, Record, RowRule, SchemaError};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::{Encoder, EncoderError};
use crate::{LinkageKey, Person, RoundKeys};

const SCHEMA: &str = include_str!("../../../tests/vectors/encode/v1/round.toml");
const VECTORS: &str = include_str!("../../../tests/vectors/encode/v1/round.json");
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn person(values: &[&str]) -> Person {
    let values = values.iter().map(|value| Zeroizing::new((*value).to_owned())).collect();
    Person { values, ..Person::default() }
}

fn schema(change: impl Fn(&str) -> String) -> LinkageSchema {
    LinkageSchema::from_toml(&change(SCHEMA)).expect("a schema")
}

fn encoder(schema: &LinkageSchema) -> Encoder {
    let key = LinkageKey::from_hex(KEY).expect("a key");
    Encoder::new(schema, &RoundKeys::derive(&key, schema)).expect("an encoder")
}

fn default_schema() -> LinkageSchema {
    let fields = [
        ("given", FieldKind::GivenName),
        ("surname", FieldKind::Surname),
        ("birth", FieldKind::BirthDate),
        ("place", FieldKind::Place),
        ("postcode", FieldKind::Postcode),
    ];
    let field = |(name, kind): (&str, FieldKind)| Field::new(name, kind, vec![name.to_owned()]);
    LinkageSchema::with_defaults("round", fields.map(field).into(), None, vec![]).expect("a schema")
}

fn hex(record: &Record) -> (Vec<Option<String>>, Vec<Option<String>>) {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    (
        record.encodings.iter().map(|clk| clk.as_ref().map(|clk| hex(&clk.to_bytes()))).collect(),
        record.match_keys.iter().map(|key| key.map(|key| hex(&key.0))).collect(),
    )
}

fn texts(list: &Json) -> Vec<Option<String>> {
    let list = list.as_array().expect("a list");
    list.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

#[test]
fn the_vectors_come_out_to_the_byte() {
    let vectors: Json = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    assert_eq!(vectors["key"].as_str(), Some(KEY));
    for round in vectors["rounds"].as_array().expect("a list") {
        let label = round["round"].as_str().expect("a label");
        let schema = schema(|text| text.replace("vectors-2026", label));
        assert_eq!(Some(schema.hash().to_string().as_str()), round["schema_hash"].as_str());
        let key = LinkageKey::from_hex(KEY).expect("a key");
        let keys = RoundKeys::derive(&key, &schema);
        assert_eq!(Some(keys.key_check_value().to_string().as_str()), round["key_check"].as_str());
        let encoder = Encoder::new(&schema, &keys).expect("an encoder");
        for case in round["people"].as_array().expect("a list") {
            let values = texts(&case["values"]).into_iter().flatten().map(Zeroizing::new).collect();
            let record = encoder.encode(&Person { values, ..Person::default() });
            let expected = (texts(&case["encodings"]), texts(&case["match_keys"]));
            assert_eq!(hex(&record), expected, "{}", case["about"]);
        }
    }
}

#[test]
fn another_round_key_field_or_recipe_gives_other_pseudonyms() {
    let jan = person(&["Jan", "Jansen", "1984-05-17", "9711 AB", "m"]);
    let base = encoder(&schema(str::to_owned)).encode(&jan);
    let changes: [(&str, &str); 4] = [
        ("vectors-2026", "vectors-2027"),
        ("hashes = 3", "hashes = 4"),
        ("\"voornaam\"", "\"roepnaam\""),
        ("name = \"sex\"\nkind = \"sex\"", "name = \"sex\"\nkind = \"text\""),
    ];
    for (from, to) in changes {
        let other = encoder(&schema(|text| text.replace(from, to))).encode(&jan);
        for (a, b) in base.encodings.iter().zip(&other.encodings) {
            assert!(a.is_some() && b.is_some() && a != b, "{to}");
        }
        for (a, b) in base.match_keys.iter().zip(&other.match_keys) {
            assert!(a.is_some() && b.is_some() && a != b, "{to}");
        }
    }
    let schema = schema(str::to_owned);
    let key = LinkageKey::from_hex(&"ab12".repeat(16)).expect("a key");
    let keys = RoundKeys::derive(&key, &schema);
    let other = Encoder::new(&schema, &keys).expect("an encoder").encode(&jan);
    assert!(base.encodings.iter().zip(&other.encodings).all(|(a, b)| a != b));
    assert!(base.match_keys.iter().zip(&other.match_keys).all(|(a, b)| a != b));
}

#[test]
fn keys_of_another_schema_and_broken_schemas_are_refused() {
    let schema = schema(str::to_owned);
    let key = LinkageKey::from_hex(KEY).expect("a key");
    let keys = RoundKeys::derive(&key, &default_schema());
    assert_eq!(Encoder::new(&schema, &keys).err(), Some(EncoderError::OtherSchema));
    let broken = LinkageSchema { round: String::new(), ..schema };
    let keys = RoundKeys::derive(&key, &broken);
    let error = Encoder::new(&broken, &keys).err();
    assert!(matches!(error, Some(EncoderError::Schema(SchemaError::Rule { .. }))));
}

/// Presence of the three encodings and eight match keys of the default schema, as a row of 0 and 1.
#[test]
fn what_is_missing_from_a_person_is_absent_from_the_record() {
    let schema = default_schema();
    let encoder = encoder(&schema);
    let presence = |values: [&str; 5]| {
        let record = encoder.encode(&person(&values));
        let encodings = record.encodings.iter().map(Option::is_some);
        let keys = record.match_keys.iter().map(Option::is_some);
        encodings.chain(keys).map(|there| if there { '1' } else { '0' }).collect::<String>()
    };
    let cases: [([&str; 5], &str); 9] = [
        (["Jan", "Jansen", "1984-05-17", "Assen", "9711 AB"], "111 11111111"),
        (["", "Jansen", "1984-05-17", "Assen", "9711 AB"], "011 00011100"),
        (["J.", "Jansen", "1984-05-17", "Assen", "9711 AB"], "111 01011100"),
        (["Jan", "", "1984-05-17", "Assen", "9711 AB"], "011 00101010"),
        (["Jan", "Jansen", "", "Assen", "9711 AB"], "100 00000110"),
        (["Jan", "Jansen", "1984", "Assen", "9711 AB"], "111 00000111"),
        (["Jan", "Jansen", "1984-01-01", "Assen", "9711 AB"], "111 11001111"),
        (["Jan", "Jansen", "31-02-1984", "", ""], "100 00000000"),
        (["", "", "", "", ""], "000 00000000"),
    ];
    for (values, expected) in cases {
        assert_eq!(presence(values), expected.replace(' ', ""), "{values:?}");
    }
    assert_eq!(schema.shape().check(&encoder.encode(&person(&[]))), Err(RowRule::Empty));
}

#[test]
fn spellings_of_one_person_share_their_match_keys() {
    let encoder = encoder(&default_schema());
    let base = encoder.encode(&person(&["Jan", "de Vries", "1984-05-17", "Assen", "9711 AB"]));
    let shared = |values: [&str; 5]| {
        let other = encoder.encode(&person(&values));
        base.match_keys.iter().zip(&other.match_keys).filter(|(a, b)| a.is_some() && a == b).count()
    };
    assert_eq!(shared(["JAN", "Vries, de", "17-5-1984", "ASSEN", "9711ab"]), 8);
    assert_eq!(shared(["de Vries", "Jan", "17-5-1984", "Assen", ""]), 2, "names swapped");
    assert_eq!(shared(["Jan", "de Fries", "05-17-1984", "", ""]), 3, "sound and day-month");
    assert_eq!(shared(["Piet", "Bakker", "1950-02-03", "Emmen", "7811 CD"]), 0);
}

#[test]
fn codes_and_months_pass_through() {
    let mut raw = person(&["Jan", "Jansen", "1984-05-17", "9711 AB", "m"]);
    raw.codes = vec![None, Some(3)];
    raw.start = Month::of(2025, 3).ok();
    let record = encoder(&schema(str::to_owned)).encode(&raw);
    assert_eq!((record.codes, record.start, record.end), (vec![None, Some(3)], raw.start, None));
}

#[test]
fn a_person_cannot_be_printed() {
    assert_eq!(format!("{:?}", person(&["Jan", "Jansen"])), "Person(..)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_plausible_person_has_every_encoding_within_its_bounds(
        given in "[A-Z][a-z]{2,12}",
        surname in "(van |de |)[A-Z][a-z]{2,14}(-[A-Z][a-z]{2,9}|)",
        (year, month, day) in (1900..2020, 1..=12, 1..=28),
        place in "[A-Z][a-z]{3,12}",
        postcode in "[1-9][0-9]{3} [A-HK-Z]{2}",
    ) {
        let schema = default_schema();
        let birth = format!("{year}-{month}-{day}");
        let record = encoder(&schema).encode(&person(&[&given, &surname, &birth, &place, &postcode]));
        prop_assert!(record.encodings.iter().all(Option::is_some));
        prop_assert_eq!(schema.shape().check(&record), Ok(()));
    }

    #[test]
    fn any_text_gives_a_record_that_the_service_accepts_or_an_empty_one(
        values in prop::collection::vec("\\PC{0,30}|[A-Za-z .-]{0,12}|[0-9-]{0,10}", 0..7),
    ) {
        let schema = default_schema();
        let encoder = encoder(&schema);
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let record = encoder.encode(&person(&values));
        prop_assert!(matches!(schema.shape().check(&record), Ok(()) | Err(RowRule::Empty)));
        prop_assert_eq!(encoder.encode(&person(&values)), record);
    }
}

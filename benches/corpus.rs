//! The seeded corpus that every bench measures: invented people, the shipped schema.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use samenloop_encode::{Encoder, LinkageKey, Person, RoundKeys};
use samenloop_schema::{Field, FieldKind, LinkageSchema, Record};

const SYLLABLES: [&str; 16] = [
    "van", "ber", "gen", "jan", "sen", "de", "vri", "es", "mul", "der", "bak", "ker", "hof", "man",
    "wil", "lem",
];

const FIELDS: [(&str, FieldKind); 6] = [
    ("given_name", FieldKind::GivenName),
    ("surname", FieldKind::Surname),
    ("birth_date", FieldKind::BirthDate),
    ("sex", FieldKind::Sex),
    ("birth_place", FieldKind::Place),
    ("postcode", FieldKind::Postcode),
];

/// The shipped encodings and match keys over Dutch fields.
#[must_use]
pub fn schema() -> LinkageSchema {
    let fields = FIELDS.map(|(name, kind)| Field::new(name, kind, vec![name.to_owned()]));
    LinkageSchema::with_defaults("bench", fields.to_vec(), None, vec![]).expect("the defaults")
}

/// Invented people, always the same.
#[must_use]
pub fn people(number: usize) -> Vec<Person> {
    let mut random = StdRng::seed_from_u64(20_261_122);
    let word = |random: &mut StdRng, syllables: usize| -> String {
        (0..syllables).map(|_| SYLLABLES[random.random_range(0..SYLLABLES.len())]).collect()
    };
    (0..number)
        .map(|_| {
            let date = format!(
                "{}-{:02}-{:02}",
                random.random_range(1930..2008),
                random.random_range(1..13),
                random.random_range(1..29)
            );
            let sex = if random.random() { "M" } else { "V" };
            let postcode = format!("{}AB", random.random_range(9000..9999));
            let values = [
                word(&mut random, 2),
                word(&mut random, 3),
                date,
                sex.to_owned(),
                word(&mut random, 2),
                postcode,
            ];
            Person { values: values.map(Into::into).to_vec(), ..Person::default() }
        })
        .collect()
}

/// An encoder under a public key.
#[must_use]
pub fn encoder(schema: &LinkageSchema) -> Encoder {
    let key = LinkageKey::from_hex(&"0123456789abcdef".repeat(4)).expect("a key");
    Encoder::new(schema, &RoundKeys::derive(&key, schema)).expect("the defaults")
}

/// The people's records.
#[must_use]
pub fn records(schema: &LinkageSchema, number: usize) -> Vec<Record> {
    let encoder = encoder(schema);
    people(number).iter().map(|person| encoder.encode(person)).collect()
}

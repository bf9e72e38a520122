//! A1 and A6: what equal values tell.

use std::collections::{HashMap, HashSet};

use samenloop_schema::{FieldKind, LinkageSchema, Record};

use super::registers::Registers;
use crate::synth::Row;

/// Per record something that equal records share; none is absent.
type Values = Vec<Option<u64>>;

fn number<V: std::hash::Hash + Eq>(values: impl Iterator<Item = Option<V>>) -> Values {
    let mut numbers = HashMap::new();
    values
        .map(|value| {
            let next = numbers.len() as u64;
            value.map(|value| *numbers.entry(value).or_insert(next))
        })
        .collect()
}

/// Every encoding and match key by name, with its values as numbers.
pub(super) fn places(schema: &LinkageSchema, records: &[Option<Record>]) -> Vec<(String, Values)> {
    let encodings = schema.encodings.iter().enumerate().map(|(place, encoding)| {
        let of = |record: &Option<Record>| record.as_ref()?.encodings[place].clone();
        (encoding.name.clone(), number(records.iter().map(of)))
    });
    let keys = schema.match_keys.iter().enumerate().map(|(place, key)| {
        let of = |record: &Option<Record>| record.as_ref()?.match_keys[place];
        (key.name.clone(), number(records.iter().map(of)))
    });
    encodings.chain(keys).collect()
}

/// A1: values of the file are paired with values of the attacker's list that as many records share,
/// with the same codes. Returns the records that have a value and those of them whose value is taken
/// for the right one. Values that are alike in both are paired blindly.
pub(super) fn frequency(
    partner: &Values,
    attacker: &Values,
    codes: &[Vec<Option<u16>>],
) -> (usize, usize) {
    type Likeness = Vec<Vec<Option<u16>>>;
    // The numbers go by the order of the records, which an attacker does not know.
    let groups = |values: &Values, scramble: u64| {
        let mut members: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, value) in values.iter().enumerate() {
            if let Some(value) = value {
                members.entry(*value).or_default().push(at);
            }
        }
        let mut alike: HashMap<Likeness, Vec<(u64, Vec<usize>)>> = HashMap::new();
        for (value, members) in members {
            let mut likeness: Likeness = members.iter().map(|at| codes[*at].clone()).collect();
            likeness.sort_unstable();
            alike.entry(likeness).or_default().push((value.wrapping_mul(scramble), members));
        }
        alike.values_mut().for_each(|groups| groups.sort_unstable());
        alike
    };
    let theirs = groups(partner, 0x9E37_79B9_7F4A_7C15);
    let own = groups(attacker, 0xC2B2_AE3D_27D4_EB4F);
    let mut right = 0;
    for (likeness, groups) in &theirs {
        let guesses = own.get(likeness).map_or(&[][..], Vec::as_slice);
        for ((_, members), (_, guess)) in groups.iter().zip(guesses) {
            right += if members == guess { members.len() } else { 0 };
        }
    }
    (partner.iter().flatten().count(), right)
}

/// What A6 found.
pub(super) struct Codebook {
    /// People who are not known.
    pub others: usize,
    /// Of these, people of whom an attribute was rightly told.
    pub disclosed: usize,
    /// The same by encodings alone.
    pub by_encodings: usize,
    /// Records of known people that the attacker had not seen, and those of them recognised.
    pub unseen: usize,
    pub recognised: usize,
    /// Per encoding and match key, the others of whom it told an attribute.
    pub by_place: Vec<(String, usize)>,
}

fn attribute(row: &Row, kind: FieldKind) -> Option<&str> {
    let value = match kind {
        FieldKind::GivenName => &row.given,
        FieldKind::Surname => &row.surname,
        FieldKind::BirthDate => &row.birth,
        FieldKind::Place => &row.birthplace,
        FieldKind::Postcode => &row.postcode,
        _ => return None,
    };
    (!value.is_empty()).then_some(value)
}

/// A6: the attacker knows `known` people and which first record is theirs. Whoever shares a whole
/// encoding or match key with one of these is taken to have the same values of its fields.
pub(super) fn codebook(schema: &LinkageSchema, registers: &Registers, known: usize) -> Codebook {
    let records: Vec<Option<Record>> =
        registers.records.iter().map(|(_, record)| Some(record.clone())).collect();
    let row = |at: usize| &registers.rows[registers.records[at].0];
    let mut people = HashSet::new();
    let first: Vec<usize> =
        (0..records.len()).filter(|at| people.len() < known && people.insert(row(*at).0)).collect();
    let seen: HashSet<usize> = first.iter().copied().collect();
    let kinds = |place: usize| -> Vec<FieldKind> {
        let field = |name: &str| schema.field(name).map(|field| field.kind);
        match schema.encodings.get(place) {
            Some(encoding) => encoding.features.iter().filter_map(|f| field(&f.field)).collect(),
            None => {
                let key = &schema.match_keys[place - schema.encodings.len()];
                key.parts.iter().filter_map(|part| field(&part.field)).collect()
            }
        }
    };
    let (mut disclosed, mut recognised) = (HashSet::new(), HashSet::new());
    let mut by_encodings = 0;
    let mut by_place = vec![];
    for (place, (name, values)) in places(schema, &records).into_iter().enumerate() {
        let mut book: HashMap<u64, Vec<usize>> = HashMap::new();
        for at in &first {
            if let Some(value) = values[*at] {
                book.entry(value).or_default().push(*at);
            }
        }
        let kinds = kinds(place);
        let mut told = HashSet::new();
        for (at, value) in values.iter().enumerate() {
            let Some(models) = value.and_then(|value| book.get(&value)) else { continue };
            let (person, target) = row(at);
            if people.contains(person) {
                let same = |model: &usize| row(*model).0 == *person;
                if !seen.contains(&at) && models.iter().any(same) {
                    recognised.insert(at);
                }
                continue;
            }
            let tells = |model: &usize, kind: FieldKind| {
                let value = attribute(target, kind);
                value.is_some_and(|value| {
                    attribute(&row(*model).1, kind)
                        .is_some_and(|other| other.to_lowercase() == value.to_lowercase())
                })
            };
            if models.iter().any(|model| kinds.iter().any(|kind| tells(model, *kind))) {
                told.insert(*person);
            }
        }
        by_place.push((name, told.len()));
        disclosed.extend(told);
        if place < schema.encodings.len() {
            by_encodings = disclosed.len();
        }
    }
    let everyone: HashSet<u64> = (0..records.len()).map(|at| row(at).0).collect();
    let unseen =
        (0..records.len()).filter(|at| people.contains(&row(*at).0) && !seen.contains(at)).count();
    Codebook {
        others: everyone.len() - people.len(),
        disclosed: disclosed.len(),
        by_encodings,
        unseen,
        recognised: recognised.len(),
        by_place,
    }
}

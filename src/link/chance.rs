//! How often strangers agree on a part of a match key before data speak.
//!
//! Round figures for a Western population: birth dates over some fifty years, a Zipf-like spread of
//! names, a region of some thousand postcodes. A round with few true pairs cannot tell chance
//! agreement from a match by itself, so these figures count as much as its own pairs do.

use samenloop_schema::{FieldKind, Form, LinkageSchema, MatchKey};

/// Share of pairs of strangers that agree on a match key, its parts taken as independent.
pub(crate) fn agreement(schema: &LinkageSchema, key: &MatchKey) -> f64 {
    let parts = key.parts.iter().map(|part| {
        let kind = schema.field(&part.field).map_or(FieldKind::Text, |field| field.kind);
        part_agreement(kind, part.form)
    });
    parts.product()
}

fn part_agreement(kind: FieldKind, form: Form) -> f64 {
    use FieldKind as K;
    let one_in = match (kind, form) {
        (K::BirthDate, Form::Year) => 50.0,
        (K::BirthDate, Form::DayMonth) => 200.0,
        (K::BirthDate, _) => 10_000.0,
        (_, Form::Initial) => 12.0,
        (K::GivenName, Form::Start3 | Form::Start4) => 80.0,
        (K::GivenName, _) => 120.0,
        (K::Surname, Form::Start3 | Form::Start4) => 120.0,
        (K::Surname, _) => 250.0,
        (K::Postcode, Form::Digits4) => 150.0,
        (K::Postcode, _) => 2_000.0,
        (K::Place, _) => 20.0,
        (K::Sex, _) => 2.0,
        (K::HouseNumber, _) => 50.0,
        (K::Street, _) => 200.0,
        (K::NationalId, _) => 1e8,
        _ => 50.0,
    };
    1.0 / one_in
}

//! The shipped encodings and match keys, chosen by the kinds of field that an extract has.

use crate::dimension::{Contact, Dimension};
use crate::linkage_schema::{
    Encoding, Feature, Field, FieldKind, LinkageSchema, MatchKey, SchemaError, Tokens,
};
use crate::part::{Form, Part};

/// A feature of a shipped encoding: kind of field, tokens, hashes, required.
type FeatureRecipe = (FieldKind, Tokens, u32, bool);

use FieldKind as K;
use Form as F;
use Tokens as T;

/// Encodings, each over at least two facts; features whose field is not there are left out.
const ENCODINGS: &[(&str, &[FeatureRecipe])] = &[
    (
        "names",
        &[
            (K::Surname, T::Bigrams, 16, true),
            (K::GivenName, T::Bigrams, 16, true),
            (K::Sex, T::Whole, 16, false),
        ],
    ),
    (
        "birth",
        &[
            (K::BirthDate, T::DateParts, 24, true),
            (K::GivenName, T::Initial, 24, false),
            (K::Surname, T::Initial, 24, false),
            (K::Sex, T::Whole, 16, false),
        ],
    ),
    (
        "place",
        &[
            (K::Place, T::Bigrams, 12, false),
            (K::Postcode, T::Prefixes, 24, false),
            (K::Street, T::Bigrams, 12, false),
            (K::HouseNumber, T::Whole, 24, false),
            (K::Surname, T::Phonetic, 24, true),
        ],
    ),
];

/// Match keys; those whose fields are not all there are left out.
const MATCH_KEYS: &[(&str, &[(FieldKind, Form)])] = &[
    ("surname-birth", &[(K::Surname, F::Phonetic), (K::BirthDate, F::Sorted)]),
    ("given-birth", &[(K::GivenName, F::Start3), (K::BirthDate, F::Certain), (K::Sex, F::Whole)]),
    ("postcode-birth", &[(K::Postcode, F::Whole), (K::BirthDate, F::Sorted)]),
    ("postcode-surname", &[(K::Postcode, F::Whole), (K::Surname, F::Start3)]),
    ("names-place", &[(K::Surname, F::Whole), (K::GivenName, F::Start3), (K::Place, F::Start4)]),
    (
        "names-year",
        &[(K::Surname, F::Phonetic), (K::GivenName, F::Phonetic), (K::BirthDate, F::Year)],
    ),
    (
        "street-surname",
        &[(K::Street, F::Start4), (K::HouseNumber, F::Whole), (K::Surname, F::Phonetic)],
    ),
    (
        "street-given",
        &[(K::Street, F::Start4), (K::HouseNumber, F::Whole), (K::GivenName, F::Start3)],
    ),
];

const FILTER_BITS: u32 = 1024;
const BITS: u32 = 2048;
const DIFFUSION: u32 = 10;

impl LinkageSchema {
    /// A schema with the shipped encodings and match keys, as far as the kinds of the given fields
    /// allow them. A national identifier is never used by default.
    ///
    /// Each encoding is a Bloom filter of 1,024 bits, about a quarter full, diffused to 2,048 bits
    /// with t = 10 (linear diffusion: Armknecht, Heng and Schnell, PoPETs 2023(2)).
    pub fn with_defaults(
        round: &str,
        fields: Vec<Field>,
        contact: Option<Contact>,
        dimensions: Vec<Dimension>,
    ) -> Result<Self, SchemaError> {
        let of_kind = |kind| fields.iter().filter(move |field| field.kind == kind);
        let encodings = ENCODINGS.iter().map(|(name, recipe)| {
            let features = recipe.iter().flat_map(|(kind, tokens, hashes, required)| {
                of_kind(*kind).enumerate().map(|(place, field)| Feature {
                    field: field.name.clone(),
                    tokens: *tokens,
                    hashes: *hashes,
                    required: *required && place == 0,
                })
            });
            Encoding {
                name: (*name).to_owned(),
                bits: BITS,
                filter_bits: FILTER_BITS,
                diffusion: DIFFUSION,
                features: features.collect(),
            }
        });
        let match_keys = MATCH_KEYS.iter().filter_map(|(name, recipe)| {
            let parts = recipe.iter().map(|(kind, form)| {
                let field = of_kind(*kind).next()?.name.clone();
                Some(Part { field, form: *form })
            });
            Some(MatchKey { name: (*name).to_owned(), parts: parts.collect::<Option<_>>()? })
        });
        let mut schema = Self {
            version: Self::VERSION,
            round: round.to_owned(),
            max_key_multiplicity: 5,
            encodings: encodings.collect(),
            match_keys: match_keys.collect(),
            fields,
            contact,
            dimensions,
        };
        let whole = std::mem::take(&mut schema.encodings);
        schema.encodings =
            whole.into_iter().filter(|encoding| schema.check_encoding(encoding).is_ok()).collect();
        schema.check()?;
        Ok(schema)
    }
}

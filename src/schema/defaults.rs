//! The shipped encodings and match keys, chosen by the kinds of field that an extract has.

use crate::dimension::{Contact, Dimension};
use crate::given_names::GivenNames;
use crate::linkage_schema::{
    Encoding, Feature, Field, FieldKind, LinkageSchema, MatchKey, SchemaError, Tokens,
};
use crate::part::{Form, Part};

use FieldKind as K;
use Form as F;
use Tokens as T;

struct EncodingRecipe {
    name: &'static str,
    /// The encoding is shipped when the extract has a field of one of these kinds.
    about: &'static [FieldKind],
    /// Kind of field, tokens, hashes, required; left out when there is no such field.
    features: &'static [(FieldKind, Tokens, u32, bool)],
}

/// Every encoding mixes the birth date with other facts, so that hardly two people share a whole one:
/// on names alone a quarter of the records of a Dutch region share theirs with somebody else.
const ENCODINGS: &[EncodingRecipe] = &[
    EncodingRecipe {
        name: "names",
        about: &[K::Surname],
        features: &[
            (K::Surname, T::Bigrams, 24, true),
            (K::GivenName, T::Bigrams, 24, true),
            (K::BirthDate, T::DateParts, 12, false),
        ],
    },
    EncodingRecipe {
        name: "birth",
        about: &[K::BirthDate],
        features: &[
            (K::BirthDate, T::DateParts, 36, true),
            (K::Surname, T::Bigrams, 12, false),
            (K::GivenName, T::Bigrams, 6, false),
        ],
    },
    EncodingRecipe {
        name: "place",
        about: &[K::Place, K::Postcode, K::Street],
        features: &[
            (K::Place, T::Bigrams, 15, false),
            (K::Postcode, T::Prefixes, 30, false),
            (K::Street, T::Bigrams, 15, false),
            (K::HouseNumber, T::Whole, 30, false),
            (K::BirthDate, T::DateParts, 24, true),
        ],
    },
];

struct KeyRecipe {
    name: &'static str,
    any_order: bool,
    parts: &'static [(FieldKind, Form)],
}

const fn key(name: &'static str, parts: &'static [(FieldKind, Form)]) -> KeyRecipe {
    KeyRecipe { name, any_order: false, parts }
}

/// For names that may stand in each other's place.
const fn swapped(name: &'static str, parts: &'static [(FieldKind, Form)]) -> KeyRecipe {
    KeyRecipe { name, any_order: true, parts }
}

/// Match keys; those whose fields are not all there are left out. Each survives another error: one
/// name mistyped or replaced, names swapped, no postcode, no birth date, a wrong day.
///
/// None is of a birth date and one letter or a birthplace: enough strangers share those for the pattern
/// of who shares what with whom to give people away (`docs/encoding-attacks.md`, A1).
const MATCH_KEYS: &[KeyRecipe] = &[
    swapped(
        "names-birth",
        &[(K::Surname, F::Phonetic), (K::GivenName, F::Phonetic), (K::BirthDate, F::Sorted)],
    ),
    key(
        "initial-surname-birth",
        &[(K::Surname, F::Phonetic), (K::GivenName, F::Initial), (K::BirthDate, F::Sorted)],
    ),
    key("given-birth", &[(K::GivenName, F::Phonetic), (K::BirthDate, F::Certain)]),
    key("surname-birth", &[(K::Surname, F::Start3), (K::BirthDate, F::Certain)]),
    key("postcode-birth", &[(K::Postcode, F::Whole), (K::BirthDate, F::Sorted)]),
    key("postcode-surname", &[(K::Postcode, F::Whole), (K::Surname, F::Start3)]),
    key("postcode-given", &[(K::Postcode, F::Whole), (K::GivenName, F::Start3)]),
    swapped(
        "names-place-year",
        &[
            (K::Surname, F::Phonetic),
            (K::GivenName, F::Phonetic),
            (K::Place, F::Start4),
            (K::BirthDate, F::Year),
        ],
    ),
    key("street-birth", &[(K::Street, F::Start4), (K::BirthDate, F::Certain)]),
    swapped(
        "street-names",
        &[(K::Street, F::Start4), (K::Surname, F::Phonetic), (K::GivenName, F::Phonetic)],
    ),
    key(
        "street-given",
        &[(K::Street, F::Start4), (K::HouseNumber, F::Whole), (K::GivenName, F::Start3)],
    ),
    key(
        "street-surname",
        &[(K::Street, F::Start4), (K::HouseNumber, F::Whole), (K::Surname, F::Phonetic)],
    ),
];

const FILTER_BITS: u32 = 1024;
const BITS: u32 = 1024;
const DIFFUSION: u32 = 14;

impl LinkageSchema {
    /// A schema with the shipped encodings and match keys, as far as the kinds of the given fields
    /// allow them. A national identifier is never used by default.
    ///
    /// Each encoding is a Bloom filter of 1,024 bits, about a third full, diffused to as many bits
    /// with t = 14 (linear diffusion: Armknecht, Heng and Schnell, PoPETs 2023(2)). With t = 10 and
    /// 2,048 bits a linear learner with 5,000 known pairs recognised one record in six
    /// (`docs/encoding-attacks.md`); the match keys make up for nearly all that the filters lose.
    pub fn with_defaults(
        round: &str,
        fields: Vec<Field>,
        contact: Option<Contact>,
        dimensions: Vec<Dimension>,
    ) -> Result<Self, SchemaError> {
        let of_kind = |kind| fields.iter().filter(move |field| field.kind == kind);
        let there = |kind: &FieldKind| of_kind(*kind).next().is_some();
        let shipped = ENCODINGS.iter().filter(|recipe| recipe.about.iter().any(there));
        let encodings = shipped.map(|recipe| {
            let features = recipe.features.iter().flat_map(|(kind, tokens, hashes, required)| {
                of_kind(*kind).enumerate().map(|(place, field)| Feature {
                    field: field.name.clone(),
                    tokens: *tokens,
                    hashes: *hashes,
                    required: *required && place == 0,
                })
            });
            Encoding {
                clks: false,
                name: recipe.name.to_owned(),
                bits: BITS,
                filter_bits: FILTER_BITS,
                diffusion: DIFFUSION,
                features: features.collect(),
            }
        });
        let match_keys = MATCH_KEYS.iter().filter_map(|recipe| {
            let parts = recipe.parts.iter().map(|(kind, form)| {
                let field = of_kind(*kind).next()?.name.clone();
                Some(Part { field, form: *form })
            });
            Some(MatchKey {
                name: recipe.name.to_owned(),
                parts: parts.collect::<Option<_>>()?,
                any_order: recipe.any_order,
            })
        });
        let mut schema = Self {
            version: Self::VERSION,
            round: round.to_owned(),
            max_key_multiplicity: 5,
            encodings: encodings.collect(),
            match_keys: match_keys.collect(),
            fields,
            given_names: None,
            contact,
            dimensions,
        };
        let whole = std::mem::take(&mut schema.encodings);
        schema.encodings =
            whole.into_iter().filter(|encoding| schema.check_encoding(encoding).is_ok()).collect();
        schema.check()?;
        Ok(schema)
    }

    /// The same schema with given names by their families: where a match key holds the sound of a given
    /// name, it holds that of the formal name. Keys in which names may stand in each other's place
    /// stay, because a name that stands in the surname's place has no formal name.
    #[must_use]
    pub fn with_formal_names(mut self, given_names: GivenNames) -> Self {
        let of_given = |name: &str| self.field(name).is_some_and(|f| f.kind == K::GivenName);
        let mut match_keys = self.match_keys.clone();
        for part in match_keys.iter_mut().filter(|key| !key.any_order).flat_map(|k| &mut k.parts) {
            if part.form == F::Phonetic && of_given(&part.field) {
                part.form = F::Formal;
            }
        }
        self.match_keys = match_keys;
        self.given_names = Some(given_names);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(kinds: &[FieldKind]) -> Result<LinkageSchema, SchemaError> {
        let field = |(place, kind): (usize, &FieldKind)| Field {
            legal_basis: Some("a law".to_owned()),
            ..Field::new(&format!("field-{place}"), *kind, vec!["header".to_owned()])
        };
        let fields = kinds.iter().enumerate().map(field).collect();
        LinkageSchema::with_defaults("round", fields, None, vec![])
    }

    fn names(schema: &LinkageSchema) -> (Vec<&str>, Vec<&str>) {
        (
            schema.encodings.iter().map(|encoding| encoding.name.as_str()).collect(),
            schema.match_keys.iter().map(|key| key.name.as_str()).collect(),
        )
    }

    const DUTCH: [FieldKind; 7] =
        [K::GivenName, K::SurnamePrefix, K::Surname, K::BirthDate, K::Sex, K::Place, K::Postcode];

    #[test]
    fn the_defaults_are_hardened_and_use_what_is_there() {
        let schema = defaults(&DUTCH).expect("a schema");
        assert_eq!(schema.check_hardened(), Ok(()));
        assert_eq!(LinkageSchema::from_toml(&schema.to_toml()), Ok(schema.clone()));
        let keys = [
            "names-birth",
            "initial-surname-birth",
            "given-birth",
            "surname-birth",
            "postcode-birth",
            "postcode-surname",
            "postcode-given",
            "names-place-year",
        ];
        assert_eq!(names(&schema), (vec!["names", "birth", "place"], keys.into()));
        let street = defaults(&[K::GivenName, K::Surname, K::BirthDate, K::Street, K::HouseNumber]);
        assert_eq!(street.expect("a schema").match_keys.len(), 8);
    }

    #[test]
    fn few_fields_give_few_encodings_and_too_few_are_refused() {
        let schema = defaults(&[K::Surname, K::BirthDate]).expect("a schema");
        assert_eq!(names(&schema), (vec!["names", "birth"], vec!["surname-birth"]));
        let schema = defaults(&[K::Surname, K::GivenName, K::Postcode]).expect("a schema");
        let keys = vec!["postcode-surname", "postcode-given"];
        assert_eq!(names(&schema), (vec!["names"], keys));
        for kinds in [&[K::Surname][..], &[K::BirthDate, K::Sex], &[K::NationalId], &[]] {
            assert!(defaults(kinds).is_err(), "{kinds:?}");
        }
    }

    #[test]
    fn a_national_identifier_is_never_used_by_default() {
        let mut kinds = DUTCH.to_vec();
        kinds.push(K::NationalId);
        let schema = defaults(&kinds).expect("a schema");
        let field = &schema.fields[7].name;
        assert!(schema.encodings.iter().flat_map(|e| &e.features).all(|f| f.field != *field));
        assert!(schema.match_keys.iter().flat_map(|k| &k.parts).all(|p| p.field != *field));
    }
}

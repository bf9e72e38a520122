//! A person to a record.

use hmac::{Hmac, KeyInit, Mac};
use samenloop_schema::{
    Clk, EncodingShape, FieldKind, Form, LinkageSchema, MatchKey, MatchKeyValue, Record,
    SchemaError, Tokens,
};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::diffusion::Diffusion;
use crate::filter::{Filter, TokenHash};
use crate::form;
use crate::keys::{EncodingKeys, RoundKeys, Subkey};
use crate::normalise::{Value, Variants, normalise};
use crate::person::Person;
use crate::token;

const MAX_PARTS: usize = MatchKey::MAX_PARTS;

/// Why a schema and keys give no encoder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// The keys were derived for another schema.
    #[error("the keys were derived for another linkage schema; derive them for this one")]
    OtherSchema,
    /// The schema breaks a rule.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// Encodes people under the keys of one round.
pub struct Encoder {
    kinds: Vec<FieldKind>,
    variants: Variants,
    composites: Vec<Composite>,
    match_keys: Vec<KeyedParts>,
}

struct Composite {
    /// Whether the filter is the CLK that comes with the person.
    clks: bool,
    features: Vec<KeyedTokens>,
    filter_bits: u32,
    diffusion: Diffusion,
    shape: EncodingShape,
}

struct KeyedTokens {
    field: usize,
    kind: FieldKind,
    tokens: Tokens,
    required: bool,
    hash: TokenHash,
}

struct KeyedParts {
    parts: Vec<(usize, Form)>,
    any_order: bool,
    mac: Hmac<Sha256>,
}

impl Encoder {
    /// Prepares the keys of a schema: hash states, positions of letter pairs, diffusion.
    pub fn new(schema: &LinkageSchema, keys: &RoundKeys) -> Result<Self, EncoderError> {
        schema.check()?;
        if keys.schema != schema.hash() {
            return Err(EncoderError::OtherSchema);
        }
        let place = |name: &str| {
            schema.fields.iter().position(|field| field.name == name).ok_or_else(|| {
                let rule = "is named by an encoding or match key, but is not there".to_owned();
                SchemaError::Rule { place: format!("field \"{name}\""), rule }
            })
        };
        let composite = |(encoding, keys): (&samenloop_schema::Encoding, &EncodingKeys)| {
            let filter_bits = encoding.filter_bits;
            let features = encoding.features.iter().zip(&keys.tokens).map(|(feature, key)| {
                let field = place(&feature.field)?;
                Ok(KeyedTokens {
                    field,
                    kind: schema.fields[field].kind,
                    tokens: feature.tokens,
                    required: feature.required,
                    hash: TokenHash::new(key, feature.tokens, feature.hashes, filter_bits),
                })
            });
            Ok::<_, SchemaError>(Composite {
                clks: encoding.clks,
                features: features.collect::<Result<_, SchemaError>>()?,
                filter_bits,
                diffusion: Diffusion::new(
                    &keys.diffusion,
                    filter_bits,
                    encoding.bits,
                    encoding.diffusion,
                ),
                shape: encoding.shape(),
            })
        };
        let keyed_parts = |(match_key, key): (&MatchKey, &Subkey)| {
            let parts = match_key.parts.iter().map(|part| Ok((place(&part.field)?, part.form)));
            Ok::<_, SchemaError>(KeyedParts {
                parts: parts.collect::<Result<_, SchemaError>>()?,
                any_order: match_key.any_order,
                mac: Hmac::new_from_slice(key.as_slice()).expect("HMAC takes a key of any length"),
            })
        };
        let encodings = schema.encodings.iter().zip(&keys.encodings);
        let match_keys = schema.match_keys.iter().zip(&keys.match_keys);
        Ok(Self {
            kinds: schema.fields.iter().map(|field| field.kind).collect(),
            variants: schema.given_names.as_ref().map(Variants::new).unwrap_or_default(),
            composites: encodings.map(composite).collect::<Result<_, _>>()?,
            match_keys: match_keys.map(keyed_parts).collect::<Result<_, _>>()?,
        })
    }

    /// The record of a person; the same person always gives the same record. What cannot be made of
    /// the person's fields is absent from it.
    #[must_use]
    pub fn encode(&self, person: &Person) -> Record {
        self.encode_telling(person, |_, _| {})
    }

    /// As [`encode`](Self::encode), and tells of each encoding, by its place in the schema, how many bits of
    /// its filter are set before diffusion, which hides it. An encoding that is absent because its filter
    /// has too few or too many is told of too.
    #[must_use]
    pub fn encode_telling(&self, person: &Person, mut tell: impl FnMut(usize, u32)) -> Record {
        let raw = |place: usize| person.values.get(place).map_or("", |value| value.as_str());
        let values: Vec<Option<Value>> = self
            .kinds
            .iter()
            .enumerate()
            .map(|(place, kind)| {
                let mut value = normalise(*kind, raw(place));
                if let Some(Value::Given(given)) = &mut value {
                    self.variants.formalise(given);
                }
                value
            })
            .collect();
        let mut text = Zeroizing::new(Vec::with_capacity(64));
        Record {
            encodings: self
                .composites
                .iter()
                .enumerate()
                .map(|(place, composite)| {
                    let filter = match composite.clks {
                        true => Filter::of_clk(person.clk.as_ref()?),
                        false => composite.filter(&values)?,
                    };
                    tell(place, filter.ones());
                    composite.diffuse(&filter)
                })
                .collect(),
            match_keys: self.match_keys.iter().map(|key| key.encode(&values, &mut text)).collect(),
            codes: person.codes.clone(),
            start: person.start,
            end: person.end,
        }
    }
}

impl Composite {
    /// Absent when a required feature has no token or when fewer than two facts have one.
    fn filter(&self, values: &[Option<Value>]) -> Option<Filter> {
        let mut filter = Filter::new(self.filter_bits);
        let mut facts = [None; 2];
        for feature in &self.features {
            let mut found = false;
            if let Some(value) = &values[feature.field] {
                token::each(value, feature.tokens, &mut |token| {
                    found = true;
                    feature.hash.insert(token, &mut filter);
                });
            }
            if !found && feature.required {
                return None;
            }
            if let Some(fact) = feature.kind.fact().filter(|_| found) {
                match facts {
                    [None, _] => facts[0] = Some(fact),
                    [Some(first), None] if first != fact => facts[1] = Some(fact),
                    _ => {}
                }
            }
        }
        facts[1]?;
        Some(filter)
    }

    /// Absent when the result is too sparse or too dense for the schema's bounds, as values of two or
    /// three letters can make it.
    fn diffuse(&self, filter: &Filter) -> Option<Clk> {
        // A CLK of another length is not of this schema; it has been refused before.
        if filter.words().len() * 64 != self.filter_bits as usize {
            return None;
        }
        let clk = self.diffusion.apply(filter);
        (self.shape.min_ones..=self.shape.max_ones).contains(&clk.ones()).then_some(clk)
    }
}

impl KeyedParts {
    /// HMAC-SHA-256 of the parts, each with its length before it as 16 bits big-endian, in the
    /// schema's order or sorted bytewise; absent when any part is.
    fn encode(&self, values: &[Option<Value>], text: &mut Vec<u8>) -> Option<MatchKeyValue> {
        text.clear();
        let mut ends = [0; MAX_PARTS];
        for ((field, form), end) in self.parts.iter().zip(&mut ends) {
            let at = text.len();
            text.extend([0; 2]);
            let value = values[*field].as_ref()?;
            if !form::write(value, *form, text) {
                return None;
            }
            let len = u16::try_from(text.len() - at - 2).ok()?;
            text[at..at + 2].copy_from_slice(&len.to_be_bytes());
            *end = text.len();
        }
        let mut mac = self.mac.clone();
        if self.any_order {
            let ends = &ends[..self.parts.len()];
            let begins = std::iter::once(&0).chain(ends);
            let mut parts = [&text[..0]; MAX_PARTS];
            let parts = &mut parts[..ends.len()];
            for (part, (begin, end)) in parts.iter_mut().zip(begins.zip(ends)) {
                *part = &text[*begin..*end];
            }
            parts.sort_unstable();
            parts.iter().for_each(|part| mac.update(part));
        } else {
            mac.update(text);
        }
        Some(MatchKeyValue(mac.finalize().into_bytes().into()))
    }
}

#[cfg(test)]
mod tests;

//! The shipped schema, the controls that every attack must break, and what else was tried.

use anyhow::Context as _;
use samenloop_schema::{
    Encoding, Feature, Field, FieldKind, Form, LinkageSchema, MatchKey, Part, Tokens,
};

/// A schema and its name in reports.
#[derive(Debug, Clone)]
pub struct Scheme {
    /// `default`, or what is unlike it.
    pub name: String,
    /// What is encoded.
    pub schema: LinkageSchema,
}

fn name_of(schema: &LinkageSchema, kind: FieldKind) -> anyhow::Result<String> {
    let field = schema.fields.iter().find(|field| field.kind == kind);
    Ok(field.with_context(|| format!("the schema has no field of the kind {kind:?}"))?.name.clone())
}

fn feature(
    schema: &LinkageSchema,
    kind: FieldKind,
    tokens: Tokens,
    hashes: u32,
) -> anyhow::Result<Feature> {
    Ok(Feature { field: name_of(schema, kind)?, tokens, hashes, required: false })
}

/// One filter over names and birth date and nothing else.
pub(super) fn record_level(
    base: &LinkageSchema,
    diffusion: u32,
    bits: u32,
) -> anyhow::Result<LinkageSchema> {
    use FieldKind::{BirthDate, GivenName, Place, Postcode, Surname};
    let mut schema = base.clone();
    let mut features = vec![];
    for (kind, tokens, hashes) in [
        (Surname, Tokens::Bigrams, 9),
        (GivenName, Tokens::Bigrams, 9),
        (BirthDate, Tokens::DateParts, 10),
        (Place, Tokens::Bigrams, 3),
        (Postcode, Tokens::Prefixes, 5),
    ] {
        if base.fields.iter().any(|field| field.kind == kind) {
            features.push(feature(base, kind, tokens, hashes)?);
        }
    }
    schema.match_keys.clear();
    let filter_bits = 1024;
    let bits = if diffusion == 1 { filter_bits } else { bits };
    schema.encodings = vec![Encoding {
        name: "record".to_owned(),
        bits,
        filter_bits,
        diffusion,
        clks: false,
        features,
    }];
    Ok(schema)
}

/// The same schema with another diffusion of every encoding.
pub(super) fn diffused(base: &LinkageSchema, diffusion: u32, bits: u32) -> LinkageSchema {
    let mut schema = base.clone();
    for encoding in &mut schema.encodings {
        encoding.diffusion = diffusion;
        encoding.bits = if diffusion == 1 { encoding.filter_bits } else { bits };
    }
    schema
}

/// Sex as a text, which the rules take for a fact: with it the lab makes what they forbid.
fn with_sex_as_text(base: &LinkageSchema) -> anyhow::Result<(LinkageSchema, String)> {
    let mut schema = base.clone();
    let sex = schema.fields.iter().find(|field| field.kind == FieldKind::Sex);
    let columns = sex.context("the schema has no field of the kind Sex")?.columns.clone();
    let name = "sex-as-text".to_owned();
    schema.fields.push(Field::new(&name, FieldKind::Text, columns));
    schema.encodings.clear();
    schema.match_keys.clear();
    Ok((schema, name))
}

/// A composite of birth date and sex.
pub(super) fn birth_and_sex(base: &LinkageSchema) -> anyhow::Result<LinkageSchema> {
    let (mut schema, sex) = with_sex_as_text(base)?;
    let born = feature(&schema, FieldKind::BirthDate, Tokens::DateParts, 24)?;
    let sex = Feature { field: sex, tokens: Tokens::Whole, hashes: 24, required: false };
    schema.encodings.push(Encoding {
        name: "birth-and-sex".to_owned(),
        bits: 2048,
        filter_bits: 1024,
        diffusion: 10,
        clks: false,
        features: vec![born, sex],
    });
    Ok(schema)
}

/// A match key of the given name (with the sex, which adds nothing), common values too.
pub(super) fn given_name_key(base: &LinkageSchema) -> anyhow::Result<LinkageSchema> {
    let (mut schema, sex) = with_sex_as_text(base)?;
    let given = name_of(&schema, FieldKind::GivenName)?;
    let part = |field, form| Part { field, form };
    schema.match_keys.push(MatchKey {
        name: "given-name".to_owned(),
        parts: vec![part(given, Form::Whole), part(sex, Form::Whole)],
        any_order: false,
    });
    schema.max_key_multiplicity = 1000;
    Ok(schema)
}

/// One plain filter for each field, with the sex in each because the rules forbid a filter of one
/// fact: the unsafe upper bound.
fn field_level(base: &LinkageSchema) -> anyhow::Result<LinkageSchema> {
    let (mut schema, sex) = match with_sex_as_text(base) {
        Ok(found) => found,
        // FEBRL has no sex; any text that everyone has will do.
        Err(_) => return record_level(base, 1, 1024),
    };
    schema.match_keys.clone_from(&base.match_keys);
    for field in &base.fields {
        let tokens = match field.kind {
            FieldKind::GivenName | FieldKind::Surname | FieldKind::Place => Tokens::Bigrams,
            FieldKind::BirthDate => Tokens::DateParts,
            FieldKind::Postcode => Tokens::Prefixes,
            _ => continue,
        };
        let own = Feature { field: field.name.clone(), tokens, hashes: 20, required: true };
        let sex = Feature { field: sex.clone(), tokens: Tokens::Whole, hashes: 5, required: false };
        schema.encodings.push(Encoding {
            name: field.name.clone(),
            bits: 1024,
            filter_bits: 1024,
            diffusion: 1,
            clks: false,
            features: vec![own, sex],
        });
    }
    Ok(schema)
}

/// Everything that `docs/encodings-tried.md` compares, each with the shipped match keys.
pub(super) fn tried(base: &LinkageSchema) -> anyhow::Result<Vec<Scheme>> {
    let mut schemes = vec![];
    let mut add = |name: String, schema: LinkageSchema| schemes.push(Scheme { name, schema });
    add("shipped default".to_owned(), base.clone());
    let strengths: [(u32, u32); 15] = [
        (1, 1024),
        (5, 1024),
        (5, 2048),
        (5, 4096),
        (8, 1024),
        (8, 2048),
        (8, 4096),
        (10, 1024),
        (10, 2048),
        (10, 4096),
        (12, 1024),
        (12, 2048),
        (12, 4096),
        (14, 1024),
        (14, 2048),
    ];
    let described = |what: &str, (t, bits): (u32, u32)| match t {
        1 => format!("{what}, plain {bits}"),
        _ => format!("{what}, t = {t}, {bits}"),
    };
    let with_keys = |mut schema: LinkageSchema| {
        schema.match_keys.clone_from(&base.match_keys);
        schema
    };
    for strength in strengths {
        let schema = with_keys(record_level(base, strength.0, strength.1)?);
        add(described("record", strength), schema);
    }
    let mut two = base.clone();
    two.encodings.retain(|encoding| encoding.name != "birth");
    let mut four = base.clone();
    four.encodings.extend(record_level(base, 10, 2048)?.encodings);
    for strength in [(1, 1024), (8, 2048), (10, 2048), (14, 1024)] {
        add(described("two composites", strength), diffused(&two, strength.0, strength.1));
        add(described("four composites", strength), diffused(&four, strength.0, strength.1));
    }
    for strength in strengths {
        add(described("three composites", strength), diffused(base, strength.0, strength.1));
    }
    let mut alone = base.clone();
    alone.encodings.clear();
    add("match keys alone".to_owned(), alone);
    add("field-level, plain 1024".to_owned(), field_level(base)?);
    Ok(schemes)
}

//! The linkage schema: the document of a round that partners agree on, and that decides every bit
//! of what they submit.

use serde::{Deserialize, Serialize};

use crate::dimension::{Contact, Dimension};
use crate::given_names::GivenNames;
use crate::ids::Digest;
use crate::part::Part;
use crate::record::{EncodingShape, RecordShape};

/// Why a text is no linkage schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Not TOML, an unknown key, or a value of another type; the message names line and column.
    #[error("the linkage schema cannot be read: {0}")]
    Syntax(String),
    /// A version that this program does not know.
    #[error("linkage schema version {found} is not known; this program knows version {known}")]
    Version {
        /// In the file.
        found: u32,
        /// Of this program.
        known: u32,
    },
    /// A rule that spans several keys is broken.
    #[error("{place}: {rule}")]
    Rule {
        /// Where, in the words of the file.
        place: String,
        /// What is wrong and what would be right.
        rule: String,
    },
}

/// The agreed vocabulary and recipe of one round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkageSchema {
    /// Version of this file format and of every normalisation rule behind it; now 1.
    pub version: u32,
    /// Label of the round. Another label gives other pseudonyms under the same key.
    pub round: String,
    /// A match-key value that more rows of one submission share than this is dropped.
    #[serde(default = "default_multiplicity")]
    pub max_key_multiplicity: u32,
    /// What is known of a person, and under which headers an extract has it.
    #[serde(default, rename = "field")]
    pub fields: Vec<Field>,
    /// Given names that stand for each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_names: Option<GivenNames>,
    /// First and last month of the contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Similarity-preserving encodings.
    #[serde(default, rename = "encoding")]
    pub encodings: Vec<Encoding>,
    /// Exact keys over near-unique combinations.
    #[serde(default, rename = "match_key")]
    pub match_keys: Vec<MatchKey>,
    /// Code lists by which counts can be asked.
    #[serde(default, rename = "dimension")]
    pub dimensions: Vec<Dimension>,
}

const fn default_multiplicity() -> u32 {
    5
}

/// A field of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// By which encodings and match keys name it.
    pub name: String,
    /// How it is read and normalised.
    pub kind: FieldKind,
    /// Headers under which an extract may have it; several present are tried in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Headers of columns of whole names, of which the field takes given names or surname; they are
    /// tried after `columns`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whole_name_columns: Vec<String>,
    /// The last year that a birth year of two digits can mean; without it such a date is unusable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_year: Option<u16>,
    /// The law that allows its use; a national identifier cannot do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
}

impl Field {
    /// A field that is read from columns of its own.
    #[must_use]
    pub fn new(name: &str, kind: FieldKind, columns: Vec<String>) -> Self {
        let name = name.to_owned();
        let whole_name_columns = vec![];
        Self { name, kind, columns, whole_name_columns, latest_year: None, legal_basis: None }
    }
}

/// What a field means, which decides its normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Given names, a nickname or initials.
    GivenName,
    /// A tussenvoegsel that stands in a column of its own.
    SurnamePrefix,
    /// Surname, with or without tussenvoegsel and partner name.
    Surname,
    /// A birth date in any of the usual notations.
    BirthDate,
    /// Sex.
    Sex,
    /// A place name: of birth or of living.
    Place,
    /// A postcode.
    Postcode,
    /// A street, with or without a house number.
    Street,
    /// A house number.
    HouseNumber,
    /// Any other text, compared by its q-grams.
    Text,
    /// A national identifier (BSN); needs a legal basis.
    NationalId,
}

/// A composite encoding: several fields hashed into one Bloom filter, or a CLK that a partner already
/// has in its place; then diffused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// Its name, part of the key derivation.
    pub name: String,
    /// Bits that are submitted, a multiple of 64.
    pub bits: u32,
    /// Bits of the Bloom filter before diffusion.
    pub filter_bits: u32,
    /// Filter bits XORed into each submitted bit (t); 1 leaves the filter as it is.
    pub diffusion: u32,
    /// Whether the filter is a CLK of `filter_bits` bits that partners made before, all in the same
    /// way under the same secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clks: bool,
    /// What is hashed into the filter; nothing if it is a CLK.
    #[serde(default)]
    pub features: Vec<Feature>,
}

/// Tokens of one field in an encoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Name of the field.
    pub field: String,
    /// How it is cut into tokens.
    pub tokens: Tokens,
    /// Filter bits that each token sets.
    pub hashes: u32,
    /// Whether the encoding is absent when this field is.
    #[serde(default)]
    pub required: bool,
}

/// How a normalised value is cut into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokens {
    /// Padded pairs of letters.
    Bigrams,
    /// Padded triples of letters.
    Trigrams,
    /// The value as one token; of a surname, each of its names.
    Whole,
    /// The sound of the value as one token; of a surname, of each of its names.
    Phonetic,
    /// The first letter; of a surname, of each of its names.
    Initial,
    /// Day, month, year and their pairs, so that one wrong part leaves the others.
    DateParts,
    /// The same, but only the year on the days that stand for an unknown date.
    CertainParts,
    /// Each leading part of the value, for postcodes.
    Prefixes,
}

/// An exact key: the HMAC of several parts together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchKey {
    /// Its name, part of the key derivation.
    pub name: String,
    /// `field` or `field.form`, together at least two facts; the key is absent when any part is.
    pub parts: Vec<Part>,
    /// Whether the order of the parts does not count, so that a given name and a surname that stand
    /// in each other's place give the same key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_order: bool,
}

impl Encoding {
    /// Honest encodings lie within a quarter of their length around half full once diffused; a plain
    /// filter may be as sparse as it likes but not over three quarters full.
    #[must_use]
    pub fn shape(&self) -> EncodingShape {
        let (bits, diffused) = (self.bits, self.diffusion >= 4);
        let min_ones = if diffused { bits * 3 / 8 } else { 1 };
        let max_ones = if diffused { bits * 5 / 8 } else { bits * 3 / 4 };
        EncodingShape { bits, min_ones, max_ones }
    }
}

impl MatchKey {
    /// Most parts of one key.
    pub const MAX_PARTS: usize = 8;
}

impl LinkageSchema {
    /// The version that this program knows.
    pub const VERSION: u32 = 1;

    /// Reads and checks a schema file.
    pub fn from_toml(text: &str) -> Result<Self, SchemaError> {
        let schema: Self =
            toml::from_str(text).map_err(|error| SchemaError::Syntax(error.to_string()))?;
        schema.check()?;
        Ok(schema)
    }

    /// The schema as a file, without comments.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Serialisation fails only on keys that are no text and on values that TOML lacks.
        toml::to_string(self).expect("every table of a schema has text keys and TOML values")
    }

    /// Everything that decides a bit, in one fixed order: two schemas with the same hash give the
    /// same pseudonyms under the same key. Comments and layout do not count.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of_parts("samenloop/v1/linkage-schema", &[self.to_toml().as_bytes()])
    }

    /// Lengths and bounds of every record of the round.
    #[must_use]
    pub fn shape(&self) -> RecordShape {
        RecordShape {
            encodings: self.encodings.iter().map(Encoding::shape).collect(),
            match_keys: self.match_keys.len(),
            dimensions: self.dimensions.iter().map(|dim| dim.codes().len() as u16).collect(),
        }
    }

    /// The encoding that takes CLKs.
    #[must_use]
    pub fn clk_encoding(&self) -> Option<&Encoding> {
        self.encodings.iter().find(|encoding| encoding.clks)
    }

    /// The field of a name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

#[cfg(test)]
mod tests;

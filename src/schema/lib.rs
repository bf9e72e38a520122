//! The agreed vocabulary: ids, linkage schema, record layout, code lists, round manifest, policy,
//! draws.
//!
//! This room knows no keys, no protobuf, no time and no I/O.

mod check;
mod common_keys;
mod defaults;
mod dimension;
mod draws;
mod given_names;
mod ids;
mod lifecycle;
pub mod linkage_lists;
mod linkage_schema;
mod manifest;
mod month;
mod part;
mod policy;
mod questions;
mod record;
mod row;

pub use common_keys::drop_common_keys;
pub use dimension::{Contact, Dimension, DimensionSource};
pub use draws::Draws;
pub use given_names::{GivenNames, NameTable};
pub use ids::{Digest, IdError, KeyCheckValue, PartyId, RoundId, SubmissionId};
pub use lifecycle::{IllegalTransition, RoundState, Step};
pub use linkage_schema::{
    Encoding, Feature, Field, FieldKind, LinkageSchema, MatchKey, SchemaError, Tokens,
};
pub use manifest::{ManifestError, Party, RoundManifest};
pub use month::{Month, MonthError};
pub use part::{Form, Part, UnknownForm};
pub use policy::{BelowFloor, DisclosurePolicy};
pub use questions::{MonthRange, Questions, RollUp};
pub use record::{Clk, EncodingShape, MatchKeyValue, Record, RecordShape, RowRule};
pub use row::{Row, Values};

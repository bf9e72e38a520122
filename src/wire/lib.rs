//! Generated protobuf, its strict codec, the conversions to and from the vocabulary, the client's
//! channel, and the names in the store.
//!
//! Nothing here decides anything: a message that does not convert is refused by its [`BatchRule`].

mod batch;
pub mod client;
mod convert;
pub mod store;
pub mod strict;

pub use batch::{Batch, BatchRule, CheckedBatch, MAX_BATCH_BYTES, MAX_BATCH_RECORDS};

/// Generated from `proto/samenloop/v1`.
pub mod v1 {
    #![allow(clippy::all, clippy::pedantic, missing_docs)]
    tonic::include_proto!("samenloop.v1");
    pub use crate::batch::Batch;
}

/// The descriptors of every message and service, for reflection and for tests.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

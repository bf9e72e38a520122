//! A person's fields to encodings and match keys, under a key that never leaves the partners.
//!
//! `docs/encoding.md` has every step to the byte.

mod diffusion;
mod encoder;
mod filter;
mod form;
mod keys;
pub mod normalise;
mod person;
mod token;

pub use encoder::{Encoder, EncoderError};
pub use keys::{KeyError, LinkageKey, RoundKeys};
pub use person::Person;

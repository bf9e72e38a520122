//! Ledger entries, Merkle tree, signed checkpoints and proofs.
//!
//! This room reads no clock and no file: time, salts and keys are given to it. `docs/ledger.md` has
//! every byte.

mod canonical;
mod checkpoint;
mod commitment;
mod cosignature;
mod entry;
mod keys;
mod tree;

pub use canonical::{EntryError, Role, Rounded};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use commitment::{commit, inputs_root, leaf, submission_content};
pub use cosignature::Cosignature;
pub use entry::{Entry, Event};
pub use keys::{KeyError, NoteKey, SigningKey, VerifyingKey, WitnessKey};
pub use tree::{ProofError, Tree};

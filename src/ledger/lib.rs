//! Ledger entries, Merkle tree, signed checkpoints and proofs.
//!
//! This room reads no clock and no file: time, salts and keys are given to it. `docs/ledger.md` has
//! every byte.

mod canonical;
mod checkpoint;
mod commitment;
mod entry;
mod keys;
mod tree;

pub use canonical::{EntryError, Role, Rounded};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use commitment::{commit, inputs_root, leaf, submission_content};
pub use entry::{Entry, Event};
pub use keys::{KeyError, SigningKey, VerifyingKey};
pub use tree::{ProofError, Tree};

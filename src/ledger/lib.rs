//! Ledger entries, Merkle tree, signed checkpoints and proofs.

//! The Merkle tree of RFC 6962 with SHA-256.

use ct_merkle::{indices_for_consistency_proof, indices_for_inclusion_proof};
use samenloop_schema::Digest;
use sha2::{Digest as _, Sha256};

/// A proof that was asked of a tree that never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The tree is larger than the ledger.
    #[error("the ledger has {size} entries, the proof asks for a tree of {asked}")]
    Size {
        /// Entries.
        size: u64,
        /// In the question.
        asked: u64,
    },
    /// The entry is not in the tree.
    #[error("entry {index} is not in a tree of {size} entries")]
    Index {
        /// Asked for.
        index: u64,
        /// Of the tree.
        size: u64,
    },
    /// The older tree is the larger one.
    #[error("a tree of {old} entries cannot be a beginning of one of {new}")]
    Order {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
}

/// An append-only tree that proves for any of its earlier sizes.
///
/// It keeps the hash of every full subtree: 64 bytes an entry. Appending hashes twice on average and
/// at most 1 + log2(size) times; a root or a proof hashes at most log2(size) times.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// `levels[k][i]` is the hash over the entries from `i * 2^k` up to `(i + 1) * 2^k`.
    levels: Vec<Vec<Digest>>,
}

fn parent(left: &Digest, right: &Digest) -> Digest {
    let hash = Sha256::new_with_prefix([1]).chain_update(left.0).chain_update(right.0);
    Digest(hash.finalize().into())
}

impl Tree {
    /// A tree without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree over leaves in order.
    #[must_use]
    pub fn from_leaves(leaves: impl IntoIterator<Item = Digest>) -> Self {
        let mut tree = Self::new();
        for leaf in leaves {
            tree.append(leaf);
        }
        tree
    }

    /// Entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Appends a leaf and returns its index.
    pub fn append(&mut self, leaf: Digest) -> u64 {
        self.append_bytes(leaf.as_bytes())
    }

    pub(crate) fn append_bytes(&mut self, leaf: &[u8]) -> u64 {
        let index = self.size();
        let mut hash = Digest(Sha256::new_with_prefix([0]).chain_update(leaf).finalize().into());
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(vec![]);
            }
            let nodes = &mut self.levels[level];
            nodes.push(hash);
            match nodes.as_slice() {
                [.., left, right] if nodes.len().is_multiple_of(2) => hash = parent(left, right),
                _ => break,
            }
        }
        index
    }

    /// The root over all entries; SHA-256 of nothing for none.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.range(0, self.size())
    }

    /// The root when there were `size` entries.
    pub fn root_at(&self, size: u64) -> Result<Digest, ProofError> {
        self.check_size(size)?;
        Ok(self.range(0, size))
    }

    /// RFC 6962 §2.1.1: that entry `index` is in the tree of the first `size` entries.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Digest>, ProofError> {
        self.check_size(size)?;
        if index >= size {
            return Err(ProofError::Index { index, size });
        }
        Ok(self.nodes(indices_for_inclusion_proof(size, index), size))
    }

    /// RFC 6962 §2.1.2: that the first `old` entries are the beginning of the first `new`. Without
    /// hashes when the older tree is empty or as large as the newer.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Digest>, ProofError> {
        self.check_size(new)?;
        if old > new {
            return Err(ProofError::Order { old, new });
        }
        if old == 0 {
            return Ok(vec![]);
        }
        Ok(self.nodes(indices_for_consistency_proof(old, new - old), new))
    }

    fn check_size(&self, asked: u64) -> Result<(), ProofError> {
        let size = self.size();
        if asked > size { Err(ProofError::Size { size, asked }) } else { Ok(()) }
    }

    /// Hashes of nodes that ct-merkle names by their place in an in-order walk of the tree of `size`
    /// entries: a node's level is the number of its place's trailing ones.
    fn nodes(&self, places: Vec<u64>, size: u64) -> Vec<Digest> {
        let node = |place: u64| {
            let level = place.trailing_ones();
            let begin = place >> (level + 1) << level;
            self.range(begin, size.min(begin + (1 << level)))
        };
        places.into_iter().map(node).collect()
    }

    /// Hash over a range that begins at a multiple of the smallest power of two not under its length.
    fn range(&self, begin: u64, end: u64) -> Digest {
        let len = end - begin;
        if len == 0 {
            return Digest::of(&[]);
        }
        if len.is_power_of_two() {
            let level = len.trailing_zeros();
            return self.levels[level as usize][(begin >> level) as usize];
        }
        let middle = begin + (1 << len.ilog2());
        parent(&self.range(begin, middle), &self.range(middle, end))
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;

//! RFC 6962 hashing and the verification of RFC 9162 §2.1.3.2 and §2.1.4.2, written for the auditor
//! alone: nothing of it is shared with the service that it checks.

use samenloop_schema::Digest;
use sha2::{Digest as _, Sha256};

/// Hash of a leaf's data.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Digest {
    Digest(Sha256::new_with_prefix([0]).chain_update(data).finalize().into())
}

fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest(
        Sha256::new_with_prefix([1]).chain_update(left.0).chain_update(right.0).finalize().into(),
    )
}

/// Root over leaf hashes (RFC 6962 §2.1).
#[must_use]
pub fn root(leaf_hashes: &[Digest]) -> Digest {
    match leaf_hashes {
        [] => Digest::of(&[]),
        [only] => *only,
        _ => {
            let middle = leaf_hashes.len().next_power_of_two() / 2;
            let (left, right) = leaf_hashes.split_at(middle);
            node_hash(&root(left), &root(right))
        }
    }
}

/// Whether a proof shows that the leaf hash stands at `index` of the tree of `size` leaves under
/// `root` (RFC 9162 §2.1.3.2).
#[must_use]
pub fn includes(index: u64, size: u64, leaf: &Digest, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(step, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether a proof shows that the tree of `old` leaves under `old_root` is the beginning of the
/// tree of `new` leaves under `new_root` (RFC 9162 §2.1.4.2). An empty tree is the beginning of any.
#[must_use]
pub fn extends(old: u64, old_root: &Digest, new: u64, new_root: &Digest, proof: &[Digest]) -> bool {
    if old == 0 {
        return proof.is_empty() && *old_root == Digest::of(&[]);
    }
    if old >= new {
        return old == new && proof.is_empty() && old_root == new_root;
    }
    let mut path = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for step in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(step, &old_hash);
            new_hash = node_hash(step, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
#[path = "merkle_tests.rs"]
mod tests;

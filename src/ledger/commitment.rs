//! Salted digests: what the ledger says of content without telling it.

use samenloop_schema::Digest;
use sha2::{Digest as _, Sha256};

use crate::tree::Tree;

/// The leaf's data of an entry: SHA-256 over its salt and its bytes. Once the salt is erased nobody
/// can test what the entry said.
#[must_use]
pub fn leaf(salt: &[u8; 16], body: &[u8]) -> Digest {
    Digest(Sha256::new().chain_update(salt).chain_update(body).finalize().into())
}

/// What an entry says of content that can be deleted: SHA-256 over a salt that is erased with the
/// content, and the content's digest.
#[must_use]
pub fn commit(salt: &[u8; 16], digest: &Digest) -> Digest {
    leaf(salt, digest.as_bytes())
}

/// What the ledger says of a sealed submission: SHA-256 over the contents of its batches' entries,
/// in the order of their numbers. An auditor needs nothing but entries to check it.
#[must_use]
pub fn submission_content(batches: impl IntoIterator<Item = Digest>) -> Digest {
    let mut hash = Sha256::new();
    for content in batches {
        hash.update(content.0);
    }
    Digest(hash.finalize().into())
}

/// The root of a frozen round's inputs: RFC 6962 over the contents of its sealed submissions, in the
/// order of the parties.
#[must_use]
pub fn inputs_root(submissions: impl IntoIterator<Item = Digest>) -> Digest {
    Tree::from_leaves(submissions).root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_the_plain_hash_of_salt_and_body() {
        assert_eq!(leaf(&[7; 16], b"body"), Digest::of(&[&[7; 16][..], b"body"].concat()));
        let digest = Digest::of(b"batch");
        assert_eq!(commit(&[7; 16], &digest), leaf(&[7; 16], &digest.0));
    }

    #[test]
    fn the_order_of_batches_and_parties_counts() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_ne!(submission_content([a, b]), submission_content([b, a]));
        assert_ne!(inputs_root([a, b]), inputs_root([b, a]));
    }
}

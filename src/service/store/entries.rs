//! The ledger in the store: checked at opening, served with proofs.

use redb::ReadTransaction;
use samenloop_ledger::{Entry, ProofError, Tree};
use samenloop_schema::Digest;
use samenloop_wire::v1::StoredEntry;

use super::{Access as _, ENTRIES, Store, StoreError};

/// An entry as it may be served.
pub struct Served {
    /// Its index, from 0.
    pub index: u64,
    /// The leaf's data.
    pub leaf: Digest,
    /// The leaf's salt.
    pub salt: [u8; 16],
    /// The canonical bytes.
    pub body: Vec<u8>,
    /// What they say.
    pub entry: Entry,
}

fn served(index: u64, stored: StoredEntry) -> Result<Served, StoreError> {
    let fault = |fault| StoreError::Entry { index, fault };
    let leaf = Digest::from_slice(&stored.leaf).ok_or(fault("has a leaf of another length"))?;
    let salt: [u8; 16] =
        stored.salt[..].try_into().map_err(|_| fault("has a salt of another length"))?;
    if samenloop_ledger::leaf(&salt, &stored.body) != leaf {
        return Err(fault("does not hash to its leaf"));
    }
    let entry = Entry::from_bytes(&stored.body).map_err(|_| fault("cannot be read"))?;
    Ok(Served { index, leaf, salt, body: stored.body.to_vec(), entry })
}

/// Builds the tree from the stored entries, each checked against its leaf and its neighbours. Tells
/// the last entry's time too.
pub(super) fn rebuild(read: &ReadTransaction) -> Result<(Tree, u64), StoreError> {
    let (mut tree, mut last_at) = (Tree::new(), 0);
    read.each(ENTRIES, |key, stored| {
        let index = tree.size();
        if key != index.to_be_bytes() {
            return Err(StoreError::Entry { index, fault: "is missing" });
        }
        let served = served(index, stored)?;
        tree.append(served.leaf);
        last_at = served.entry.at;
        Ok(())
    })?;
    Ok((tree, last_at))
}

impl Store {
    /// Size and root of the ledger.
    #[must_use]
    pub fn head(&self) -> (u64, Digest) {
        let tree = &self.current().tree;
        (tree.size(), tree.root())
    }

    /// Root of the ledger when it had so many entries.
    pub fn root_at(&self, size: u64) -> Result<Digest, ProofError> {
        self.current().tree.root_at(size)
    }

    /// The entries from one index up to another, without those that are not there.
    pub fn entries(&self, from: u64, to: u64) -> Result<Vec<Served>, StoreError> {
        // Read after the size is known: a view from before might not hold the last of them.
        let to = to.min(self.head().0);
        let read = self.read()?;
        (from..to)
            .map(|index| {
                let stored = read
                    .get(ENTRIES, &index.to_be_bytes())?
                    .ok_or(StoreError::Entry { index, fault: "is missing" })?;
                served(index, stored)
            })
            .collect()
    }

    /// Proof that an entry is in the tree of a size.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Digest>, ProofError> {
        let tree = &self.current().tree;
        tree.inclusion_proof(index, size)
    }

    /// Proof that the tree of a size is the beginning of that of another.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Digest>, ProofError> {
        let tree = &self.current().tree;
        tree.consistency_proof(old, new)
    }
}

//! What must hold between a checkpoint and its entries, and between two checkpoints.

use samenloop_schema::Digest;

use super::bundle::Bundle;
use super::merkle::{extends, leaf_hash, root};
use super::note::{Head, Verifier};
use crate::finding::{Finding, Place};

/// Opens the checkpoint of a bundle.
pub(super) fn open(note: &str, verifier: &Verifier) -> Result<Head, Finding> {
    let rule = "the checkpoint is a signed note of this ledger's key";
    verifier.open(note).map_err(|fault| Finding::new(Place::Checkpoint, rule, fault))
}

/// Hashes every entry to its leaf and the leaves to the signed root. Returns the leaf hashes.
pub(super) fn check_leaves(
    bundle: &Bundle,
    head: &Head,
    findings: &mut Vec<Finding>,
) -> Vec<Digest> {
    for entry in &bundle.entries {
        match (&entry.salt, &entry.body) {
            (Some(salt), Some(body)) => {
                let leaf = Digest::of(&[&salt[..], body].concat());
                if leaf != entry.leaf {
                    let rule = "an entry hashes to its leaf";
                    let evidence = format!("leaf {}, hash {leaf}", entry.leaf);
                    findings.push(Finding::new(entry.place(), rule, evidence));
                }
            }
            _ => {
                let rule = "an auditor sees every entry's body";
                findings.push(Finding::new(entry.place(), rule, "it is withheld"));
            }
        }
    }
    let hashes: Vec<Digest> = bundle.entries.iter().map(|entry| leaf_hash(&entry.leaf.0)).collect();
    let entries = hashes.len() as u64;
    if entries != head.size {
        let evidence = format!("it says {}, there are {entries}", head.size);
        let rule = "the checkpoint counts every entry";
        findings.push(Finding::new(Place::Checkpoint, rule, evidence));
    } else if root(&hashes) != head.root {
        let rule = "the leaves have the signed root";
        let evidence = format!("signed {}, computed {}", head.root, root(&hashes));
        findings.push(Finding::new(Place::Checkpoint, rule, evidence));
    }
    hashes
}

/// Checks that an earlier checkpoint is the beginning of this one: by the entries themselves, and
/// by the service's proof if it gave one.
pub(super) fn check_growth(
    kept: &Head,
    head: &Head,
    hashes: &[Digest],
    proof: Option<&[Digest]>,
) -> Result<(), Finding> {
    let finding = |rule, evidence: String| Err(Finding::new(Place::Checkpoint, rule, evidence));
    if kept.size > head.size {
        let evidence = format!("{} entries were signed before, {} now", kept.size, head.size);
        return finding("the ledger never shrinks", evidence);
    }
    let begin = usize::try_from(kept.size).ok().and_then(|size| hashes.get(..size));
    if begin.is_none_or(|begin| root(begin) != kept.root) {
        let evidence = format!("the first {} entries have another root than before", kept.size);
        return finding("the ledger only grows: no entry changes", evidence);
    }
    let holds = |proof| extends(kept.size, &kept.root, head.size, &head.root, proof);
    if proof.is_some_and(|proof| !holds(proof)) {
        let evidence = format!("from {} to {} entries", kept.size, head.size);
        return finding("the service's consistency proof holds", evidence);
    }
    Ok(())
}

//! Published trees, and ct-merkle's own tree and verifier as the other implementation.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Published {
    leaves: Vec<String>,
    roots: Vec<Digest>,
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
}

#[derive(Deserialize)]
struct Inclusion {
    index: u64,
    size: u64,
    proof: Vec<Digest>,
}

#[derive(Deserialize)]
struct Consistency {
    old: u64,
    new: u64,
    proof: Vec<Digest>,
}

#[test]
fn published_trees_have_their_roots_and_proofs() {
    let text = include_str!("../../tests/vectors/ledger/v1/rfc6962.json");
    let published: Published = serde_json::from_str(text).expect("the vectors can be read");
    let mut tree = Tree::new();
    assert_eq!(tree.root(), published.roots[0]);
    for (leaf, root) in published.leaves.iter().zip(&published.roots[1..]) {
        let leaf = data_encoding::HEXLOWER.decode(leaf.as_bytes()).expect("hexadecimal");
        tree.append_bytes(&leaf);
        assert_eq!(tree.root(), *root, "{} leaves", tree.size());
    }
    for Inclusion { index, size, proof } in published.inclusion {
        assert_eq!(tree.inclusion_proof(index, size), Ok(proof), "{index} in {size}");
    }
    for Consistency { old, new, proof } in published.consistency {
        assert_eq!(tree.consistency_proof(old, new), Ok(proof), "{old} to {new}");
    }
    for (size, root) in published.roots.iter().enumerate() {
        assert_eq!(tree.root_at(size as u64), Ok(*root));
    }
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|index| Digest::of(&index.to_be_bytes())).collect()
}

fn root(tree: &Tree, size: u64) -> RootHash<Sha256> {
    RootHash::new(tree.root_at(size).expect("the tree is larger").0.into(), size)
}

#[test]
fn proofs_for_every_earlier_size_satisfy_another_verifier() {
    const SIZE: u64 = 70;
    let leaves = leaves(SIZE);
    let tree = Tree::from_leaves(leaves.iter().copied());
    let mut other = MemoryBackedTree::<Sha256, [u8; 32]>::new();
    for size in 1..=SIZE {
        other.push(leaves[size as usize - 1].0);
        assert!(other.root() == root(&tree, size), "{size}");
        for index in 0..size {
            let proof = tree.inclusion_proof(index, size).expect("the index is in the tree");
            let proof = InclusionProof::from_bytes(proof.iter().flat_map(|hash| hash.0).collect());
            let leaf = &leaves[index as usize].0;
            assert!(root(&tree, size).verify_inclusion(leaf, index, &proof).is_ok());
        }
        for old in 1..=size {
            let proof = tree.consistency_proof(old, size).expect("the sizes are in order");
            let bytes = proof.iter().flat_map(|hash| hash.0).collect();
            let proof = ConsistencyProof::try_from_bytes(bytes).expect("whole hashes");
            assert!(
                root(&tree, size).verify_consistency(&root(&tree, old), &proof).is_ok(),
                "{old} to {size}"
            );
        }
    }
}

#[test]
fn a_proof_for_a_tree_that_never_was_is_refused() {
    let tree = Tree::from_leaves(leaves(5));
    let size = ProofError::Size { size: 5, asked: 6 };
    assert_eq!(tree.root_at(6), Err(size));
    assert_eq!(tree.inclusion_proof(0, 6), Err(size));
    assert_eq!(tree.consistency_proof(1, 6), Err(size));
    assert_eq!(tree.inclusion_proof(3, 3), Err(ProofError::Index { index: 3, size: 3 }));
    assert_eq!(tree.inclusion_proof(0, 0), Err(ProofError::Index { index: 0, size: 0 }));
    assert_eq!(tree.consistency_proof(4, 3), Err(ProofError::Order { old: 4, new: 3 }));
    assert_eq!(tree.consistency_proof(0, 5), Ok(vec![]));
}

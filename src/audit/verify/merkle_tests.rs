//! Published proofs and their corruptions, and every proof that the ledger's tree gives.

use samenloop_ledger::Tree;
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

fn published() -> (Published, Vec<Digest>) {
    let text = include_str!("../../../tests/vectors/ledger/v1/rfc6962.json");
    let published: Published = serde_json::from_str(text).expect("the vectors can be read");
    let unhex = |leaf: &String| data_encoding::HEXLOWER.decode(leaf.as_bytes());
    let leaves =
        published.leaves.iter().map(|leaf| leaf_hash(&unhex(leaf).expect("hexadecimal"))).collect();
    (published, leaves)
}

/// A proof with one bit changed, a hash removed, added or repeated.
fn corruptions(proof: &[Digest], root: &Digest) -> Vec<Vec<Digest>> {
    let mut bad = vec![[proof, &[*root]].concat(), [&[*root], proof].concat()];
    if let [first, rest @ ..] = proof {
        bad.push(rest.to_vec());
        bad.push(proof[..proof.len() - 1].to_vec());
        bad.push([&[*first], proof].concat());
    }
    for place in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[place].0[place] ^= 8;
        bad.push(changed);
    }
    bad
}

#[test]
fn published_roots_are_recomputed() {
    let (published, leaves) = published();
    for (size, golden) in published.roots.iter().enumerate() {
        assert_eq!(root(&leaves[..size]), *golden, "{size} leaves");
    }
}

#[test]
fn published_inclusion_proofs_hold_and_corrupted_ones_do_not() {
    let (published, leaves) = published();
    for Inclusion { index, size, proof } in &published.inclusion {
        let (index, size) = (*index, *size);
        let (leaf, root) = (&leaves[index as usize], &published.roots[size as usize]);
        assert!(includes(index, size, leaf, proof, root));
        for bad in corruptions(proof, root) {
            assert!(!includes(index, size, leaf, &bad, root), "{index} in {size}");
        }
        assert!(!includes(index, size, &Digest::of(b"another"), proof, root));
        assert!(!includes(index, size, leaf, proof, &published.roots[0]));
        assert!(!includes(size, size, leaf, proof, root));
        if !proof.is_empty() {
            for other in [index.wrapping_sub(1), index + 1, index ^ 2] {
                assert!(!includes(other, size, leaf, proof, root), "{other} for {index}");
            }
        }
        for other in [size * 2, size / 2] {
            assert!(!includes(index, other, leaf, proof, root), "size {other} for {size}");
        }
    }
}

#[test]
fn published_consistency_proofs_hold_and_corrupted_ones_do_not() {
    let (published, _) = published();
    let at = |size: u64| &published.roots[size as usize];
    for Consistency { old, new, proof } in &published.consistency {
        let (old, new) = (*old, *new);
        assert!(extends(old, at(old), new, at(new), proof));
        for bad in corruptions(proof, at(new)) {
            assert!(!extends(old, at(old), new, at(new), &bad), "{old} to {new}");
        }
        if old != new {
            assert!(!extends(old, at(new), new, at(old), proof));
            assert!(!extends(old, at(old), new, at(0), proof));
            assert!(!extends(old, at(0), new, at(new), proof));
            assert!(!extends(new, at(new), old, at(old), proof));
            for (other_old, other_new) in [(old - 1, new), (old + 1, new), (old, new * 2)] {
                assert!(!extends(other_old, at(old), other_new, at(new), proof));
            }
        }
    }
    assert!(extends(0, at(0), 0, at(0), &[]) && extends(0, at(0), 5, at(5), &[]));
    assert!(!extends(0, at(1), 5, at(5), &[]) && !extends(0, at(0), 5, at(5), &[*at(1)]));
    assert!(!extends(1, at(1), 2, at(2), &[]));
}

#[test]
fn every_proof_of_the_ledgers_tree_holds_and_for_nothing_else() {
    const SIZE: u64 = 66;
    let data: Vec<Digest> = (0..SIZE).map(|index| Digest::of(&index.to_be_bytes())).collect();
    let leaves: Vec<Digest> = data.iter().map(|leaf| leaf_hash(&leaf.0)).collect();
    let tree = Tree::from_leaves(data);
    for size in 1..=SIZE {
        let top = root(&leaves[..size as usize]);
        assert_eq!(tree.root_at(size), Ok(top));
        for index in 0..size {
            let proof = tree.inclusion_proof(index, size).expect("the index is in the tree");
            assert!(includes(index, size, &leaves[index as usize], &proof, &top));
            let other = &leaves[(index as usize + 1) % leaves.len()];
            assert!(!includes(index, size, other, &proof, &top), "{index} in {size}");
        }
        for old in 1..=size {
            let proof = tree.consistency_proof(old, size).expect("the sizes are in order");
            let before = root(&leaves[..old as usize]);
            assert!(extends(old, &before, size, &top, &proof), "{old} to {size}");
            assert!(!extends(old, &Digest::of(b"fork"), size, &top, &proof));
        }
    }
}

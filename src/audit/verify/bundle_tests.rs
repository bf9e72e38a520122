//! A ledger in a file: nothing in it can change unseen.

use samenloop_ledger::Event;
use samenloop_schema::Digest;

use super::samples::{signed, story, verifier};
use super::*;

fn places(verification: &Verification) -> Vec<&Place> {
    verification.findings.iter().map(|finding| &finding.place).collect()
}

#[test]
fn a_good_bundle_passes_and_is_read_back_as_it_was_written() {
    let good = signed(story());
    let text = good.to_text();
    assert_eq!(Bundle::from_bytes(text.as_bytes()), Ok(good.clone()));
    let (verification, _) = bundle_bytes(text.as_bytes(), &verifier(), None);
    assert_eq!(verification.findings, vec![]);
    assert_eq!(verification.entries, good.entries.len() as u64);
    assert_eq!(verification.rounds[&samples::ROUND], "closed");
    assert_eq!(verification.kinds["batch_accepted"], 10);
}

/// `SAMENLOOP_FLIPS=10000 cargo test -p samenloop-audit --release every_flipped` is the long form.
#[test]
fn every_flipped_byte_is_found_and_its_place_named() {
    let text = signed(story()).to_text();
    let verifier = verifier();
    let flips = std::env::var("SAMENLOOP_FLIPS").ok().and_then(|count| count.parse().ok());
    for seed in 0..flips.unwrap_or(1_000_u64) {
        let random = Digest::of(&seed.to_be_bytes()).0;
        let at = u64::from_be_bytes(*random.first_chunk().expect("a digest is longer"));
        let at = at as usize % text.len();
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= random[8].max(1);
        let (verification, _) = bundle_bytes(&bytes, &verifier, None);
        let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
        let named = places(&verification).into_iter().any(|place| match place {
            Place::Checkpoint => line == 0,
            Place::Entry { index, .. } => index + 1 == line,
            _ => false,
        });
        assert!(named, "seed {seed}, byte {at}, line {line}: {:?}", verification.findings);
    }
}

#[test]
fn a_changed_entry_is_named_by_index_and_kind() {
    let mut bad = signed(story());
    let body = bad.entries[6].body.as_mut().expect("a body");
    *body.last_mut().expect("not empty") ^= 1;
    let verification = bundle(&bad, &verifier(), None);
    let named = "entry 6 (submission_opened): an entry hashes to its leaf";
    assert!(verification.findings[0].to_string().starts_with(named));
}

#[test]
fn an_entry_that_is_taken_out_put_in_or_moved_is_found() {
    type Change = fn(&mut Bundle);
    let changes: [Change; 5] = [
        |bundle| {
            bundle.entries.pop();
        },
        |bundle| {
            bundle.entries.remove(3);
        },
        |bundle| bundle.entries.swap(4, 5),
        |bundle| {
            let again = bundle.entries[7].clone();
            bundle.entries.push(again);
        },
        |bundle| bundle.entries[7].body = None,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut bad = signed(story());
        change(&mut bad);
        for entry in bad.entries.iter_mut().zip(0..) {
            entry.0.index = entry.1;
        }
        assert!(!bundle(&bad, &verifier(), None).passed(), "change {number}");
    }
}

/// Two histories that part at every possible entry, shown to two witnesses at every size.
#[test]
fn every_split_view_between_two_witnesses_is_found() {
    let one = story();
    let verifier = verifier();
    let (mut split, mut same) = (0, 0);
    for parting in 0..one.len() {
        let mut other = one.clone();
        other[parting] = Event::ServiceStarted { software: Digest::of(&[parting as u8, 1]) };
        let notes: Vec<String> =
            (0..=other.len()).map(|size| signed(other[..size].to_vec()).checkpoint).collect();
        for size in [parting, parting + 1, one.len()] {
            let bundle = signed(one[..size].to_vec());
            for (shown, note) in notes.iter().enumerate() {
                let mut verification = Verification::new(&verifier);
                compare(&mut verification, &bundle, &verifier, std::slice::from_ref(note));
                let agree = shown <= size.min(parting);
                assert_eq!(verification.passed(), agree, "{parting}, {size}, {shown}");
                assert_eq!(verification.compared, u64::from(agree));
                *if agree { &mut same } else { &mut split } += 1;
            }
        }
    }
    assert_eq!((split, same), (3243, 3243));
}

#[test]
fn a_ledger_that_shrinks_or_forks_is_found_against_the_kept_checkpoint() {
    let kept = |length: usize| signed(story().into_iter().take(length).collect()).checkpoint;
    let whole = signed(story());
    let grown = bundle(&whole, &verifier(), Some(&kept(12)));
    assert!(grown.passed() && grown.consistent_from == Some(12));

    let shrunk = signed(story().into_iter().take(12).collect());
    let shrunk = bundle(&shrunk, &verifier(), Some(&whole.checkpoint));
    assert!(shrunk.findings[0].rule.contains("never shrinks"));

    let mut other = story();
    other[0] = Event::ServiceStarted { software: Digest::of(b"another") };
    for length in [12, other.len()] {
        let fork = signed(other[..length].to_vec()).checkpoint;
        let forked = bundle(&whole, &verifier(), Some(&fork));
        assert!(forked.findings[0].rule.contains("only grows"), "{length}");
    }
    let alien = bundle(&whole, &verifier(), Some("alien\n1\n\n"));
    assert_eq!(places(&alien), [&Place::Checkpoint]);
}

//! A whole round as ledger entries, for tests to break.

use samenloop_ledger::{
    Checkpoint, Entry, Event, Role, Rounded, SigningKey, Tree, inputs_root, leaf,
    submission_content,
};
use samenloop_schema::{Digest, DisclosurePolicy, KeyCheckValue, RoundId, SubmissionId};

use super::{Bundle, BundledEntry, Verifier};

pub(crate) const ROUND: RoundId = RoundId([1; 32]);

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed("ledger.example.nl", &[7; 32]).expect("the name is legal")
}

pub(crate) fn verifier() -> Verifier {
    Verifier::from_text(&key().verifying_key().to_text()).expect("the key text is legal")
}

pub(crate) fn submission(number: u8) -> SubmissionId {
    SubmissionId([number; 16])
}

/// What the ledger says of a batch in these stories.
pub(crate) fn content(number: u8, batch: u32) -> Digest {
    Digest::of_parts("batch", &[&[number], &batch.to_be_bytes()])
}

pub(crate) fn accepted(party: u16, number: u8, batch: u32) -> Event {
    Event::BatchAccepted {
        round: ROUND,
        party,
        submission: submission(number),
        number: batch,
        records: Rounded::up(150),
        content: content(number, batch),
    }
}

pub(crate) fn sealed(party: u16, number: u8, batches: u32) -> Event {
    Event::SubmissionSealed {
        round: ROUND,
        party,
        submission: submission(number),
        batches,
        records: Rounded::up(150 * u64::from(batches)),
        content: submission_content((0..batches).map(|batch| content(number, batch))),
    }
}

fn filled(story: &mut Vec<Event>, party: u16, number: u8) {
    let submission = submission(number);
    story.push(Event::SubmissionOpened { round: ROUND, party, submission });
    story.extend([accepted(party, number, 0), accepted(party, number, 1)]);
}

/// Three parties; the second replaces its submission, the third leaves one behind.
pub(crate) fn story() -> Vec<Event> {
    let (round, policy) = (ROUND, DisclosurePolicy::default());
    let mut story = vec![
        Event::ServiceStarted { software: Digest::of(b"program") },
        Event::RoundCreated {
            round,
            schema: Digest::of(b"schema"),
            parties: 3,
            min_parties: 3,
            retention_days: 90,
            policy: policy.clone(),
        },
    ];
    let key_check_value = KeyCheckValue([9; 16]);
    story.extend((0..3).map(|party| Event::KeyAnnounced { round, party, key_check_value }));
    story.push(Event::RoundOpened { round });
    filled(&mut story, 0, 10);
    story.push(sealed(0, 10, 2));
    filled(&mut story, 1, 11);
    story.push(sealed(1, 11, 2));
    filled(&mut story, 1, 12);
    story.push(Event::SubmissionReplaced { round, party: 1, submission: submission(11) });
    story.extend([sealed(1, 12, 2), Event::WrappingKeyRotated {}]);
    filled(&mut story, 2, 13);
    story.push(Event::SubmissionAbandoned { round, party: 2, submission: submission(13) });
    filled(&mut story, 2, 14);
    let opened = story.len() - 2;
    story.insert(opened, Event::WrappingKeyRotated {});
    let refused = Some(submission(14));
    story.push(Event::BatchRefused { round, party: 2, submission: refused, number: 2, rule: 7 });
    story.push(sealed(2, 14, 2));
    let contents =
        [10, 12, 14].map(|number| submission_content([content(number, 0), content(number, 1)]));
    let inputs_root = inputs_root(contents);
    let (parameters, partition) = (Digest::of(b"parameters"), Digest::of(b"partition"));
    let role = Role::Monitor;
    story.extend([
        Event::RoundFrozen { round, submissions: 3, inputs_root },
        Event::RunStarted { round, run: 0, parameters },
        Event::Recovered {},
        Event::RunStarted { round, run: 1, parameters },
        Event::RunFinished { round, run: 1, parameters, partition },
        Event::ReleaseRefused { round, rule: 1 },
        Event::Released { round, policy, release: Digest::of(b"release") },
        Event::Queried { round, role, measure: 3, by: vec![0] },
        Event::CorrectionBegun { round, release: Digest::of(b"release"), reason: 1 },
        Event::RunStarted { round, run: 2, parameters },
        Event::RunFinished { round, run: 2, parameters, partition },
        Event::Released {
            round,
            policy: DisclosurePolicy::default(),
            release: Digest::of(b"corrected"),
        },
        Event::AccessRefused { role: Role::None, rule: 1 },
        Event::RoundClosed { round },
        Event::WrappingKeyRotated {},
        Event::Queried { round, role, measure: 1, by: vec![] },
    ]);
    story
}

/// Signs a story, one second an entry.
pub(crate) fn signed(story: Vec<Event>) -> Bundle {
    let entries = story.into_iter().enumerate();
    signed_entries(entries.map(|(second, event)| Entry { at: second as u64, event }).collect())
}

pub(crate) fn signed_entries(story: Vec<Entry>) -> Bundle {
    let mut tree = Tree::new();
    let bundled = |(index, entry): (usize, Entry)| {
        let body = entry.to_bytes();
        let salt = Digest::of_parts("salt", &[&index.to_be_bytes()]).0;
        let salt = salt.first_chunk::<16>().expect("a digest is longer");
        let leaf = leaf(salt, &body);
        tree.append(leaf);
        BundledEntry { index: index as u64, leaf, salt: Some(*salt), body: Some(body) }
    };
    let entries: Vec<BundledEntry> = story.into_iter().enumerate().map(bundled).collect();
    let origin = key().verifying_key().name().to_owned();
    let checkpoint = Checkpoint { origin, size: tree.size(), root: tree.root() };
    Bundle { checkpoint: checkpoint.sign(&key()), entries }
}

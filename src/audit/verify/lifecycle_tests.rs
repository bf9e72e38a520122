//! Each rule is broken by a story that is signed as if all were well.

use samenloop_ledger::{Entry, Event, Role, Rounded};
use samenloop_schema::{Digest, DisclosurePolicy, KeyCheckValue, SubmissionId};

use super::samples::{
    ROUND, accepted, sealed, signed, signed_entries, story, submission, verifier,
};
use super::*;

type Change = fn(&mut Vec<Event>);

/// Place of the n-th entry of a kind.
fn nth(story: &[Event], kind: &str, n: usize) -> usize {
    let mut places = story.iter().enumerate().filter(|(_, event)| event.kind() == kind);
    places.nth(n).expect("the story has it").0
}

fn after(story: &mut Vec<Event>, kind: &str, event: Event) {
    let place = nth(story, kind, 0) + 1;
    story.insert(place, event);
}

fn drop_nth(story: &mut Vec<Event>, kind: &str, n: usize) {
    let place = nth(story, kind, n);
    story.remove(place);
}

fn policy(event: &mut Event) -> &mut DisclosurePolicy {
    match event {
        Event::RoundCreated { policy, .. } | Event::Released { policy, .. } => policy,
        _ => panic!("the event has no policy"),
    }
}

const PARTY_1: SubmissionId = SubmissionId([12; 16]);

const CASES: &[(&str, &str, Change)] = &[
    ("batch_accepted", "a step is legal", |s| after(s, "round_frozen", accepted(0, 10, 2))),
    ("batch_accepted", "numbered without a gap", |s| drop_nth(s, "batch_accepted", 0)),
    ("batch_accepted", "opened, filled, sealed", |s| drop_nth(s, "submission_opened", 0)),
    ("batch_accepted", "numbered without a gap", |s| {
        after(s, "batch_accepted", accepted(0, 10, 0))
    }),
    ("batch_accepted", "about a round that was created", |s| drop_nth(s, "round_created", 0)),
    ("submission_sealed", "has all its batches", |s| drop_nth(s, "batch_accepted", 1)),
    ("submission_sealed", "batches in order", |s| {
        let place = nth(s, "batch_accepted", 1);
        s[place] = match s[place].clone() {
            Event::BatchAccepted { round, party, submission, number, records, .. } => {
                let content = Digest::of(b"another");
                Event::BatchAccepted { round, party, submission, number, records, content }
            }
            other => other,
        };
    }),
    ("submission_sealed", "the records of its batches", |s| {
        let place = nth(s, "submission_sealed", 0);
        if let Event::SubmissionSealed { records, .. } = &mut s[place] {
            *records = Rounded::up(500);
        }
    }),
    ("submission_sealed", "the records of its batches", |s| {
        let place = nth(s, "submission_sealed", 0);
        if let Event::SubmissionSealed { records, .. } = &mut s[place] {
            *records = Rounded::up(200);
        }
    }),
    ("submission_sealed", "replaces the party's older one", |s| {
        drop_nth(s, "submission_replaced", 0);
    }),
    ("submission_abandoned", "replaced only by a newer one", |s| {
        let place = nth(s, "submission_sealed", 3);
        let replaced = Event::SubmissionReplaced { round: ROUND, party: 1, submission: PARTY_1 };
        s.insert(place - 6, replaced);
    }),
    ("submission_replaced", "replaced together with a deletion", |s| {
        drop_nth(s, "wrapping_key_rotated", 0);
    }),
    ("submission_abandoned", "replaced together with a deletion", |s| {
        drop_nth(s, "wrapping_key_rotated", 1);
    }),
    ("round_closed", "replaced together with a deletion", |s| {
        drop_nth(s, "wrapping_key_rotated", 2);
    }),
    ("submission_withdrawn", "replaced together with a deletion", |s| {
        let (party, submission) = (1, PARTY_1);
        after(s, "release_refused", Event::SubmissionWithdrawn { round: ROUND, party, submission });
    }),
    ("submission_opened", "one submission at a time", |s| drop_nth(s, "submission_abandoned", 0)),
    ("submission_opened", "one of the manifest", |s| {
        let open = Event::SubmissionOpened { round: ROUND, party: 3, submission: submission(99) };
        after(s, "round_opened", open);
    }),
    ("round_opened", "every party has the same key", |s| drop_nth(s, "key_announced", 2)),
    ("round_opened", "every party has the same key", |s| {
        let key_check_value = KeyCheckValue([8; 16]);
        let last = nth(s, "key_announced", 2);
        s[last] = Event::KeyAnnounced { round: ROUND, party: 2, key_check_value };
    }),
    ("key_announced", "a step is legal", |s| {
        let key_check_value = KeyCheckValue([8; 16]);
        after(s, "round_opened", Event::KeyAnnounced { round: ROUND, party: 2, key_check_value });
    }),
    ("round_created", "created once", |s| {
        let again = s[1].clone();
        s.insert(2, again);
    }),
    ("round_created", "no less than the floor", |s| policy(&mut s[1]).threshold = 5),
    ("round_created", "two parties or more", |s| {
        if let Event::RoundCreated { min_parties, .. } = &mut s[1] {
            *min_parties = 1;
        }
    }),
    ("round_frozen", "counts its sealed submissions", |s| drop_nth(s, "submission_sealed", 3)),
    ("round_frozen", "left unsealed", |s| drop_nth(s, "submission_sealed", 3)),
    ("round_frozen", "frozen inputs are the sealed", |s| {
        let place = nth(s, "round_frozen", 0);
        if let Event::RoundFrozen { inputs_root, .. } = &mut s[place] {
            *inputs_root = Digest::of(b"another");
        }
    }),
    ("run_started", "one run goes on at a time", |s| drop_nth(s, "recovered", 0)),
    ("run_started", "runs are numbered", |s| drop_nth(s, "run_started", 0)),
    ("run_started", "a step is legal", |s| {
        let (run, parameters) = (0, Digest::of(b"parameters"));
        after(s, "round_opened", Event::RunStarted { round: ROUND, run, parameters });
    }),
    ("run_finished", "only a run that goes on ends", |s| {
        let cancelled = Event::RunCancelled { round: ROUND, run: 1 };
        let place = nth(s, "run_finished", 0);
        s.insert(place, cancelled);
    }),
    ("run_failed", "only a run that goes on ends", |s| {
        after(s, "run_finished", Event::RunFailed { round: ROUND, run: 1, rule: 1 });
    }),
    ("run_finished", "the parameters that it began with", |s| {
        let place = nth(s, "run_started", 1);
        let parameters = Digest::of(b"another");
        s[place] = Event::RunStarted { round: ROUND, run: 1, parameters };
    }),
    ("released", "a step is legal", |s| drop_nth(s, "run_finished", 0)),
    ("released", "a step is legal", |s| drop_nth(s, "round_frozen", 0)),
    ("released", "the policy of its manifest", |s| {
        let place = nth(s, "released", 0);
        policy(&mut s[place]).max_dimensions = 3;
    }),
    ("released", "no less than the floor", |s| {
        let place = nth(s, "released", 0);
        policy(&mut s[place]).variance = 0.5;
    }),
    ("released", "released once", |s| {
        let again = s[nth(s, "released", 0)].clone();
        after(s, "released", again);
    }),
    ("correction_begun", "a step is legal", |s| drop_nth(s, "released", 0)),
    ("correction_begun", "corrected once at most", |s| {
        let again = s[nth(s, "correction_begun", 0)].clone();
        let place = nth(s, "released", 1) + 1;
        s.insert(place, again);
    }),
    ("correction_begun", "names the release that was wrong", |s| {
        let place = nth(s, "correction_begun", 0);
        if let Event::CorrectionBegun { release, .. } = &mut s[place] {
            *release = Digest::of(b"another");
        }
    }),
    ("released", "bars the release", |s| {
        let (party, submission) = (1, PARTY_1);
        after(s, "round_frozen", Event::SubmissionWithdrawn { round: ROUND, party, submission });
    }),
    ("released", "the parties that its manifest needs", |s| {
        let place = nth(s, "round_frozen", 0);
        let (party, submission) = (1, PARTY_1);
        s.insert(place, Event::SubmissionWithdrawn { round: ROUND, party, submission });
    }),
    ("queried", "a step is legal", |s| {
        let role = Role::Monitor;
        after(s, "round_frozen", Event::Queried { round: ROUND, role, measure: 1, by: vec![] });
    }),
    ("queried", "only a release is asked", |s| drop_nth(s, "released", 0)),
    ("queried", "the policy's lattice", |s| {
        let place = nth(s, "queried", 0);
        if let Event::Queried { by, .. } = &mut s[place] {
            *by = vec![0, 1];
        }
    }),
    ("queried", "a known role", |s| {
        let place = nth(s, "queried", 0);
        if let Event::Queried { role, .. } = &mut s[place] {
            *role = Role::None;
        }
    }),
    ("submission_withdrawn", "a step is legal", |s| {
        let (party, submission) = (1, PARTY_1);
        after(s, "round_closed", Event::SubmissionWithdrawn { round: ROUND, party, submission });
    }),
    ("batch_refused", "one of the manifest", |s| {
        let (submission, number, rule) = (None, 0, 1);
        after(
            s,
            "round_opened",
            Event::BatchRefused { round: ROUND, party: 9, submission, number, rule },
        );
    }),
    ("submission_sealed", "opened, filled, sealed", |s| {
        after(s, "submission_sealed", sealed(0, 10, 2))
    }),
];

#[test]
fn each_rule_names_the_entry_that_breaks_it() {
    for (number, (kind, rule, change)) in CASES.iter().enumerate() {
        let mut bad = story();
        change(&mut bad);
        let verification = bundle(&signed(bad), &verifier(), None);
        let named = verification.findings.iter().any(|finding| {
            let place = matches!(&finding.place, Place::Entry { kind: Some(at), .. } if at == kind);
            place && finding.rule.contains(rule)
        });
        assert!(named, "case {number}, {kind}, {rule}: {:?}", verification.findings);
        let others = verification.findings.iter();
        let tree = others.filter(|finding| finding.place == Place::Checkpoint).count();
        assert_eq!(tree, 0, "the story itself is signed");
    }
}

#[test]
fn time_that_goes_back_is_found() {
    let entries = story().into_iter().enumerate();
    let mut entries: Vec<Entry> =
        entries.map(|(at, event)| Entry { at: 100 + at as u64, event }).collect();
    assert!(bundle(&signed_entries(entries.clone()), &verifier(), None).passed());
    entries[5].at = 99;
    let verification = bundle(&signed_entries(entries), &verifier(), None);
    assert_eq!(verification.findings.len(), 1);
    let place = Place::Entry { index: 5, kind: Some("round_opened") };
    assert_eq!(verification.findings[0].place, place);
    assert_eq!(verification.findings[0].evidence, "99 after 104");
}

#[test]
fn a_replacement_without_an_end_is_found() {
    let mut open = story();
    let end = nth(&open, "submission_replaced", 0) + 1;
    open.truncate(end);
    let verification = bundle(&signed(open), &verifier(), None);
    assert_eq!(verification.findings.len(), 2, "it is not ended, and its key not replaced");
    assert_eq!(verification.findings[1].place, Place::Round { round: ROUND });
}

#[test]
fn an_entry_that_cannot_be_read_is_named() {
    let mut bad = signed(story());
    let salt = bad.entries[0].salt.expect("a salt");
    bad.entries[0].body = Some(vec![1, 99, 0, 0]);
    bad.entries[0].leaf = samenloop_ledger::leaf(&salt, &[1, 99, 0, 0]);
    let verification = bundle(&bad, &verifier(), None);
    let at = Place::Entry { index: 0, kind: None };
    assert!(verification.findings.iter().any(|f| f.place == at && f.rule.contains("be read")));
}

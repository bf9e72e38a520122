//! Whether the entries tell a life that every round may have had.

use std::collections::{BTreeMap, BTreeSet};

use samenloop_ledger::{Entry, Event};
use samenloop_schema::RoundId;

use super::round::Round;
use crate::finding::{Finding, Place};

/// Where the findings of one entry go.
pub(super) struct Report<'a> {
    pub(super) place: Place,
    pub(super) findings: &'a mut Vec<Finding>,
}

impl Report<'_> {
    /// A finding if `holds` is false.
    pub(super) fn check(
        &mut self,
        holds: bool,
        rule: &'static str,
        evidence: impl FnOnce() -> String,
    ) {
        if !holds {
            self.findings.push(Finding::new(self.place.clone(), rule, evidence()));
        }
    }
}

/// The rounds with a release that was not taken back.
pub(super) fn released(entries: &[(u64, Entry)]) -> Vec<RoundId> {
    let mut released = BTreeSet::new();
    for (_, entry) in entries {
        match &entry.event {
            Event::Released { round, .. } => released.insert(*round),
            Event::CorrectionBegun { round, .. } => released.remove(round),
            _ => false,
        };
    }
    released.into_iter().collect()
}

/// Walks the entries in order; each rule that one breaks is a finding that names it. Returns the
/// state that every round is left in.
pub(super) fn check(
    entries: &[(u64, Entry)],
    findings: &mut Vec<Finding>,
) -> BTreeMap<RoundId, String> {
    let rounds = walk(entries, findings);
    for (id, round) in &rounds {
        let mut report = Report { place: Place::Round { round: *id }, findings };
        round.finish(&mut report);
    }
    rounds.into_iter().map(|(id, round)| (id, round.state().to_string())).collect()
}

fn walk(entries: &[(u64, Entry)], findings: &mut Vec<Finding>) -> BTreeMap<RoundId, Round> {
    let mut rounds: BTreeMap<RoundId, Round> = BTreeMap::new();
    let mut before = 0;
    let mut owed = None;
    for (earlier, (index, entry)) in entries.iter().enumerate() {
        let place = Place::Entry { index: *index, kind: Some(entry.kind()) };
        let mut report = Report { place, findings };
        let back = || format!("{} after {before}", entry.at);
        report.check(entry.at >= before, "times do not go back", back);
        before = before.max(entry.at);
        rotation(&mut owed, &entry.event, &rounds, &mut report);
        match &entry.event {
            Event::ServiceStarted { .. } | Event::Recovered {} => {
                rounds.values_mut().for_each(Round::interrupt);
            }
            Event::AccessRefused { .. }
            | Event::WrappingKeyRotated {}
            | Event::CertificatesLoaded { .. }
            | Event::CertificateUsed { .. } => {}
            Event::Restored { size } => {
                let past = *size <= *index;
                report.check(past, "a backup is of an earlier time", || format!("{size} entries"));
                rounds = restored(&entries[..earlier], *size);
            }
            Event::RoundCreated { round, parties, min_parties, policy, .. } => {
                let known = rounds.contains_key(round);
                report.check(!known, "a round is created once", || round.to_string());
                let enough = (2..=*parties).contains(min_parties);
                let evidence = || format!("{min_parties} of {parties}");
                report.check(enough, "a release needs two parties or more", evidence);
                let floor = policy.check_floor();
                let below = || floor.as_ref().map_or_else(ToString::to_string, |()| String::new());
                report.check(floor.is_ok(), "a policy protects no less than the floor", below);
                let fresh = Round::new(*parties, *min_parties, policy.clone());
                rounds.entry(*round).or_insert(fresh);
            }
            event => {
                // `round` is none only for the kinds above.
                let round = event.round().and_then(|round| rounds.get_mut(&round));
                match round {
                    Some(round) => round.take(event, &mut report),
                    None => {
                        report.check(false, "an entry is about a round that was created", || {
                            event.round().map_or_else(String::new, |round| round.to_string())
                        })
                    }
                }
            }
        }
    }
    if let Some(place) = owed {
        findings.push(Finding::new(place, ROTATED, NOT_ROTATED));
    }
    rounds
}

const ROTATED: &str = "the wrapping key is replaced together with a deletion";
const NOT_ROTATED: &str = "an older copy of the store opens what was deleted";

/// Follows a deletion (`owed`, its place) to the entry that ends its change.
fn rotation(
    owed: &mut Option<Place>,
    event: &Event,
    rounds: &BTreeMap<RoundId, Round>,
    report: &mut Report<'_>,
) {
    let deletes = match event {
        Event::SubmissionReplaced { .. }
        | Event::SubmissionWithdrawn { .. }
        | Event::SubmissionAbandoned { .. } => true,
        Event::RoundClosed { round } => rounds.get(round).is_some_and(Round::holds_rows),
        _ => false,
    };
    // What one change may write between a deletion and its rotation.
    let goes_on = matches!(
        event,
        Event::SubmissionOpened { .. } | Event::SubmissionSealed { .. } | Event::RoundFrozen { .. }
    );
    if matches!(event, Event::WrappingKeyRotated {}) {
        *owed = None;
    } else if deletes {
        owed.get_or_insert_with(|| report.place.clone());
    } else if !goes_on && let Some(place) = owed.take() {
        report.findings.push(Finding::new(place, ROTATED, NOT_ROTATED));
    }
}

/// The rounds once a backup of the first `size` entries is restored: of the later entries only
/// deletions hold. What is wrong with an entry was found when it was walked before.
fn restored(entries: &[(u64, Entry)], size: u64) -> BTreeMap<RoundId, Round> {
    let (held, later) = entries.split_at(entries.partition_point(|(index, _)| *index < size));
    let mut rounds = walk(held, &mut vec![]);
    rounds.values_mut().for_each(Round::interrupt);
    for (_, Entry { event, .. }) in later {
        if let Some(round) = event.round().and_then(|id| rounds.get_mut(&id)) {
            round.replay(event);
        }
    }
    rounds
}

//! One round as its entries tell it.

use std::collections::{BTreeMap, BTreeSet};

use samenloop_ledger::{Event, Role, Rounded, inputs_root, submission_content};
use samenloop_schema::{Digest, DisclosurePolicy, KeyCheckValue, RoundState, Step, SubmissionId};

use super::lifecycle::Report;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Open,
    Sealed,
    Replaced,
    Withdrawn,
    Abandoned,
}

struct Submission {
    held: Held,
    batches: Vec<(Rounded, Digest)>,
    content: Option<Digest>,
}

struct Run {
    number: u32,
    parameters: Digest,
    /// The service was started again since the run began, so that it may never be ended.
    interrupted: bool,
}

/// A round as far as its entries have been read.
pub(super) struct Round {
    state: RoundState,
    parties: u16,
    min_parties: u16,
    policy: DisclosurePolicy,
    keys: BTreeMap<u16, KeyCheckValue>,
    submissions: BTreeMap<(u16, SubmissionId), Submission>,
    /// A party whose sealed submission was replaced, until the entry of the newer one.
    replacing: Option<u16>,
    frozen_parties: usize,
    barred: bool,
    release: Option<Digest>,
    corrected: bool,
    runs: u32,
    run: Option<Run>,
}

impl Round {
    pub(super) fn new(parties: u16, min_parties: u16, policy: DisclosurePolicy) -> Self {
        Self {
            state: RoundState::Draft,
            parties,
            min_parties,
            policy,
            keys: BTreeMap::new(),
            submissions: BTreeMap::new(),
            replacing: None,
            frozen_parties: 0,
            barred: false,
            release: None,
            corrected: false,
            runs: 0,
            run: None,
        }
    }

    pub(super) fn state(&self) -> RoundState {
        self.state
    }

    /// Whether a submission's rows are kept.
    pub(super) fn holds_rows(&self) -> bool {
        self.submissions.values().any(|held| matches!(held.held, Held::Open | Held::Sealed))
    }

    /// The service was started again.
    pub(super) fn interrupt(&mut self) {
        if let Some(run) = &mut self.run {
            run.interrupted = true;
        }
    }

    /// What must hold once there are no more entries.
    pub(super) fn finish(&self, report: &mut Report<'_>) {
        report.check(self.replacing.is_none(), REPLACED, String::new);
    }

    fn legal(&self, step: Step, report: &mut Report<'_>) -> RoundState {
        let after = self.state.after(step);
        let evidence = || after.as_ref().map_or_else(ToString::to_string, |_| String::new());
        report.check(after.is_ok(), "a step is legal in the state that its round is in", evidence);
        after.unwrap_or(self.state)
    }

    fn party(&self, party: u16, report: &mut Report<'_>) {
        let known = party < self.parties;
        report.check(known, "a party is one of the manifest", || format!("place {party}"));
    }

    /// A submission that must be there and be held in one of the given ways.
    fn held(
        &mut self,
        key: (u16, SubmissionId),
        allowed: &[Held],
        report: &mut Report<'_>,
    ) -> Option<&mut Submission> {
        let found = self.submissions.get_mut(&key);
        let now = found.as_ref().map(|submission| submission.held);
        let evidence = || match now {
            Some(held) => format!("{} is {held:?}", key.1),
            None => format!("{} was not opened", key.1),
        };
        let legal = now.is_some_and(|held| allowed.contains(&held));
        report.check(
            legal,
            "a submission is opened, filled, sealed and deleted in order",
            evidence,
        );
        found.filter(|_| legal)
    }

    fn sealed(&self) -> impl Iterator<Item = (u16, Digest)> {
        let sealed = self.submissions.iter().filter(|(_, held)| held.held == Held::Sealed);
        sealed.filter_map(|((party, _), held)| Some((*party, held.content?)))
    }

    /// Takes the next entry of this round. Kinds that are about no round never come here.
    pub(super) fn take(&mut self, event: &Event, report: &mut Report<'_>) {
        if let Some(party) = self.replacing {
            let follows = match event {
                Event::SubmissionSealed { party: by, .. }
                | Event::SubmissionReplaced { party: by, .. } => *by == party,
                _ => false,
            };
            report.check(follows, REPLACED, || format!("place {party}"));
            self.replacing = None;
        }
        match event {
            Event::KeyAnnounced { party, key_check_value, .. } => {
                self.legal(Step::AnnounceKey, report);
                self.party(*party, report);
                self.keys.insert(*party, *key_check_value);
            }
            Event::RoundOpened { .. } => {
                self.state = self.legal(Step::Open, report);
                let values: BTreeSet<_> = self.keys.values().collect();
                let agree = self.keys.len() == usize::from(self.parties) && values.len() == 1;
                let evidence = || format!("{} keys, {} values", self.keys.len(), values.len());
                report.check(agree, "a round opens when every party has the same key", evidence);
            }
            Event::SubmissionOpened { party, submission, .. } => {
                self.legal(Step::Submit, report);
                self.party(*party, report);
                let others = self.submissions.iter().filter(|((by, id), other)| {
                    id == submission || (by == party && other.held == Held::Open)
                });
                let clashes = others.count();
                let rule = "a party fills one submission at a time, under an id of its own";
                report.check(clashes == 0, rule, || submission.to_string());
                let fresh = Submission { held: Held::Open, batches: vec![], content: None };
                self.submissions.entry((*party, *submission)).or_insert(fresh);
            }
            Event::BatchAccepted { party, submission, number, records, content, .. } => {
                self.legal(Step::Submit, report);
                if let Some(held) = self.held((*party, *submission), &[Held::Open], report) {
                    let next = held.batches.len();
                    let evidence = || format!("{number} instead of {next}");
                    let rule = "batches of a submission are numbered without a gap";
                    report.check(*number as usize == next, rule, evidence);
                    held.batches.push((*records, *content));
                }
            }
            Event::BatchRefused { party, .. } => self.party(*party, report),
            Event::SubmissionSealed { party, submission, batches, records, content, .. } => {
                self.legal(Step::Submit, report);
                let older = self.sealed().any(|(by, _)| by == *party);
                let rule = "a newer submission replaces the party's older one";
                report.check(!older, rule, || format!("place {party}"));
                if let Some(held) = self.held((*party, *submission), &[Held::Open], report) {
                    check_seal(held, *batches, *records, content, report);
                    held.held = Held::Sealed;
                    held.content = Some(*content);
                }
            }
            Event::SubmissionReplaced { party, submission, .. } => {
                self.legal(Step::Submit, report);
                if let Some(held) = self.held((*party, *submission), &[Held::Sealed], report) {
                    held.held = Held::Replaced;
                }
                self.replacing = Some(*party);
            }
            Event::SubmissionWithdrawn { party, submission, .. } => {
                self.legal(Step::Withdraw, report);
                self.barred |= self.state > RoundState::Open;
                let allowed = [Held::Open, Held::Sealed];
                if let Some(held) = self.held((*party, *submission), &allowed, report) {
                    held.held = Held::Withdrawn;
                }
            }
            Event::SubmissionAbandoned { party, submission, .. } => {
                self.legal(Step::Submit, report);
                if let Some(held) = self.held((*party, *submission), &[Held::Open], report) {
                    held.held = Held::Abandoned;
                }
            }
            Event::RoundFrozen { submissions, inputs_root: root, .. } => {
                self.state = self.legal(Step::Freeze, report);
                let sealed: Vec<Digest> = self.sealed().map(|(_, content)| content).collect();
                self.frozen_parties = sealed.len();
                let evidence = || format!("{submissions} said, {} sealed", sealed.len());
                let rule = "a frozen round counts its sealed submissions";
                report.check(usize::from(*submissions) == sealed.len(), rule, evidence);
                let open = self.submissions.values().any(|held| held.held == Held::Open);
                report.check(!open, "no submission is left unsealed by freezing", String::new);
                let computed = inputs_root(sealed);
                let evidence = || format!("said {root}, computed {computed}");
                let rule = "the frozen inputs are the sealed submissions";
                report.check(*root == computed, rule, evidence);
            }
            Event::RunStarted { run, parameters, .. } => {
                self.legal(Step::Link, report);
                let free = self.run.as_ref().is_none_or(|run| run.interrupted);
                report.check(free, "one run goes on at a time", || format!("run {run}"));
                let evidence = || format!("{run} instead of {}", self.runs);
                report.check(*run == self.runs, "runs are numbered without a gap", evidence);
                self.runs += 1;
                self.run = Some(Run { number: *run, parameters: *parameters, interrupted: false });
            }
            Event::RunFinished { run, parameters, .. } => {
                self.state = self.legal(Step::Link, report);
                let begun = self.end_run(*run, report);
                let same = begun.is_none_or(|begun| begun.parameters == *parameters);
                let rule = "a run ends with the parameters that it began with";
                report.check(same, rule, || format!("run {run}"));
            }
            Event::RunFailed { run, .. } | Event::RunCancelled { run, .. } => {
                self.end_run(*run, report);
            }
            Event::Released { policy, release, .. } => self.release(policy, *release, report),
            Event::CorrectionBegun { release, .. } => self.correct(release, report),
            Event::ReleaseRefused { .. } => {}
            Event::Queried { role, by, .. } => self.query(*role, by, report),
            Event::RoundClosed { .. } => self.state = self.legal(Step::Close, report),
            Event::RetentionEnded { .. } => {
                self.legal(Step::Close, report);
            }
            Event::ServiceStarted { .. }
            | Event::Recovered {}
            | Event::WrappingKeyRotated {}
            | Event::Restored { .. }
            | Event::RoundCreated { .. }
            | Event::AccessRefused { .. }
            | Event::CertificatesLoaded { .. }
            | Event::CertificateUsed { .. }
            | Event::Cosigned { .. } => {}
        }
    }

    /// Takes an entry of a time that a restored backup does not know: what was deleted stays so,
    /// what was released is not released again, and everything else did not happen.
    pub(super) fn replay(&mut self, event: &Event) {
        match event {
            Event::SubmissionReplaced { party, submission, .. } => {
                self.delete((*party, *submission), Held::Replaced);
            }
            Event::SubmissionAbandoned { party, submission, .. } => {
                self.delete((*party, *submission), Held::Abandoned);
            }
            Event::SubmissionWithdrawn { party, submission, .. } => {
                self.delete((*party, *submission), Held::Withdrawn);
            }
            Event::RunStarted { run, .. } => self.runs = run + 1,
            Event::Released { .. } => self.barred = true,
            Event::CorrectionBegun { .. } => {
                (self.corrected, self.release) = (true, None);
                if self.state == RoundState::Released {
                    self.state = RoundState::Frozen;
                }
            }
            Event::RoundClosed { .. } => self.state = RoundState::Closed,
            _ => {}
        }
    }

    fn delete(&mut self, key: (u16, SubmissionId), held: Held) {
        let Some(submission) = self.submissions.get_mut(&key) else { return };
        if matches!(submission.held, Held::Open | Held::Sealed) {
            submission.held = held;
            // A round that was frozen with it has lost an input.
            self.barred |= self.state > RoundState::Open;
        }
    }

    fn end_run(&mut self, number: u32, report: &mut Report<'_>) -> Option<Run> {
        let goes_on = self.run.as_ref().is_some_and(|run| run.number == number);
        report.check(goes_on, "only a run that goes on ends", || format!("run {number}"));
        if goes_on { self.run.take() } else { None }
    }

    fn release(&mut self, policy: &DisclosurePolicy, release: Digest, report: &mut Report<'_>) {
        self.state = self.legal(Step::Release, report);
        let agreed = *policy == self.policy;
        report.check(agreed, "a release has the policy of its manifest", String::new);
        let floor = policy.check_floor();
        let below = || floor.as_ref().map_or_else(ToString::to_string, |()| String::new());
        report.check(floor.is_ok(), "a policy protects no less than the floor", below);
        let rule = "a submission withdrawn after freezing bars the release";
        report.check(!self.barred, rule, String::new);
        let enough = self.frozen_parties >= usize::from(self.min_parties);
        let evidence = || format!("{} of {}", self.frozen_parties, self.min_parties);
        report.check(enough, "a release has the parties that its manifest needs", evidence);
        let first = self.release.is_none();
        report.check(first, "a round is released once, and once more if corrected", String::new);
        self.release = Some(release);
    }

    fn correct(&mut self, release: &Digest, report: &mut Report<'_>) {
        self.state = self.legal(Step::Correct, report);
        report.check(!self.corrected, "a release is corrected once at most", String::new);
        let same = self.release.as_ref() == Some(release);
        report.check(same, "a correction names the release that was wrong", || release.to_string());
        (self.corrected, self.release) = (true, None);
    }

    fn query(&self, role: Role, by: &[u16], report: &mut Report<'_>) {
        self.legal(Step::Query, report);
        report.check(self.release.is_some(), "only a release is asked", String::new);
        let distinct: BTreeSet<_> = by.iter().collect();
        let inside = by.len() <= self.policy.max_dimensions && distinct.len() == by.len();
        let rule = "a question stays inside the policy's lattice";
        report.check(inside, rule, || format!("{} dimensions", by.len()));
        report.check(role != Role::None, "only a known role asks", String::new);
    }
}

const REPLACED: &str = "a submission is replaced only by a newer one that is sealed with it";

fn check_seal(
    held: &Submission,
    batches: u32,
    records: Rounded,
    content: &Digest,
    report: &mut Report<'_>,
) {
    let count = held.batches.len();
    let evidence = || format!("{batches} said, {count} accepted");
    report.check(batches as usize == count, "a sealed submission has all its batches", evidence);
    // Each batch holds up to 99 records fewer than its rounded number.
    let most: u64 = held.batches.iter().map(|(records, _)| records.get()).sum();
    let least = most.saturating_sub((Rounded::STEP - 1) * count as u64);
    let possible = (Rounded::up(least).get()..=most).contains(&records.get());
    let evidence = || format!("{} said, {most} accepted at most", records.get());
    report.check(possible, "a sealed submission has the records of its batches", evidence);
    let computed = submission_content(held.batches.iter().map(|(_, content)| *content));
    let evidence = || format!("said {content}, computed {computed}");
    report.check(*content == computed, "a sealed submission is its batches in order", evidence);
}

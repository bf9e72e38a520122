//! What the service must do, told a second time and simply: no disk, no keys, no time to wait.

use std::collections::BTreeMap;

use samenloop_schema::{Digest, RoundState, Step};
use samenloop_wire::v1::SubmissionState;

/// What can be asked. Parties are places in the manifest; a submission's number tells it apart from
/// the party's others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    Create,
    Announce {
        party: u16,
        right: bool,
    },
    Open,
    OpenSubmission {
        party: u16,
        number: u8,
        batches: u32,
    },
    Batch {
        party: u16,
        number: u8,
        batch: u32,
        other: bool,
    },
    Seal {
        party: u16,
        number: u8,
    },
    Withdraw {
        party: u16,
        number: u8,
    },
    Freeze,
    Run {
        cancelled: bool,
    },
    Release,
    Correct,
    Query,
    Close,
    /// The timer of the retention.
    Expire,
}

/// How the service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Refused,
    /// Disclosure control decides, which the model leaves to its own tests.
    Either,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Submission {
    pub(crate) state: SubmissionState,
    pub(crate) expected: u32,
    pub(crate) batches: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) state: RoundState,
    pub(crate) created_at: u64,
    pub(crate) announced: BTreeMap<u16, bool>,
    pub(crate) submissions: BTreeMap<(u16, u8), Submission>,
    pub(crate) barred: bool,
    pub(crate) corrected: bool,
    pub(crate) partition: bool,
    pub(crate) release: Option<Digest>,
}

/// The whole service: one round, and how long its ledger is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Model {
    pub(crate) round: Option<Round>,
    pub(crate) entries: u64,
    /// The next change says that the disk had failed.
    pub(crate) reopened: bool,
}

pub(crate) const PARTIES: u16 = 3;
pub(crate) const RETENTION: u64 = 90 * 86_400;

fn live(held: &Submission) -> bool {
    matches!(held.state, SubmissionState::Open | SubmissionState::Sealed)
}

impl Model {
    /// Takes a request and says how it is answered. `now` is the wall clock.
    pub(crate) fn ask(&mut self, op: &Op, now: u64) -> Answer {
        let before = self.clone();
        match self.step(op, now) {
            Some((answer, entries)) => {
                if entries > 0 && std::mem::take(&mut self.reopened) {
                    self.entries += 1;
                }
                self.entries += entries;
                answer
            }
            None => {
                *self = before;
                Answer::Refused
            }
        }
    }

    /// The answer and the entries that it adds; none for a refusal that leaves no trace.
    fn step(&mut self, op: &Op, now: u64) -> Option<(Answer, u64)> {
        use Answer::{Done, Either, Refused};
        if *op == Op::Create {
            if self.round.is_some() {
                return None;
            }
            self.round = Some(Round {
                state: RoundState::Draft,
                created_at: now,
                announced: BTreeMap::new(),
                submissions: BTreeMap::new(),
                barred: false,
                corrected: false,
                partition: false,
                release: None,
            });
            return Some((Done, 1));
        }
        if *op == Op::Expire {
            let due = self.round.as_ref().is_some_and(|round| {
                round.state != RoundState::Closed && now >= round.created_at + RETENTION
            });
            let entries = if due { 1 + self.round.as_mut()?.close() } else { 0 };
            return Some((Done, entries));
        }
        let round = self.round.as_mut()?;
        match *op {
            Op::Create | Op::Expire => None,
            Op::Announce { party, right } => {
                round.advance(Step::AnnounceKey)?;
                round.announced.insert(party, right);
                Some((Done, 1))
            }
            Op::Open => {
                round.advance(Step::Open)?;
                let all = round.announced.len() == usize::from(PARTIES);
                let one = round.announced.values().all(|right| *right)
                    || round.announced.values().all(|right| !*right);
                (all && one).then_some((Done, 1))
            }
            Op::OpenSubmission { party, number, batches } => {
                round.advance(Step::Submit)?;
                if !*round.announced.get(&party)? {
                    return None;
                }
                if let Some(known) = round.submissions.get(&(party, number)) {
                    return (live(known) && known.expected == batches).then_some((Done, 0));
                }
                let mut left = 0;
                for ((by, _), held) in &mut round.submissions {
                    if *by == party && held.state == SubmissionState::Open {
                        held.state = SubmissionState::Abandoned;
                        left += 1;
                    }
                }
                let state = SubmissionState::Open;
                let opened = Submission { state, expected: batches, batches: 0 };
                round.submissions.insert((party, number), opened);
                Some((Done, 1 + left + u64::from(left > 0)))
            }
            Op::Batch { party, number, batch, other } => {
                // A refused batch leaves an entry.
                let refused = Some((Refused, 1));
                let right = round.announced.get(&party).copied().unwrap_or(false);
                if round.advance(Step::Submit).is_none() {
                    return refused;
                }
                let Some(held) = round.submissions.get_mut(&(party, number)) else {
                    return refused;
                };
                if held.state != SubmissionState::Open || !right {
                    return refused;
                }
                if batch < held.batches {
                    return if other { refused } else { Some((Done, 0)) };
                }
                // A first batch of other records would be as good as any, so none is sent.
                if batch > held.batches || batch >= held.expected || other {
                    return refused;
                }
                held.batches += 1;
                Some((Done, 1))
            }
            Op::Seal { party, number } => {
                let held = round.submissions.get(&(party, number))?.clone();
                let complete = held.batches == held.expected;
                if held.state == SubmissionState::Sealed {
                    return complete.then_some((Done, 0));
                }
                round.advance(Step::Submit)?;
                if held.state != SubmissionState::Open || !complete {
                    return None;
                }
                let mut replaced = 0;
                for ((by, _), older) in &mut round.submissions {
                    if *by == party && older.state == SubmissionState::Sealed {
                        older.state = SubmissionState::Replaced;
                        replaced += 1;
                    }
                }
                round.submissions.get_mut(&(party, number))?.state = SubmissionState::Sealed;
                Some((Done, 1 + replaced + u64::from(replaced > 0)))
            }
            Op::Withdraw { party, number } => {
                let state = round.state;
                let held = round.submissions.get(&(party, number))?.clone();
                if held.state == SubmissionState::Withdrawn {
                    return Some((Done, 0));
                }
                if !live(&held) {
                    return None;
                }
                round.advance(Step::Withdraw)?;
                round.submissions.get_mut(&(party, number))?.state = SubmissionState::Withdrawn;
                if state != RoundState::Open {
                    (round.barred, round.partition) = (true, false);
                }
                Some((Done, 2))
            }
            Op::Freeze => {
                round.advance(Step::Freeze)?;
                let count = |round: &Round, state| {
                    round.submissions.values().filter(|held| held.state == state).count() as u64
                };
                // The fixture's manifest asks for all three parties.
                if count(round, SubmissionState::Sealed) < u64::from(PARTIES) {
                    return None;
                }
                let open = count(round, SubmissionState::Open);
                for held in round.submissions.values_mut() {
                    if held.state == SubmissionState::Open {
                        held.state = SubmissionState::Abandoned;
                    }
                }
                Some((Done, 1 + open + u64::from(open > 0)))
            }
            Op::Run { cancelled } => {
                let state = round.state;
                round.advance(Step::Link)?;
                if cancelled || round.barred {
                    round.state = state;
                    return Some((Refused, 2));
                }
                round.partition = true;
                Some((Done, 2))
            }
            Op::Release => {
                let state = round.state;
                round.advance(Step::Release)?;
                if round.barred {
                    round.state = state;
                    return Some((Refused, 1));
                }
                Some((Either, 1))
            }
            Op::Correct => {
                round.advance(Step::Correct)?;
                if round.corrected || round.barred {
                    return None;
                }
                (round.corrected, round.partition, round.release) = (true, false, None);
                Some((Done, 2))
            }
            Op::Query => {
                round.advance(Step::Query)?;
                round.release?;
                Some((Done, 1))
            }
            Op::Close => {
                round.state.after(Step::Close).ok()?;
                Some((Done, round.close()))
            }
        }
    }
}

impl Round {
    fn advance(&mut self, step: Step) -> Option<()> {
        self.state = self.state.after(step).ok()?;
        Some(())
    }

    /// Ends the round and returns how many entries tell it.
    fn close(&mut self) -> u64 {
        self.state = RoundState::Closed;
        let held = self.submissions.values().any(live) || self.partition;
        // Closing keeps the states that submissions had and deletes what they hold.
        self.partition = false;
        1 + u64::from(held)
    }
}

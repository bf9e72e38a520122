//! Linkage runs and the release that follows from one.

mod partition;
mod people;
mod release;
mod replay;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use samenloop_ledger::{Event, commit};
use samenloop_link::{LinkError, Linkage, Options, Progress, Source, link};
use samenloop_schema::{Digest, RoundId, Step};
use samenloop_wire::store::submission_key;
use samenloop_wire::v1::SubmissionState;
use tokio::sync::watch;
use tonic::Status;

#[cfg(test)]
pub(crate) use partition::read as read_partition;
pub use release::ReleaseError;
pub(crate) use release::frame;
pub use replay::ReplayError;

use crate::keys::random;
use crate::round::{RoundFacts, Rounds, StepError, advance, stored, submissions};
use crate::store::{Change, DataKey, Keyed as _, ROUNDS, SUBMISSIONS, StoreError};

/// Why a run does not begin or does not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The round cannot be stepped.
    #[error(transparent)]
    Step(#[from] StepError),
    /// An input is gone.
    #[error("a party withdrew after freezing: close this round and create a new one")]
    Withdrawn,
    /// The coordinator stopped it.
    #[error("the run was cancelled; the round is still frozen and can be linked again")]
    Cancelled,
    /// The service stops.
    #[error("the service is stopping; link again once it runs")]
    Stopping,
    /// Nothing to cancel.
    #[error("no run goes on in this round")]
    NoRun,
    /// The program itself fails.
    #[error("the run broke off; the round is still frozen and can be linked again")]
    BrokeOff,
    /// The linkage refuses its inputs.
    #[error("the linkage failed: {0}")]
    Link(LinkError),
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        Self::Step(error.into())
    }
}

impl RunError {
    /// The code that stands in the ledger.
    const fn code(&self) -> u16 {
        match self {
            Self::Link(_) => 1,
            Self::Stopping => 2,
            Self::Step(_) => 3,
            Self::Withdrawn => 4,
            Self::BrokeOff => 5,
            Self::Cancelled | Self::NoRun => 6,
        }
    }
}

/// What can be seen of a run from outside.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// It goes on.
    Percent(u32),
    /// It ended well. The share of the pairs of one person that no block holds is at most so many
    /// percent, rounded up.
    Finished { missed_percent: u32 },
    /// It did not.
    Failed(Status),
}

impl Seen {
    pub(crate) const fn ended(&self) -> bool {
        !matches!(self, Self::Percent(_))
    }
}

/// A run that goes on.
struct Run {
    seen: watch::Sender<Seen>,
    cancelled: AtomicBool,
    stopping: AtomicBool,
}

impl Progress for Run {
    fn permille(&self, done: u32) {
        // The last percent is the partition becoming durable.
        let percent = (done / 10).min(99);
        self.seen.send_if_modified(|seen| match seen {
            Seen::Percent(known) if *known < percent => {
                *known = percent;
                true
            }
            _ => false,
        });
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// The runs that go on, at most one per round.
pub(crate) struct Runs {
    rounds: Arc<Rounds>,
    going: Mutex<Going>,
}

#[derive(Default)]
struct Going {
    runs: HashMap<RoundId, Arc<Run>>,
    stopping: bool,
}

impl Runs {
    pub(crate) fn new(rounds: Arc<Rounds>) -> Self {
        Self { rounds, going: Mutex::default() }
    }

    /// Starts the round's run, or joins the one that goes on. It ends by itself, whether anyone
    /// watches or not. Needs a tokio runtime.
    pub(crate) fn join(
        self: &Arc<Self>,
        round: &RoundId,
    ) -> Result<watch::Receiver<Seen>, RunError> {
        let facts = self.rounds.facts(round)?;
        let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = going.runs.get(round) {
            return Ok(run.seen.subscribe());
        }
        if going.stopping {
            return Err(RunError::Stopping);
        }
        let mut now = stored(&self.rounds.store().read()?, round)?;
        advance(&mut now, Step::Link)?;
        if now.release_barred {
            return Err(RunError::Withdrawn);
        }
        let run = Arc::new(Run {
            seen: watch::Sender::new(Seen::Percent(0)),
            cancelled: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        });
        let seen = run.seen.subscribe();
        going.runs.insert(*round, Arc::clone(&run));
        let runs = Arc::clone(self);
        tokio::task::spawn_blocking(move || runs.execute(&facts, &run));
        Ok(seen)
    }

    /// Tells a run to stop.
    pub(crate) fn cancel(&self, round: &RoundId) -> Result<(), RunError> {
        let going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        let run = going.runs.get(round).ok_or(RunError::NoRun)?;
        run.cancelled.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Tells every run to stop because the service does, and waits until they have.
    pub(crate) async fn stop(&self) {
        let watched: Vec<_> = {
            let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
            going.stopping = true;
            let stop = |run: &Arc<Run>| {
                run.stopping.store(true, Ordering::Relaxed);
                run.cancelled.store(true, Ordering::Relaxed);
                run.seen.subscribe()
            };
            going.runs.values().map(stop).collect()
        };
        for mut seen in watched {
            // An error is a run that is gone, which is as good.
            let _ = seen.wait_for(Seen::ended).await;
        }
    }

    fn execute(&self, facts: &RoundFacts, run: &Run) {
        let round = facts.id;
        let ended = self.rounds.run(facts, run);
        let seen = match ended {
            Ok(missed_percent) => {
                tracing::info!(%round, missed_percent, "run finished");
                Seen::Finished { missed_percent }
            }
            Err(error) => {
                tracing::warn!(%round, %error, "run ended early");
                Seen::Failed(error.into())
            }
        };
        // Whoever comes now sees the new state of the round, so the run is taken away first.
        self.going.lock().unwrap_or_else(PoisonError::into_inner).runs.remove(&round);
        run.seen.send_replace(seen);
    }
}

/// Everything that decides a run's result besides the inputs.
fn parameters(facts: &RoundFacts, options: &Options) -> Digest {
    Digest::of_parts(
        "samenloop/v1/run-parameters",
        &[
            facts.schema.hash().as_bytes(),
            env!("CARGO_PKG_VERSION").as_bytes(),
            &options.draws.to_be_bytes(),
        ],
    )
}

/// Notes for each party how many of its match-key values were left out.
fn tell_dropped(
    change: &Change<'_>,
    round: &RoundId,
    dropped: &[(u16, u64)],
) -> Result<(), StoreError> {
    for mut placed in submissions(change, round.as_bytes())? {
        let of_party = dropped.iter().find(|(party, _)| *party == placed.party);
        let Some((_, dropped)) = of_party else { continue };
        let told = placed.stored.dropped_match_keys == *dropped;
        if !told && placed.stored.state() == SubmissionState::Sealed {
            placed.stored.dropped_match_keys = *dropped;
            let key = submission_key(round, placed.party.into(), &placed.id);
            change.put(SUBMISSIONS, &key, &placed.stored)?;
        }
    }
    Ok(())
}

impl Rounds {
    /// One run from its first ledger entry to its last. Tells the percents of pairs missed.
    fn run(&self, facts: &RoundFacts, run: &Run) -> Result<u32, RunError> {
        let (round, options) = (facts.id, Options::default());
        let parameters = parameters(facts, &options);
        let number = self.start(facts, parameters)?;
        // Whoever watches must see an end, also of a run that breaks a rule of the program. Nothing
        // is half done then: a change that is not committed leaves the store as it was.
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let (linkage, dropped) = self.link(facts, run, &options)?;
            self.finish(facts, &linkage, &dropped, number, parameters)?;
            Ok((100.0 * linkage.missed).ceil() as u32)
        }));
        let ended = ended.unwrap_or(Err(RunError::BrokeOff));
        let error = match ended {
            Ok(missed_percent) => return Ok(missed_percent),
            Err(error) => error,
        };
        let event = match error {
            RunError::Cancelled => Event::RunCancelled { round, run: number },
            _ => Event::RunFailed { round, run: number, rule: error.code() },
        };
        self.store().record(event)?;
        Err(error)
    }

    fn start(&self, facts: &RoundFacts, parameters: Digest) -> Result<u32, RunError> {
        let round = facts.id;
        let mut change = self.store().change()?;
        let mut stored = stored(&change, &round)?;
        advance(&mut stored.clone(), Step::Link)?;
        let run = stored.runs;
        stored.runs += 1;
        change.put(ROUNDS, round.as_bytes(), &stored)?;
        change.append(Event::RunStarted { round, run, parameters })?;
        change.commit()?;
        tracing::info!(%round, run, "run started");
        Ok(run)
    }

    /// The linkage, and how many match-key values it left out of each submission.
    fn link(
        &self,
        facts: &RoundFacts,
        run: &Run,
        options: &Options,
    ) -> Result<(Linkage, Vec<(u16, u64)>), RunError> {
        let people = people::load(self.store(), facts)?;
        let sources: Vec<Source<'_>> = people
            .iter()
            .map(|source| Source {
                may_hold_duplicates: source.may_hold_duplicates,
                records: &source.records,
            })
            .collect();
        let linkage = link(&facts.schema, &sources, options, run).map_err(|error| match error {
            LinkError::Cancelled if run.stopping.load(Ordering::Relaxed) => RunError::Stopping,
            LinkError::Cancelled => RunError::Cancelled,
            other => RunError::Link(other),
        })?;
        let dropped = people.iter().map(|source| (source.party, source.dropped_match_keys));
        Ok((linkage, dropped.collect()))
    }

    fn finish(
        &self,
        facts: &RoundFacts,
        linkage: &Linkage,
        dropped: &[(u16, u64)],
        run: u32,
        parameters: Digest,
    ) -> Result<(), RunError> {
        let round = facts.id;
        let salt = random::<16>().map_err(StoreError::from)?;
        let key = DataKey::generate().map_err(StoreError::from)?;
        let mut change = self.store().change()?;
        let wrapped = change.wrapping_key().wrap(&key, round.as_bytes());
        let mut stored = stored(&change, &round)?;
        advance(&mut stored, Step::Link)?;
        // A withdrawal may have come between.
        if stored.release_barred {
            return Err(RunError::Withdrawn);
        }
        partition::write(&change, &round, &key, linkage)?;
        tell_dropped(&change, &round, dropped)?;
        stored.partition_digest = linkage.partition_digest.0.to_vec().into();
        stored.partition_salt = salt.to_vec().into();
        stored.wrapped_partition_key = wrapped.map_err(StoreError::from)?.into();
        change.put(ROUNDS, round.as_bytes(), &stored)?;
        let partition = commit(&salt, &linkage.partition_digest);
        change.append(Event::RunFinished { round, run, parameters, partition })?;
        change.commit()?;
        Ok(())
    }
}

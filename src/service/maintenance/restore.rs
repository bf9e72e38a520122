//! A backup in the place of a lost store. Deletions that came after it are done again first.

use std::fs;
use std::path::Path;

use samenloop_ledger::Event;
use samenloop_schema::{RoundId, RoundState, SubmissionId};
use samenloop_wire::store::{self, submission_key};
use samenloop_wire::v1::{Correction, SubmissionState};

use super::bundle::{self, Salted};
use super::{MaintenanceError, signing_key};
use crate::config::Config;
use crate::file_error::FileError;
use crate::round::{
    close_in, delete_partition, delete_rows, destroy_submission, state, submissions,
};
use crate::store::{
    Access as _, Base, Change, Keyring, ROUNDS, SUBMISSIONS, Store, StoreError, adopt, sync_dir,
};

/// What is known of the time after the backup.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Later<'p> {
    /// A ledger file that an auditor kept.
    Ledger(&'p Path),
    /// The operator says that nothing happened.
    Nothing,
}

/// What a restore did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Restored {
    /// Entries of the backup.
    pub(crate) held: u64,
    /// Entries after it, which stand in the ledger again.
    pub(crate) later: u64,
    /// Submissions whose rows the backup has and nobody can read any more.
    pub(crate) deleted: usize,
}

/// Puts a backup into the empty data directory. It becomes the store only when it is whole.
pub(crate) fn restore(
    config: &Config,
    backup: &Path,
    later: Later<'_>,
) -> Result<Restored, MaintenanceError> {
    let (data_dir, target) = (&config.data_dir, config.data_dir.join(store::FILE));
    if target.exists() {
        return Err(MaintenanceError::Exists { path: target });
    }
    let key = signing_key(config)?.verifying_key();
    let ledger = match later {
        Later::Ledger(path) => bundle::read(path, &key)?,
        Later::Nothing => vec![],
    };
    let aside = data_dir.join("restoring");
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(FileError::of("remove", &aside))?;
    }
    fs::create_dir_all(&aside).map_err(FileError::of("make", &aside))?;
    super::backup::copy(backup, &aside.join(store::FILE))?;
    let keyring = || Keyring::new(&config.keys.wrapping_key, data_dir);
    let gone = adopt(&Base::directory(aside.clone()), &keyring())?;
    let restored = replay(&Store::open(&aside, keyring())?, &ledger, &gone)?;
    fs::rename(aside.join(store::FILE), &target).map_err(FileError::of("write", &target))?;
    fs::remove_dir(&aside).map_err(FileError::of("remove", &aside))?;
    sync_dir(data_dir).map_err(FileError::of("write", data_dir))?;
    Ok(restored)
}

fn replay(
    store: &Store,
    ledger: &[Salted],
    gone: &[Vec<u8>],
) -> Result<Restored, MaintenanceError> {
    let held = store.head().0;
    for (served, salted) in store.entries(0, held)?.iter().zip(ledger) {
        if served.leaf != salted.leaf {
            return Err(MaintenanceError::Differ { index: served.index });
        }
    }
    let later = ledger.get(held as usize..).unwrap_or_default();
    let mut change = store.change()?;
    for Salted { salt, entry, .. } in later {
        let index = change.append_as_it_was(*salt, entry)?;
        again(&mut change, &entry.event, index)?;
    }
    change.append(Event::Restored { size: held })?;
    for place in gone {
        take_away(&mut change, place)?;
    }
    change.commit()?;
    store.stop_cleanly()?;
    Ok(Restored { held, later: later.len() as u64, deleted: gone.len() })
}

/// Does again what an entry after the backup tells, as far as a restore keeps to it: see `restored`
/// in `docs/ledger.md`. The auditor's program follows the same rules.
fn again(change: &mut Change<'_>, event: &Event, index: u64) -> Result<(), MaintenanceError> {
    use SubmissionState::{Abandoned, Replaced, Withdrawn};
    match *event {
        Event::SubmissionReplaced { round, party, submission } => {
            delete(change, &round, party, submission, Replaced, index)
        }
        Event::SubmissionAbandoned { round, party, submission } => {
            delete(change, &round, party, submission, Abandoned, index)
        }
        Event::SubmissionWithdrawn { round, party, submission } => {
            delete(change, &round, party, submission, Withdrawn, index)
        }
        Event::RunStarted { round, run, .. } => {
            let Some(mut stored) = change.get(ROUNDS, round.as_bytes())? else { return Ok(()) };
            stored.runs = run + 1;
            Ok(change.put(ROUNDS, round.as_bytes(), &stored)?)
        }
        // Its tables are lost. Others with other noise would let the noise be averaged out.
        Event::Released { round, .. } => bar(change, &round),
        Event::CorrectionBegun { round, release, reason } => {
            let Some(mut stored) = change.get(ROUNDS, round.as_bytes())? else { return Ok(()) };
            let reason = Correction::try_from(i32::from(reason)).unwrap_or(Correction::Tables);
            stored.set_correction(reason);
            stored.corrected_digest = release.0.to_vec().into();
            stored.release_digest.clear();
            if state(&stored)? == RoundState::Released {
                stored.set_state(RoundState::Frozen.into());
            }
            delete_partition(change, &round, &mut stored)?;
            change.remove_all(store::RELEASES, round.as_bytes())?;
            Ok(change.put(ROUNDS, round.as_bytes(), &stored)?)
        }
        Event::RoundClosed { round } => {
            let Some(mut stored) = change.get(ROUNDS, round.as_bytes())? else { return Ok(()) };
            stored.set_state(RoundState::Closed.into());
            Ok(close_in(change, &round, &mut stored)?)
        }
        _ => Ok(()),
    }
}

fn bar(change: &Change<'_>, round: &RoundId) -> Result<(), MaintenanceError> {
    let Some(mut stored) = change.get(ROUNDS, round.as_bytes())? else { return Ok(()) };
    stored.release_barred = true;
    Ok(change.put(ROUNDS, round.as_bytes(), &stored)?)
}

fn delete(
    change: &mut Change<'_>,
    round: &RoundId,
    party: u16,
    submission: SubmissionId,
    became: SubmissionState,
    index: u64,
) -> Result<(), MaintenanceError> {
    let key = submission_key(round, party.into(), &submission);
    let Some(mut held) = change.get(SUBMISSIONS, &key)? else { return Ok(()) };
    if !matches!(held.state(), SubmissionState::Open | SubmissionState::Sealed) {
        return Ok(());
    }
    delete_rows(change, round, &submission, &mut held)?;
    held.set_state(became);
    held.ledger_index = index;
    change.put(SUBMISSIONS, &key, &held)?;
    lose_input(change, round)
}

/// A round that was frozen with what is deleted now releases nothing any more.
fn lose_input(change: &mut Change<'_>, round: &RoundId) -> Result<(), MaintenanceError> {
    let stored = change.get(ROUNDS, round.as_bytes())?;
    let mut stored = stored.ok_or(StoreError::Missing { what: "a submission's round" })?;
    if state(&stored)? > RoundState::Open {
        stored.release_barred = true;
        delete_partition(change, round, &mut stored)?;
        change.put(ROUNDS, round.as_bytes(), &stored)?;
    }
    Ok(())
}

/// Deletes what no key opens although no entry told of its deletion.
fn take_away(change: &mut Change<'_>, place: &[u8]) -> Result<(), MaintenanceError> {
    if let Some(round) = RoundId::from_slice(place) {
        return lose_input(change, &round);
    }
    let missing = StoreError::Missing { what: "a submission's round" };
    let round = place.get(..RoundId::LEN).and_then(RoundId::from_slice).ok_or(missing)?;
    for placed in submissions(change, place)? {
        let live = matches!(placed.stored.state(), SubmissionState::Open | SubmissionState::Sealed);
        let ended = change
            .get(ROUNDS, round.as_bytes())?
            .is_some_and(|stored| state(&stored).is_ok_and(|state| state == RoundState::Closed));
        if live && !ended {
            destroy_submission(change, &round, placed, SubmissionState::Withdrawn)?;
            lose_input(change, &round)?;
        }
    }
    Ok(())
}

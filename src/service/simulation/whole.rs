//! What must hold of a store at every moment, whatever went wrong before.

use samenloop_ledger::Event;
use samenloop_schema::{Digest, RoundId};
use samenloop_wire::store::batch_key;
use samenloop_wire::v1::SubmissionState;

use crate::ingest::content;
use crate::round::{Rounds, submissions};
use crate::store::{Access as _, BATCHES, BLOBS, PARTITIONS, RELEASES, ROUNDS, StoreError};
use crate::submission::rows;

/// What is broken, if anything.
pub(crate) fn check(rounds: &Rounds) -> Result<(), String> {
    let told = |error: StoreError| error.to_string();
    let read = rounds.store().read().map_err(told)?;
    let entries = rounds.store().entries(0, u64::MAX).map_err(told)?;
    let times: Vec<u64> = entries.iter().map(|served| served.entry.at).collect();
    if !times.is_sorted() {
        return Err("the ledger's times go back".to_owned());
    }
    for (key, stored) in read.list(ROUNDS, &[]).map_err(told)? {
        let round = RoundId::from_slice(&key).ok_or("a round's key")?;
        let facts = rounds.facts(&round).map_err(|error| error.to_string())?;
        for placed in submissions(&read, round.as_bytes()).map_err(told)? {
            let (id, held) = (placed.id, &placed.stored);
            let prefix = [round.as_bytes(), id.as_bytes()].concat();
            let count = |table| read.keys(table, &prefix).map(|keys| keys.len()).map_err(told);
            let (batches, blobs) = (count(BATCHES.table())?, count(BLOBS)?);
            let keeps = !held.wrapped_data_key.is_empty();
            let live = matches!(held.state(), SubmissionState::Open | SubmissionState::Sealed);
            if keeps && !live {
                return Err(format!("{id} is gone and has a data key"));
            }
            let expected = if keeps { held.batches as usize } else { 0 };
            if (batches, blobs) != (expected, expected) {
                return Err(format!("{id}: {expected} batches, {batches} rows, {blobs} blobs"));
            }
            if !keeps {
                continue;
            }
            let records = rows(&read, &facts, &placed).map_err(told)?;
            if records.len() as u64 != held.records {
                return Err(format!("{id}: {} of {} records", records.len(), held.records));
            }
            for number in 0..held.batches {
                let stored = read.get(BATCHES, &batch_key(&round, &id, number)).map_err(told)?;
                let stored = stored.ok_or(format!("{id}: batch {number} is gone"))?;
                let said = entries.get(stored.ledger_index as usize).map(|e| &e.entry.event);
                let content = content(&stored).map_err(told)?;
                let same = matches!(said, Some(Event::BatchAccepted {
                    round: r, submission, number: n, content: c, ..
                }) if (r, submission, *n, c) == (&round, &id, number, &content));
                if !same {
                    return Err(format!("{id}: batch {number} is not in the ledger: {said:?}"));
                }
            }
        }
        let parts = read.keys(PARTITIONS, round.as_bytes()).map_err(told)?.len();
        if (parts > 0) == stored.wrapped_partition_key.is_empty() {
            return Err(format!("{round}: a partition without its key or the other way round"));
        }
        if parts > 0 {
            crate::run::read_partition(&read, &round).map_err(told)?;
        }
        let release = read.bytes(RELEASES, round.as_bytes()).map_err(told)?;
        if release.is_some() == stored.release_digest.is_empty() {
            return Err(format!("{round}: tables without their digest or the other way round"));
        }
        if let Some(bytes) = release {
            let release = samenloop_disclose::Release::from_bytes(&bytes);
            let digest = release.map_err(|error| error.to_string())?.digest();
            if Digest::from_slice(&stored.release_digest) != Some(digest) {
                return Err(format!("{round}: the tables are not those of their digest"));
            }
        }
    }
    Ok(())
}

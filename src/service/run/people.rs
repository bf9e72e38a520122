//! The frozen inputs, decrypted in memory for a run or a release.

use rayon::prelude::*;
use samenloop_disclose::Registration;
use samenloop_schema::{Record, drop_common_keys};
use samenloop_wire::v1::SubmissionState;

use crate::round::{RoundFacts, submissions};
use crate::store::{Store, StoreError};
use crate::submission::rows;

/// The sealed submission of one party.
pub(super) struct SourceRows {
    pub(super) party: u16,
    pub(super) may_hold_duplicates: bool,
    pub(super) records: Vec<Record>,
}

/// The sealed submissions as they came in, in the order of parties.
fn submitted(store: &Store, facts: &RoundFacts) -> Result<Vec<SourceRows>, StoreError> {
    let read = store.read()?;
    submissions(&read, facts.id.as_bytes())?
        .into_iter()
        .filter(|placed| placed.stored.state() == SubmissionState::Sealed)
        .map(|placed| {
            Ok(SourceRows {
                party: placed.party,
                may_hold_duplicates: facts.manifest.parties[usize::from(placed.party)]
                    .may_hold_duplicates,
                records: rows(&read, facts, &placed)?,
            })
        })
        .collect()
}

/// The inputs of a run: sealed submissions without match-key values that too many rows share.
pub(super) fn load(store: &Store, facts: &RoundFacts) -> Result<Vec<SourceRows>, StoreError> {
    let mut sources = submitted(store, facts)?;
    sources.par_iter_mut().for_each(|source| {
        drop_common_keys(&mut source.records, facts.schema.max_key_multiplicity);
    });
    Ok(sources)
}

/// The inputs of a release, in the same order: what disclosure control may see of each record.
pub(super) fn registrations(
    store: &Store,
    facts: &RoundFacts,
) -> Result<Vec<Registration>, StoreError> {
    let registration = |party: u16, record: Record| Registration {
        party,
        digest: facts.shape.digest(&record),
        codes: record.codes,
        start: record.start,
        end: record.end,
    };
    let sources = submitted(store, facts)?.into_par_iter();
    Ok(sources
        .flat_map(|SourceRows { party, records, .. }| {
            records.into_par_iter().map(move |record| registration(party, record))
        })
        .collect())
}

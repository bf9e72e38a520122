//! The frozen inputs, decrypted in memory for a run or a release.

use rayon::prelude::*;
use samenloop_disclose::{RecordQuality, Registration, quality};
use samenloop_link::contradictory_births;
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
    /// Match-key values that were left out of them, because too many rows share them.
    pub(super) dropped_match_keys: u64,
}

/// The sealed submissions as they came in, in the order of parties: the inputs of a release.
pub(super) fn submitted(store: &Store, facts: &RoundFacts) -> Result<Vec<SourceRows>, StoreError> {
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
                dropped_match_keys: 0,
            })
        })
        .collect()
}

/// The inputs of a run: sealed submissions without match-key values that too many rows share.
pub(super) fn load(store: &Store, facts: &RoundFacts) -> Result<Vec<SourceRows>, StoreError> {
    let mut sources = submitted(store, facts)?;
    sources.par_iter_mut().for_each(|source| {
        source.dropped_match_keys =
            drop_common_keys(&mut source.records, facts.schema.max_key_multiplicity);
    });
    Ok(sources)
}

/// What disclosure control may see of each record, in the same order.
pub(super) fn registrations(facts: &RoundFacts, sources: &[SourceRows]) -> Vec<Registration> {
    let information = |record: &Record| {
        let encodings = record.encodings.iter().map(Option::is_some);
        quality::information(encodings, record.match_keys.iter().flatten().count())
    };
    let registration = |party: u16, record: &Record| Registration {
        party,
        digest: facts.shape.digest(record),
        codes: record.codes.clone(),
        start: record.start,
        end: record.end,
        quality: RecordQuality { information: Some(information(record)), births: None },
    };
    let sources = sources.par_iter();
    sources
        .flat_map(|source| {
            source.records.par_iter().map(move |record| registration(source.party, record))
        })
        .collect()
}

/// Fills in whose birth dates contradict each other when records are put together like this.
pub(super) fn tell_births(
    facts: &RoundFacts,
    sources: &[SourceRows],
    clusters: &[u32],
    registrations: &mut [Registration],
) {
    let records: Vec<&Record> = sources.iter().flat_map(|source| &source.records).collect();
    let births = contradictory_births(&facts.schema, &records, clusters);
    for (registration, births) in registrations.iter_mut().zip(births) {
        registration.quality.births = births;
    }
}

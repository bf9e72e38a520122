//! What must hold between the tables.

use std::collections::BTreeSet;

use samenloop_ledger::{Entry, Event, Rounded, commit};
use samenloop_schema::{Digest, Draws, RoundId};
use samenloop_wire::store::{
    self, NONCE_LEN, TAG_LEN, batch_key, blob_len, partition_key, party_key, submission_key,
};
use samenloop_wire::v1::{self, SubmissionState};
use samenloop_wire::{MAX_BATCH_RECORDS, v1::StoredBatch};

use super::metadata::{Metadata, RoundSeen, row};
use crate::finding::{Finding, Place};

/// Length of a wrapped data key.
const WRAPPED: usize = NONCE_LEN + 32 + TAG_LEN;

/// Whether a value is one that its fact can have.
type Legal = fn(&[u8]) -> bool;

struct Checks<'a> {
    metadata: &'a Metadata,
    findings: &'a mut Vec<Finding>,
}

/// Checks every rule that needs no key.
pub(super) fn check(metadata: &Metadata, findings: &mut Vec<Finding>) {
    let mut checks = Checks { metadata, findings };
    checks.meta();
    checks.entries();
    checks.rounds();
    checks.announcements();
    checks.submissions();
    checks.batches();
    checks.partitions();
    checks.releases();
}

impl Checks<'_> {
    fn check(&mut self, place: Place, holds: bool, rule: &'static str, evidence: &str) {
        if !holds {
            self.findings.push(Finding::new(place, rule, evidence));
        }
    }

    fn entry(&self, index: u64) -> Option<&Entry> {
        self.metadata.entries.get(&index)?.as_ref()
    }

    fn meta(&mut self) {
        let facts: [(&str, Legal); 3] = [
            (store::META_VERSION, |value| value == store::VERSION.to_be_bytes()),
            (store::META_KEY_CHECK, |value| value.len() == WRAPPED),
            (store::META_CLEAN_STOP, |value| matches!(value, [0 | 1])),
        ];
        for (name, legal) in facts {
            let holds = self.metadata.meta.get(name.as_bytes()).is_some_and(|value| legal(value));
            let rule = "the store states its version, its key check and how it was stopped";
            self.check(row(store::META, name.as_bytes()), holds, rule, name);
        }
    }

    fn entries(&mut self) {
        for (expected, index) in (0..).zip(self.metadata.entries.keys()) {
            if expected != *index {
                let place = Place::Entry { index: expected, kind: None };
                self.check(place, false, "entries are numbered without a gap", "it is missing");
                break;
            }
        }
    }

    fn rounds(&mut self) {
        let metadata = self.metadata;
        for (id, RoundSeen { stored, .. }) in &metadata.rounds {
            let place = || row(store::ROUNDS, id.as_bytes());
            let known = stored.state().to_vocabulary().is_some();
            self.check(place(), known, "a round has a state", "");
            let digest = |bytes: &[u8]| matches!(bytes.len(), 0 | 32);
            let digests = [&stored.inputs_root, &stored.partition_digest, &stored.release_digest];
            let lengths = digests.iter().all(|bytes| digest(bytes))
                && matches!(stored.wrapped_partition_key.len(), 0 | WRAPPED)
                && matches!(stored.partition_salt.len(), 0 | 16);
            self.check(place(), lengths, "digests, salts and wrapped keys have their length", "");
            let events = || metadata.entries.values().flatten().map(|entry| &entry.event);
            let created = events()
                .any(|event| matches!(event, Event::RoundCreated { round, .. } if round == id));
            self.check(place(), created, "what is stored stands in the ledger", "its creation");
            let said = |bytes: &[u8], found: &dyn Fn(&Event) -> Option<Digest>| {
                bytes.is_empty() || events().any(|e| found(e).is_some_and(|d| d.0[..] == *bytes))
            };
            let frozen = said(&stored.inputs_root, &|event| match event {
                Event::RoundFrozen { round, inputs_root, .. } if round == id => Some(*inputs_root),
                _ => None,
            });
            self.check(place(), frozen, "what is stored stands in the ledger", "its inputs");
            let released = said(&stored.release_digest, &|event| match event {
                Event::Released { round, release, .. } if round == id => Some(*release),
                _ => None,
            });
            self.check(place(), released, "what is stored stands in the ledger", "its release");
            let salt = <[u8; 16]>::try_from(&stored.partition_salt[..]);
            let partition = salt.ok().zip(Digest::from_slice(&stored.partition_digest));
            let committed = partition.is_none_or(|(salt, digest)| {
                events().any(|event| {
                    matches!(event, Event::RunFinished { round, partition, .. }
                    if round == id && *partition == commit(&salt, &digest))
                })
            });
            self.check(place(), committed, "what is stored stands in the ledger", "its partition");
        }
    }

    fn announcements(&mut self) {
        let metadata = self.metadata;
        for ((round, party), stored) in &metadata.announcements {
            let place = row(store::KEY_ANNOUNCEMENTS, &party_key(round, *party));
            let holds = self.party(round, *party) && stored.key_check_value.len() == 16;
            self.check(place, holds, "a key check value is a party's and has 16 bytes", "");
        }
    }

    fn party(&self, round: &RoundId, party: u32) -> bool {
        let round = self.metadata.rounds.get(round);
        round.is_some_and(|round| (party as usize) < round.manifest.parties.len())
    }

    fn submissions(&mut self) {
        let metadata = self.metadata;
        for ((round, id), seen) in &metadata.submissions {
            let (party, stored) = (seen.party, &seen.stored);
            let place = || row(store::SUBMISSIONS, &submission_key(round, party, id));
            self.check(place(), self.party(round, party), "a submission is a party's", "");
            let held = matches!(stored.state(), SubmissionState::Open | SubmissionState::Sealed);
            let closed = metadata
                .rounds
                .get(round)
                .is_none_or(|round| round.stored.state() == v1::RoundState::Closed);
            let known = stored.state() != SubmissionState::Unspecified;
            self.check(place(), known, "a submission has a state", "");
            let expected = if held && !closed { WRAPPED } else { 0 };
            let key = stored.wrapped_data_key.len() == expected;
            self.check(place(), key, "a deleted submission has no data key, another has one", "");
            let content = matches!(stored.content.len(), 0 | 32);
            self.check(place(), content, "digests, salts and wrapped keys have their length", "");
            let batches = metadata.batches.range((*round, *id, 0)..=(*round, *id, u32::MAX));
            let (mut count, mut records) = (0, 0);
            for (_, batch) in batches {
                count += 1;
                records += u64::from(batch.records);
            }
            let complete = (count, records) == (stored.batches, stored.records);
            let gone = count == 0 && expected == 0;
            let rule = "a submission has the batches that it counts, and none once deleted";
            self.check(place(), gone || (expected > 0 && complete), rule, "");
        }
    }

    fn batches(&mut self) {
        let metadata = self.metadata;
        for ((round, submission, number), stored) in &metadata.batches {
            let key = batch_key(round, submission, *number);
            let place = || row(store::BATCHES, &key);
            let owner = metadata.submissions.contains_key(&(*round, *submission));
            self.check(place(), owner, "a batch belongs to a submission", "");
            let counts = (1..=MAX_BATCH_RECORDS).contains(&(stored.records as usize));
            self.check(place(), counts, "a batch has a legal number of records", "");
            let logged = self.logged(round, &(*submission, *number), stored);
            self.check(place(), logged, "a batch is the one that its ledger entry tells of", "");
            let row_len = metadata.rounds.get(round).map(|round| round.shape.row_len());
            let expected = row_len.map(|row_len| blob_len(stored.records as usize, row_len));
            let found = metadata.blobs.get(&(*round, *submission, *number)).copied();
            let evidence = format!("{found:?} bytes, its rows need {expected:?}");
            let rule = "a blob is exactly as long as its rows need";
            self.check(place(), found.is_some() && found == expected, rule, &evidence);
        }
        let blobs = metadata.blobs.keys().filter(|key| !metadata.batches.contains_key(key));
        let orphans: Vec<_> = blobs.collect();
        for (round, submission, number) in orphans {
            let place = row(store::BLOBS, &batch_key(round, submission, *number));
            self.check(place, false, "a blob belongs to a batch", "");
        }
    }

    fn logged(
        &self,
        id: &RoundId,
        place: &(samenloop_schema::SubmissionId, u32),
        stored: &StoredBatch,
    ) -> bool {
        let salt = <[u8; 16]>::try_from(&stored.content_salt[..]).ok();
        let Some((salt, digest)) = salt.zip(Digest::from_slice(&stored.digest)) else {
            return false;
        };
        let event = self.entry(stored.ledger_index).map(|entry| &entry.event);
        let Some(Event::BatchAccepted { round, submission, number, records, content, .. }) = event
        else {
            return false;
        };
        round == id
            && (*submission, *number) == *place
            && *records == Rounded::up(stored.records.into())
            && *content == commit(&salt, &digest)
    }

    fn partitions(&mut self) {
        let metadata = self.metadata;
        let mut seen = BTreeSet::new();
        for ((round, number), len) in &metadata.partitions {
            let place = row(store::PARTITIONS, &partition_key(round, *number));
            let records: u64 = metadata
                .submissions
                .range((*round, samenloop_schema::SubmissionId([0; 16]))..)
                .take_while(|((of, _), _)| of == round)
                .filter(|(_, seen)| seen.stored.state() == SubmissionState::Sealed)
                .map(|(_, seen)| seen.stored.records)
                .sum();
            let barred = metadata.rounds.get(round).is_none_or(|seen| seen.stored.release_barred);
            if *number == 0 {
                let expected = blob_len(records as usize, size_of::<u32>());
                // A withdrawal after the run leaves labels of records that are gone.
                let right = *len == expected || (barred && *len > expected);
                let evidence = format!("{len} bytes, its records need {expected}");
                self.check(place, right, "a partition has one label per record", &evidence);
            } else {
                let fewest = blob_len(1, Draws::default().to_bytes().len());
                let right = *number == 1 && *len >= fewest && seen.contains(round);
                self.check(place, right, "beside a partition stand its draws and nothing else", "");
            }
            seen.insert(round);
        }
        for (id, round) in &metadata.rounds {
            let keyed = !round.stored.wrapped_partition_key.is_empty();
            let rule = "a partition and its key are stored and deleted together";
            self.check(row(store::ROUNDS, id.as_bytes()), keyed == seen.contains(id), rule, "");
        }
    }

    fn releases(&mut self) {
        let metadata = self.metadata;
        for (id, bytes) in &metadata.releases {
            let place = row(store::RELEASES, id.as_bytes());
            let digest = bytes.split_last_chunk::<32>().and_then(|(body, end)| {
                let digest = Digest::of_parts("samenloop/v1/release", &[body]);
                (digest.0 == *end).then_some(digest)
            });
            let stored = metadata.rounds.get(id).map(|round| &round.stored.release_digest[..]);
            let same = digest.is_some_and(|digest| stored == Some(&digest.0[..]));
            self.check(place, same, "released tables hash to the round's digest", "");
        }
        for (id, round) in &metadata.rounds {
            let said = !round.stored.release_digest.is_empty();
            let there = metadata.releases.contains_key(id);
            let rule = "a release is stored with its digest";
            self.check(row(store::ROUNDS, id.as_bytes()), said == there, rule, "");
        }
    }
}

//! The rows, decrypted one batch at a time in memory, with the operator's key and in its presence.

use std::collections::BTreeMap;

use redb::{ReadOnlyTable, ReadTransaction};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use samenloop_schema::{Draws, KeyCheckValue, RoundId, SubmissionId};
use samenloop_wire::Batch;
use samenloop_wire::store::{self, NONCE_LEN, batch_key, partition_key, submission_key};
use serde::Serialize;
use zeroize::Zeroizing;

use super::OpenError;
use super::files::report;
use super::metadata::{Metadata, RoundSeen, SubmissionSeen, row, table};
use super::statistics::{EncodingSeen, EncodingStatistics, KeyStatistics};
use crate::finding::{Finding, Place};
use crate::scan::{Coding, Markers, Suspects, suspects};

/// What the rows showed, all parties together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Unsealed {
    /// Submissions that were decrypted.
    pub submissions: u64,
    /// Batches that match the ledger.
    pub batches: u64,
    /// Rows that fit their schema.
    pub rows: u64,
    /// Bytes of rows that were searched.
    pub bytes: u64,
    /// What looks like personal data in them; a finding only where chance does not write so much.
    pub suspects: Suspects,
    /// Parts of partitions that were decrypted.
    pub partitions: u64,
    /// Each encoding of each round.
    pub encodings: Vec<EncodingSeen>,
    /// Different match keys.
    pub match_keys: u64,
}

type Blobs = ReadOnlyTable<&'static [u8], &'static [u8]>;

pub(super) struct Unsealing<'a> {
    read: &'a ReadTransaction,
    metadata: &'a Metadata,
    key: &'a Zeroizing<[u8; 32]>,
    markers: &'a Markers,
    seen: Unsealed,
    first_row: Zeroizing<Vec<u8>>,
    encodings: BTreeMap<RoundId, Vec<EncodingStatistics>>,
    keys: BTreeMap<RoundId, KeyStatistics>,
}

/// Decrypts nonce, ciphertext and tag that are bound to a place.
fn open(key: &[u8; 32], sealed: &[u8], place: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let len = cipher.open_in_place(nonce, Aad::from(place), &mut plain).ok()?.len();
    plain.truncate(len);
    Some(plain)
}

fn unwrap(key: &[u8; 32], wrapped: &[u8], place: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let plain = open(key, wrapped, place)?;
    let mut data_key = Zeroizing::new([0; 32]);
    (plain.len() == data_key.len()).then(|| data_key.copy_from_slice(&plain))?;
    Some(data_key)
}

impl<'a> Unsealing<'a> {
    pub(super) fn new(
        read: &'a ReadTransaction,
        metadata: &'a Metadata,
        key: &'a Zeroizing<[u8; 32]>,
        markers: &'a Markers,
    ) -> Self {
        let (encodings, keys) = (BTreeMap::new(), BTreeMap::new());
        let seen = Unsealed::default();
        let first_row = Zeroizing::new(vec![]);
        Self { read, metadata, key, markers, seen, first_row, encodings, keys }
    }

    pub(super) fn walk(
        &mut self,
        hits: &mut BTreeMap<Coding, u64>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), OpenError> {
        let name = store::META_KEY_CHECK.as_bytes();
        let check = self.metadata.meta.get(name);
        if check.and_then(|check| unwrap(self.key, check, name)).is_none() {
            let rule = "the wrapping key is the one of this store";
            findings.push(Finding::new(row(store::META, name), rule, "nothing was unsealed"));
            return Ok(());
        }
        let blobs = self.read.open_table(table(store::BLOBS))?;
        for ((round, id), seen) in &self.metadata.submissions {
            // Without its round's files there is no shape to read rows by; that is a finding already.
            let Some(facts) = self.metadata.rounds.get(round) else { continue };
            if !seen.stored.wrapped_data_key.is_empty() {
                self.submission(&blobs, (round, facts), id, seen, hits, findings)?;
            }
        }
        self.partitions(findings)
    }

    fn submission(
        &mut self,
        blobs: &Blobs,
        (round, facts): (&RoundId, &RoundSeen),
        id: &SubmissionId,
        seen: &SubmissionSeen,
        hits: &mut BTreeMap<Coding, u64>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), OpenError> {
        let place = submission_key(round, seen.party, id);
        let Some(key) = unwrap(self.key, &seen.stored.wrapped_data_key, &place) else {
            let rule = "the wrapping key opens every data key";
            findings.push(Finding::new(row(store::SUBMISSIONS, &place), rule, ""));
            return Ok(());
        };
        self.seen.submissions += 1;
        let at = Place::Rows { round: *round, party: seen.party };
        let (mut found, mut suspected) = (BTreeMap::new(), Suspects::default());
        let searched_before = self.seen.bytes;
        let mut broken: BTreeMap<String, u64> = BTreeMap::new();
        for ((_, _, number), stored) in
            self.metadata.batches.range((*round, *id, 0)..=(*round, *id, u32::MAX))
        {
            let place = batch_key(round, id, *number);
            // A missing blob is a finding already.
            let Some(blob) = blobs.get(&place[..])? else { continue };
            let Some(rows) = open(&key, blob.value(), &place) else {
                let rule = "a blob decrypts under its submission's key and in its place";
                findings.push(Finding::new(row(store::BLOBS, &place), rule, ""));
                continue;
            };
            self.seen.bytes += rows.len() as u64;
            if self.first_row.is_empty() {
                self.first_row.extend(&rows[..facts.shape.row_len().min(rows.len())]);
            }
            for hit in self.markers.find(&rows) {
                *found.entry(hit.coding).or_default() += 1;
            }
            suspected.add(&suspects(&rows));
            self.rows((round, facts), &rows, &mut broken);
            let announced = self.metadata.announcements.get(&(*round, seen.party));
            let value = announced.and_then(|kcv| KeyCheckValue::from_slice(&kcv.key_check_value));
            let batch = value.and_then(|value| {
                Batch::of_rows(&facts.shape, (round, id, &value), *number, &rows).ok()
            });
            if batch.is_some_and(|batch| batch.digest().0[..] == stored.digest) {
                self.seen.batches += 1;
            } else {
                let rule = "the rows are the batch that its digest and the ledger tell of";
                findings.push(Finding::new(row(store::BATCHES, &place), rule, ""));
            }
        }
        self.seen.suspects.add(&suspected);
        let searched = self.seen.bytes - searched_before;
        report(&at, &found, suspected.beyond_chance(searched), findings);
        for (rule, count) in broken {
            let evidence = format!("{count} rows: {rule}");
            findings.push(Finding::new(at.clone(), "a row fits its linkage schema", evidence));
        }
        for (coding, count) in found {
            *hits.entry(coding).or_default() += count;
        }
        Ok(())
    }

    /// Counts rows into the statistics.
    fn rows(
        &mut self,
        (round, facts): (&RoundId, &RoundSeen),
        rows: &[u8],
        broken: &mut BTreeMap<String, u64>,
    ) {
        let fresh = || facts.schema.encodings.iter().map(EncodingStatistics::new).collect();
        let encodings = self.encodings.entry(*round).or_insert_with(fresh);
        let keys = self.keys.entry(*round).or_default();
        for bytes in rows.chunks(facts.shape.row_len()) {
            match facts.shape.read_row(bytes) {
                Ok(record) => {
                    self.seen.rows += 1;
                    for (statistics, clk) in encodings.iter_mut().zip(&record.encodings) {
                        clk.iter().for_each(|clk| statistics.add(clk));
                    }
                    record.match_keys.iter().flatten().for_each(|key| keys.add(key));
                }
                Err(rule) => *broken.entry(rule.to_string()).or_default() += 1,
            }
        }
    }

    fn partitions(&mut self, findings: &mut Vec<Finding>) -> Result<(), OpenError> {
        let stored = self.read.open_table(table(store::PARTITIONS))?;
        // Of the round whose numbers are passing; its clusters come first.
        let mut clusters = None;
        for (round, number) in self.metadata.partitions.keys() {
            let place = partition_key(round, *number);
            let facts = self.metadata.rounds.get(round);
            let wrapped = facts.map(|facts| &facts.stored.wrapped_partition_key[..]);
            let key = wrapped.and_then(|wrapped| unwrap(self.key, wrapped, round.as_bytes()));
            let sealed = stored.get(&place[..])?;
            let plain =
                key.zip(sealed).and_then(|(key, sealed)| open(&key, sealed.value(), &place));
            let (right, rule) = if *number == 0 {
                clusters = plain.and_then(|labels| dense(&labels));
                (clusters.is_some(), "a partition decrypts to one cluster number per record")
            } else {
                let draws = plain.and_then(|draws| Draws::from_bytes(&draws));
                let beside = draws.zip(clusters.as_ref()).is_some_and(|(d, own)| d.fits(own));
                (beside, "draws put each record into one cluster, beside their partition")
            };
            if right {
                self.seen.partitions += 1;
            } else {
                findings.push(Finding::new(row(store::PARTITIONS, &place), rule, ""));
            }
        }
        Ok(())
    }

    /// The aggregates and one row for the control.
    pub(super) fn finish(
        mut self,
        findings: &mut Vec<Finding>,
    ) -> (Option<Unsealed>, Zeroizing<Vec<u8>>) {
        for (round, encodings) in &self.encodings {
            for statistics in encodings {
                let (seen, rule) = statistics.finish();
                if let Some(rule) = rule {
                    let place = Place::Round { round: *round };
                    findings.push(Finding::new(place, rule, seen.name.clone()));
                }
                self.seen.encodings.push(seen);
            }
        }
        for (round, keys) in &self.keys {
            self.seen.match_keys += keys.distinct();
            if !keys.uniform() {
                let evidence = format!("{:.0} standard deviations off", keys.deviation());
                let place = Place::Round { round: *round };
                let rule = "the bytes of match keys are uniform";
                findings.push(Finding::new(place, rule, evidence));
            }
        }
        (Some(self.seen), self.first_row)
    }
}

/// Labels, if each is below their number.
fn dense(bytes: &[u8]) -> Option<Vec<u32>> {
    let (labels, rest) = bytes.as_chunks::<4>();
    let labels: Vec<u32> = labels.iter().map(|label| u32::from_le_bytes(*label)).collect();
    let within = labels.iter().all(|label| (*label as usize) < labels.len());
    (rest.is_empty() && within).then_some(labels)
}

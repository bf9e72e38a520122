//! The ledger, checked: hashes, signature, proofs, and the life of every round.

mod bundle;
mod cosign;
mod fetch;
mod lifecycle;
pub mod merkle;
pub mod note;
mod round;
mod state;
pub mod tiles;
mod tree;
mod witness;

use std::collections::BTreeMap;

use samenloop_ledger::{Entry, Event};
use samenloop_schema::RoundId;
use samenloop_wire::client::ClientConfig;
use serde::Serialize;
use tonic::transport::Channel;

pub use bundle::{Bundle, BundledEntry};
pub use cosign::{Cosigner, Witness, WitnessKeyError};
pub use fetch::FetchError;
pub use note::{Head, Verifier, VerifierError};
pub use state::{Kept, StateError};
pub use witness::{Watched, compare, witness};

use crate::finding::{Finding, Place};

/// What was checked and what was found.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// Name of the ledger.
    pub ledger: String,
    /// What its newest checkpoint states; none if that does not open.
    pub checkpoint: Option<Head>,
    /// Entries of each kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Each round and the state that its entries lead to.
    pub rounds: BTreeMap<RoundId, String>,
    /// Entries whose bytes were hashed to their leaf.
    pub entries: u64,
    /// Inclusion proofs of the service that were checked.
    pub inclusion_proofs: u64,
    /// Size of the kept checkpoint that this one was found to extend; none without one.
    pub consistent_from: Option<u64>,
    /// Checkpoints of other readers that belong to this ledger.
    pub compared: u64,
    /// Cosignatures that each release rests on, where the service was asked.
    pub cosignatures: BTreeMap<RoundId, u64>,
    /// Rounds with a release that stands.
    #[serde(skip)]
    pub(crate) released: Vec<RoundId>,
    /// Index of the entry with which each round was last linked.
    #[serde(skip)]
    pub(crate) linked_at: BTreeMap<RoundId, u64>,
    /// What is not as it must be; empty if all is well.
    pub findings: Vec<Finding>,
}

impl Verification {
    fn new(verifier: &Verifier) -> Self {
        Self {
            ledger: verifier.name().to_owned(),
            checkpoint: None,
            kinds: BTreeMap::new(),
            rounds: BTreeMap::new(),
            entries: 0,
            inclusion_proofs: 0,
            consistent_from: None,
            compared: 0,
            cosignatures: BTreeMap::new(),
            released: vec![],
            linked_at: BTreeMap::new(),
            findings: vec![],
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }
}

/// A check that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The service did not give what is to be checked.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The kept checkpoint.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Checks a ledger from a file, against an earlier checkpoint if one was kept.
#[must_use]
pub fn bundle(bundle: &Bundle, verifier: &Verifier, kept: Option<&str>) -> Verification {
    check(bundle, verifier, kept, None)
}

/// Checks a bundle's bytes; what cannot be read is a finding. Returns the bundle too, if it can be read.
#[must_use]
pub fn bundle_bytes(
    bytes: &[u8],
    verifier: &Verifier,
    kept: Option<&str>,
) -> (Verification, Option<Bundle>) {
    match Bundle::from_bytes(bytes) {
        Ok(read) => (bundle(&read, verifier, kept), Some(read)),
        Err(findings) => (Verification { findings, ..Verification::new(verifier) }, None),
    }
}

/// Fetches and checks the ledger of a running service. A good checkpoint replaces the kept one.
/// Returns what was fetched too.
pub async fn online(
    config: &ClientConfig,
    verifier: &Verifier,
    kept: Option<&Kept>,
) -> Result<(Verification, Bundle), VerifyError> {
    let channel = config.connect().await.map_err(FetchError::from)?;
    let (mut verification, bundle) = over(channel.clone(), verifier, kept).await?;
    witness::check_releases(&channel, &bundle, verifier, &mut verification).await?;
    Ok((verification, bundle))
}

async fn over(
    channel: Channel,
    verifier: &Verifier,
    kept: Option<&Kept>,
) -> Result<(Verification, Bundle), VerifyError> {
    let note = kept.map(Kept::read).transpose()?.flatten();
    let mut session = fetch::Session::new(channel);
    let checkpoint = session.checkpoint().await?;
    let head = match tree::open(&checkpoint, verifier) {
        Ok(head) => head,
        Err(finding) => {
            let empty = Bundle { checkpoint, entries: vec![] };
            let verification =
                Verification { findings: vec![finding], ..Verification::new(verifier) };
            return Ok((verification, empty));
        }
    };
    let mut findings = vec![];
    let entries = session.entries(head.size, &mut findings).await?;
    let fetched = Bundle { checkpoint, entries };
    let kept_size = note.as_deref().and_then(|note| verifier.open(note).ok()).map(|kept| kept.size);
    let growth = match kept_size {
        Some(old) if old <= head.size => Some(session.consistency(old, head.size).await?),
        _ => None,
    };
    let inclusion_proofs = session.check_inclusion(&fetched, &head, &mut findings).await?;
    let mut verification = check(&fetched, verifier, note.as_deref(), growth);
    verification.inclusion_proofs = inclusion_proofs;
    verification.findings.splice(0..0, findings);
    if let Some(kept) = kept {
        let in_checkpoint = |finding: &Finding| finding.place == Place::Checkpoint;
        if !verification.findings.iter().any(in_checkpoint) {
            kept.write(&fetched.checkpoint)?;
        } else if note.is_some() {
            kept.write_contradiction(&fetched.checkpoint)?;
        }
    }
    Ok((verification, fetched))
}

fn check(
    bundle: &Bundle,
    verifier: &Verifier,
    kept: Option<&str>,
    growth: Option<Vec<samenloop_schema::Digest>>,
) -> Verification {
    let mut verification = Verification::new(verifier);
    let findings = &mut verification.findings;
    let head = match tree::open(&bundle.checkpoint, verifier) {
        Ok(head) => head,
        Err(finding) => {
            findings.push(finding);
            return verification;
        }
    };
    let hashes = tree::check_leaves(bundle, &head, findings);
    match kept.map(|note| verifier.open(note)) {
        None => {}
        Some(Ok(kept)) => match tree::check_growth(&kept, &head, &hashes, growth.as_deref()) {
            Ok(()) => verification.consistent_from = Some(kept.size),
            Err(finding) => findings.push(finding),
        },
        Some(Err(fault)) => {
            let rule = "the kept checkpoint is one of this ledger";
            findings.push(Finding::new(Place::Checkpoint, rule, fault));
        }
    }
    let mut readable = vec![];
    for entry in &bundle.entries {
        match entry.body.as_deref().map(Entry::from_bytes) {
            Some(Ok(body)) => readable.push((entry.index, body)),
            Some(Err(error)) => {
                let rule = "an entry can be read";
                findings.push(Finding::new(entry.place(), rule, error.to_string()));
            }
            None => {}
        }
    }
    for (index, entry) in &readable {
        *verification.kinds.entry(entry.kind()).or_default() += 1;
        if let Event::RunFinished { round, .. } = &entry.event {
            verification.linked_at.insert(*round, *index);
        }
    }
    verification.released = lifecycle::released(&readable);
    verification.entries = readable.len() as u64;
    verification.rounds = lifecycle::check(&readable, findings);
    verification.checkpoint = Some(head);
    verification
}

#[cfg(test)]
mod bundle_tests;
#[cfg(test)]
mod lifecycle_tests;
#[cfg(test)]
mod online_tests;
#[cfg(test)]
pub(crate) mod samples;

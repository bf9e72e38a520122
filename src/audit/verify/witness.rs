//! Watching the ledger for others: cosigning what was found to grow only, comparing what readers were
//! shown, and checking that releases rest on as many cosignatures as their manifests ask for.

use std::time::{SystemTime, UNIX_EPOCH};

use samenloop_schema::{Digest, RoundId, RoundManifest};
use samenloop_wire::client::ClientConfig;
use samenloop_wire::v1::ledger_client::LedgerClient;
use samenloop_wire::v1::releases_client::ReleasesClient;
use samenloop_wire::v1::rounds_client::RoundsClient;
use samenloop_wire::v1::{CosignRequest, GetReleaseRequest, GetRoundRequest};
use serde::Serialize;
use tonic::transport::Channel;

use super::bundle::Bundle;
use super::cosign::{Cosigner, Witness};
use super::fetch::{Session, call};
use super::merkle::{extends, leaf_hash, root};
use super::note::Verifier;
use super::state::Kept;
use super::{FetchError, Verification, VerifyError, tree};
use crate::finding::{Finding, Place};

const GROWS: &str = "the service's consistency proof holds";

/// What a witness found and signed.
#[derive(Debug, Clone, Serialize)]
pub struct Watched {
    /// Name of the ledger.
    pub ledger: String,
    /// Entries under the newest checkpoint.
    pub size: u64,
    /// Entries when it was last watched; none the first time.
    pub grown_from: Option<u64>,
    /// The note with this witness's cosignature under it; none if nothing was signed.
    pub cosigned: Option<String>,
    /// Whether the service keeps it for the round that was named.
    pub handed_over: bool,
    /// What is not as it must be; empty if all is well.
    pub findings: Vec<Finding>,
}

/// Fetches the newest checkpoint, checks that it extends the kept one, keeps it, and only then
/// cosigns it; for a round, the cosignature is handed over to the service.
pub async fn witness(
    config: &ClientConfig,
    verifier: &Verifier,
    kept: &Kept,
    cosigner: &Cosigner,
    round: Option<&RoundId>,
) -> Result<Watched, VerifyError> {
    let channel = config.connect().await.map_err(FetchError::from)?;
    let mut session = Session::new(channel.clone());
    let note = session.checkpoint().await?;
    let mut watched = Watched {
        ledger: verifier.name().to_owned(),
        size: 0,
        grown_from: None,
        cosigned: None,
        handed_over: false,
        findings: vec![],
    };
    let head = match tree::open(&note, verifier) {
        Ok(head) => head,
        Err(finding) => {
            watched.findings.push(finding);
            return Ok(watched);
        }
    };
    watched.size = head.size;
    if let Some(before) = kept.read()? {
        let before = match tree::open(&before, verifier) {
            Ok(before) => before,
            Err(finding) => {
                watched.findings.push(finding);
                return Ok(watched);
            }
        };
        let grown = before.size <= head.size && {
            let proof = session.consistency(before.size, head.size).await?;
            extends(before.size, &before.root, head.size, &head.root, &proof)
        };
        if !grown {
            let evidence = format!("from {} to {} entries", before.size, head.size);
            watched.findings.push(Finding::new(Place::Checkpoint, GROWS, evidence));
            kept.write_contradiction(&note)?;
            return Ok(watched);
        }
        watched.grown_from = Some(before.size);
    }
    // Kept before it is signed: whoever signs twice must have seen that the second extends the first.
    kept.write(&note)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let Some(cosignature) = cosigner.cosign(&note, now) else { return Ok(watched) };
    watched.cosigned = Some(note + &cosigner.line(&cosignature));
    if let Some(round) = round {
        let place = place(&channel, round, cosigner).await?;
        let request = CosignRequest {
            round_id: round.0.to_vec().into(),
            witness: place,
            size: head.size,
            cosignature: cosignature.to_vec().into(),
        };
        LedgerClient::new(channel).cosign(request).await.map_err(call("its acceptance"))?;
        watched.handed_over = true;
    }
    Ok(watched)
}

async fn manifest(channel: &Channel, round: &RoundId) -> Result<RoundManifest, FetchError> {
    let request = GetRoundRequest { round_id: round.0.to_vec().into() };
    let answer = RoundsClient::new(channel.clone()).get_round(request).await;
    let answer = answer.map_err(call("the round"))?.into_inner();
    let wrong = |reason: String| FetchError::Call { what: "the round's manifest", reason };
    let text = String::from_utf8(answer.manifest_toml.to_vec());
    let text = text.map_err(|error| wrong(error.to_string()))?;
    if RoundManifest::round_id(&text) != *round {
        return Err(wrong("its hash is not the round's id".to_owned()));
    }
    RoundManifest::from_toml(&text).map_err(|error| wrong(error.to_string()))
}

async fn place(channel: &Channel, round: &RoundId, own: &Cosigner) -> Result<u32, FetchError> {
    let key = own.verifier_text();
    let witnesses = manifest(channel, round).await?.witnesses;
    let place = witnesses.iter().position(|known| *known == key);
    place.map(|place| place as u32).ok_or_else(|| FetchError::Call {
        what: "a place among the round's witnesses",
        reason: format!("its manifest does not name {key}"),
    })
}

/// Checks that checkpoints which others were shown belong to the ledger that was fetched here: if not,
/// the service keeps two histories, and the two notes together prove it.
pub fn compare(
    verification: &mut Verification,
    bundle: &Bundle,
    verifier: &Verifier,
    others: &[String],
) {
    let hashes: Vec<Digest> = bundle.entries.iter().map(|entry| leaf_hash(&entry.leaf.0)).collect();
    for other in others {
        let finding = match tree::open(other, verifier) {
            Err(finding) => Some(finding),
            Ok(head) => {
                let begin = usize::try_from(head.size).ok().and_then(|size| hashes.get(..size));
                let evidence = match begin {
                    None => Some(format!(
                        "another reader was shown {} entries, this one {}",
                        head.size,
                        hashes.len()
                    )),
                    Some(begin) if root(begin) != head.root => {
                        Some(format!("another reader was shown other entries under {}", head.size))
                    }
                    Some(_) => None,
                };
                let rule = "every reader is shown the same ledger";
                evidence.map(|evidence| Finding::new(Place::Checkpoint, rule, evidence))
            }
        };
        match finding {
            Some(finding) => verification.findings.push(finding),
            None => verification.compared += 1,
        }
    }
}

/// Checks the cosignatures that releases rest on: by witnesses of the manifest, over checkpoints that
/// belong to this ledger, as many as are needed. Returns how many each round has.
pub(super) async fn check_releases(
    channel: &Channel,
    bundle: &Bundle,
    verifier: &Verifier,
    verification: &mut Verification,
) -> Result<(), FetchError> {
    let hashes: Vec<Digest> = bundle.entries.iter().map(|entry| leaf_hash(&entry.leaf.0)).collect();
    for round in verification.released.clone() {
        let RoundManifest { witnesses, min_cosignatures, .. } = manifest(channel, &round).await?;
        let request = GetReleaseRequest { round_id: round.0.to_vec().into() };
        let release = ReleasesClient::new(channel.clone()).get_release(request).await;
        let release = release.map_err(call("the release"))?.into_inner();
        let linked = verification.linked_at.get(&round).copied().unwrap_or(u64::MAX);
        let place = Place::Round { round };
        let mut signed = vec![false; witnesses.len()];
        for note in &release.cosigned_checkpoints {
            let note = String::from_utf8_lossy(note);
            let head = match tree::open(&note, verifier) {
                Ok(head) => head,
                Err(finding) => {
                    verification.findings.push(finding);
                    continue;
                }
            };
            let begin = usize::try_from(head.size).ok().and_then(|size| hashes.get(..size));
            let belongs = head.size > linked && begin.is_some_and(|begin| root(begin) == head.root);
            let by = witnesses.iter().position(|key| {
                Witness::from_text(key).is_ok_and(|witness| witness.signed(&note).is_some())
            });
            match by.filter(|_| belongs) {
                Some(by) => signed[by] = true,
                None => {
                    let rule = "a cosigned checkpoint is one of this ledger, from after the \
                                linkage, by a witness of the manifest";
                    let evidence = format!("{} entries", head.size);
                    verification.findings.push(Finding::new(place.clone(), rule, evidence));
                }
            }
        }
        let count = signed.iter().filter(|signed| **signed).count();
        if count < min_cosignatures {
            let rule = "a release rests on as many cosignatures as its manifest needs";
            let evidence = format!("{count} of {min_cosignatures}");
            verification.findings.push(Finding::new(place, rule, evidence));
        }
        verification.cosignatures.insert(round, count as u64);
    }
    Ok(())
}

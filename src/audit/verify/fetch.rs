//! The ledger over gRPC, as an auditor's certificate sees it.

use samenloop_schema::Digest;
use samenloop_wire::client::{ConnectError, explain};
use samenloop_wire::v1::ledger_client::LedgerClient;
use samenloop_wire::v1::{
    GetCheckpointRequest, GetConsistencyProofRequest, GetInclusionProofRequest, ListEntriesRequest,
    Proof,
};
use tonic::Status;
use tonic::transport::Channel;

use super::bundle::{Bundle, BundledEntry};
use super::merkle::{includes, leaf_hash};
use super::note::Head;
use crate::finding::Finding;

/// Inclusion proofs that are asked for, evenly spread over the ledger: every leaf is hashed to the
/// root anyway, so this checks what the service proves to those who do not fetch everything.
const MOST_PROOFS: u64 = 256;

/// The service did not give what is to be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A refused or failed call.
    #[error("the service did not give {what}: {reason}")]
    Call {
        /// What was asked for.
        what: &'static str,
        /// The service's word.
        reason: String,
    },
}

pub(super) fn call(what: &'static str) -> impl Fn(Status) -> FetchError {
    move |status| FetchError::Call { what, reason: explain(&status) }
}

pub(super) struct Session {
    client: LedgerClient<Channel>,
}

impl Session {
    pub(super) fn new(channel: Channel) -> Self {
        Self { client: LedgerClient::new(channel) }
    }

    /// The newest signed note; bytes that are not UTF-8 are replaced, and then no signature holds.
    pub(super) async fn checkpoint(&mut self) -> Result<String, FetchError> {
        let response = self.client.get_checkpoint(GetCheckpointRequest {}).await;
        let note = response.map_err(call("its checkpoint"))?.into_inner().signed_note;
        Ok(String::from_utf8_lossy(&note).into_owned())
    }

    /// The entries under a checkpoint. One that is out of order ends the list with a finding.
    pub(super) async fn entries(
        &mut self,
        size: u64,
        findings: &mut Vec<Finding>,
    ) -> Result<Vec<BundledEntry>, FetchError> {
        let mut entries = vec![];
        if size == 0 {
            return Ok(entries);
        }
        let error = call("its entries");
        let request = ListEntriesRequest { from: 0, to: size };
        let mut stream = self.client.list_entries(request).await.map_err(&error)?.into_inner();
        while let Some(served) = stream.message().await.map_err(&error)? {
            match BundledEntry::from_wire(&served, entries.len() as u64) {
                Ok(entry) => entries.push(entry),
                Err(finding) => {
                    findings.push(finding);
                    break;
                }
            }
        }
        Ok(entries)
    }

    pub(super) async fn consistency(
        &mut self,
        old_size: u64,
        new_size: u64,
    ) -> Result<Vec<Digest>, FetchError> {
        let request = GetConsistencyProofRequest { old_size, new_size };
        let response = self.client.get_consistency_proof(request).await;
        Ok(hashes(&response.map_err(call("a consistency proof"))?.into_inner()))
    }

    /// Asks for inclusion proofs of up to [`MOST_PROOFS`] entries and checks each.
    pub(super) async fn check_inclusion(
        &mut self,
        bundle: &Bundle,
        head: &Head,
        findings: &mut Vec<Finding>,
    ) -> Result<u64, FetchError> {
        let size = bundle.entries.len() as u64;
        let step = size.div_ceil(MOST_PROOFS).max(1) as usize;
        let mut checked = 0;
        for entry in bundle.entries.iter().rev().step_by(step) {
            let request = GetInclusionProofRequest { index: entry.index, size: head.size };
            let response = self.client.get_inclusion_proof(request).await;
            let proof = hashes(&response.map_err(call("an inclusion proof"))?.into_inner());
            let leaf = leaf_hash(&entry.leaf.0);
            if !includes(entry.index, head.size, &leaf, &proof, &head.root) {
                let rule = "the service's inclusion proof holds";
                findings.push(Finding::new(entry.place(), rule, ""));
            }
            checked += 1;
        }
        Ok(checked)
    }
}

/// Hashes of a proof. One of another length becomes a hash that no tree has, so that the proof
/// does not hold.
fn hashes(proof: &Proof) -> Vec<Digest> {
    proof.hashes.iter().map(|hash| Digest::from_slice(hash).unwrap_or(Digest([0; 32]))).collect()
}

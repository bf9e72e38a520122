//! The ledger for whoever wants to check it: leaves and proofs for every role, bodies by role.

use std::pin::Pin;
use std::sync::Arc;

use samenloop_ledger::{Checkpoint, Event, SigningKey};
use samenloop_wire::v1::ledger_server::Ledger;
use samenloop_wire::v1::{
    CosignRequest, CosignResponse, GetCheckpointRequest, GetCheckpointResponse,
    GetConsistencyProofRequest, GetInclusionProofRequest, LedgerEntry, ListEntriesRequest, Proof,
    StoredCosignature,
};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{blocking, caller, round_id};
use crate::identity::{Caller, Role};
use crate::round::Rounds;
use crate::status::proof;
use crate::store::{Served, StoreError};

/// Entries that are read at once.
const PAGE: u64 = 256;

pub(crate) struct LedgerHandler {
    pub(crate) rounds: Arc<Rounds>,
    pub(crate) key: Arc<SigningKey>,
}

/// Which party an event concerns; none is the round or the service as a whole.
fn party(event: &Event) -> Option<u16> {
    match event {
        Event::KeyAnnounced { party, .. }
        | Event::SubmissionOpened { party, .. }
        | Event::BatchAccepted { party, .. }
        | Event::BatchRefused { party, .. }
        | Event::SubmissionSealed { party, .. }
        | Event::SubmissionReplaced { party, .. }
        | Event::SubmissionWithdrawn { party, .. }
        | Event::SubmissionAbandoned { party, .. } => Some(*party),
        Event::ServiceStarted { .. }
        | Event::Recovered {}
        | Event::RoundCreated { .. }
        | Event::RoundOpened { .. }
        | Event::RoundFrozen { .. }
        | Event::RunStarted { .. }
        | Event::RunFinished { .. }
        | Event::RunFailed { .. }
        | Event::RunCancelled { .. }
        | Event::Released { .. }
        | Event::ReleaseRefused { .. }
        | Event::Queried { .. }
        | Event::AccessRefused { .. }
        | Event::RoundClosed { .. }
        | Event::CorrectionBegun { .. }
        | Event::WrappingKeyRotated {}
        | Event::RetentionEnded { .. }
        | Event::Restored { .. }
        | Event::CertificatesLoaded { .. }
        | Event::CertificateUsed { .. }
        | Event::Cosigned { .. } => None,
    }
}

/// Whether the caller may read what an entry says.
fn may_read(rounds: &Rounds, caller: &Caller, event: &Event) -> bool {
    match caller.role {
        Role::Auditor | Role::Coordinator => true,
        Role::Monitor => false,
        Role::Partner => event
            .round()
            .and_then(|round| rounds.member(caller, &round).ok())
            .is_some_and(|member| party(event).is_none_or(|party| party == member.place)),
    }
}

fn message(rounds: &Rounds, caller: &Caller, served: Served) -> LedgerEntry {
    let open = may_read(rounds, caller, &served.entry.event);
    LedgerEntry {
        index: served.index,
        leaf: served.leaf.0.to_vec().into(),
        salt: if open { served.salt.to_vec().into() } else { Default::default() },
        body: if open { served.body.into() } else { Default::default() },
    }
}

#[tonic::async_trait]
impl Ledger for LedgerHandler {
    type ListEntriesStream = Pin<Box<dyn Stream<Item = Result<LedgerEntry, Status>> + Send>>;

    async fn get_checkpoint(
        &self,
        _: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let (size, root) = self.rounds.store().head();
        let origin = self.key.verifying_key().name().to_owned();
        let note = Checkpoint { origin, size, root }.sign(&self.key);
        Ok(Response::new(GetCheckpointResponse { signed_note: note.into_bytes().into() }))
    }

    async fn list_entries(
        &self,
        request: Request<ListEntriesRequest>,
    ) -> Result<Response<Self::ListEntriesStream>, Status> {
        let (caller, rounds) = (caller(&request)?, Arc::clone(&self.rounds));
        let ListEntriesRequest { from, to } = request.into_inner();
        let size = rounds.store().head().0;
        let to = if to == 0 { size } else { to.min(size) };
        let (send, receive) = mpsc::channel(PAGE as usize);
        tokio::spawn(async move {
            for begin in (from..to).step_by(PAGE as usize) {
                let (rounds, caller) = (Arc::clone(&rounds), caller.clone());
                let page = blocking(move || -> Result<Vec<LedgerEntry>, StoreError> {
                    let page = rounds.store().entries(begin, to.min(begin + PAGE))?;
                    Ok(page.into_iter().map(|served| message(&rounds, &caller, served)).collect())
                });
                let messages = match page.await {
                    Ok(page) => page.into_iter().map(Ok).collect(),
                    Err(status) => vec![Err(status)],
                };
                for message in messages {
                    let failed = message.is_err();
                    if send.send(message).await.is_err() || failed {
                        return;
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receive))))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<GetInclusionProofRequest>,
    ) -> Result<Response<Proof>, Status> {
        let GetInclusionProofRequest { index, size } = request.into_inner();
        let hashes = self.rounds.store().inclusion_proof(index, size).map_err(proof)?;
        let hashes = hashes.iter().map(|hash| hash.0.to_vec().into()).collect();
        Ok(Response::new(Proof { hashes }))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<Proof>, Status> {
        let GetConsistencyProofRequest { old_size, new_size } = request.into_inner();
        let hashes = self.rounds.store().consistency_proof(old_size, new_size).map_err(proof)?;
        let hashes = hashes.iter().map(|hash| hash.0.to_vec().into()).collect();
        Ok(Response::new(Proof { hashes }))
    }

    async fn cosign(
        &self,
        request: Request<CosignRequest>,
    ) -> Result<Response<CosignResponse>, Status> {
        let (caller, rounds) = (caller(&request)?, Arc::clone(&self.rounds));
        let CosignRequest { round_id: round, witness, size, cosignature } = request.into_inner();
        let round = round_id(&round)?;
        let origin = self.key.verifying_key().name().to_owned();
        let signed = StoredCosignature { witness, size, cosignature };
        let needed = blocking(move || rounds.cosign(&caller, &round, &origin, signed)).await?;
        Ok(Response::new(CosignResponse { needed_size: needed.unwrap_or_default() }))
    }
}

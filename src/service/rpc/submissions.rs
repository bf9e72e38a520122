//! Submissions of the calling partner.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use samenloop_schema::PartyId;
use samenloop_wire::v1::submissions_server::Submissions;
use samenloop_wire::v1::{
    AnnounceKeyRequest, AnnounceKeyResponse, Batch, BatchAcknowledgement, GetSubmissionsRequest,
    GetSubmissionsResponse, OpenSubmissionRequest, OpenSubmissionResponse, RoundState,
    SealSubmissionRequest, SealSubmissionResponse, WithdrawSubmissionRequest,
    WithdrawSubmissionResponse,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument as _;

use super::upload::{Upload, room_of_all};
use super::{RequestError, blocking, caller, key_check_value, round_id, submission_id};
use crate::config::Limits;
use crate::identity::Caller;
use crate::metrics::{Metrics, Ongoing};
use crate::round::{Member, Rounds, StepError};
use crate::submission::status;

/// Acknowledgements that may wait for a slow client before its upload does.
const WAITING: usize = 4;

pub(crate) struct SubmissionsHandler {
    rounds: Arc<Rounds>,
    limits: Limits,
    stopping: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
    all_uploads: Arc<Semaphore>,
    /// For the batches of all uploads.
    room: Arc<Semaphore>,
    uploads: Mutex<HashMap<PartyId, Arc<Semaphore>>>,
}

/// Held while an upload goes on.
struct UploadPlace {
    _places: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    _ongoing: Ongoing,
}

impl SubmissionsHandler {
    pub(crate) fn new(
        rounds: Arc<Rounds>,
        limits: Limits,
        stopping: watch::Receiver<bool>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let all_uploads = Arc::new(Semaphore::new(limits.uploads.get()));
        let room = room_of_all(limits.uploads.get());
        Self { rounds, limits, stopping, metrics, all_uploads, room, uploads: Mutex::default() }
    }

    fn upload_place(&self, caller: &Caller) -> Result<UploadPlace, RequestError> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let own = uploads.entry(caller.name.clone());
        let most = self.limits.uploads_per_party.get();
        let own = Arc::clone(own.or_insert_with(|| Arc::new(Semaphore::new(most))));
        let own = own.try_acquire_owned().map_err(|_| RequestError::Busy)?;
        let all = Arc::clone(&self.all_uploads);
        let all = all.try_acquire_owned().map_err(|_| RequestError::Full)?;
        let ongoing = Ongoing::of(&self.metrics.uploads_now);
        Ok(UploadPlace { _places: (own, all), _ongoing: ongoing })
    }

    /// Runs a step of the caller as a partner of the round that the message names.
    async fn step<T, E>(
        &self,
        caller: Caller,
        bytes: &[u8],
        step: impl FnOnce(&Rounds, &Member) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Status>
    where
        T: Send + 'static,
        E: Send + 'static,
        Status: From<E>,
    {
        let (round, rounds) = (round_id(bytes)?, Arc::clone(&self.rounds));
        let done = blocking::<Result<T, E>, StepError>(move || {
            let member = rounds.member(&caller, &round)?;
            Ok(step(&rounds, &member))
        });
        Ok(done.await??)
    }
}

#[tonic::async_trait]
impl Submissions for SubmissionsHandler {
    type UploadBatchesStream =
        Pin<Box<dyn Stream<Item = Result<BatchAcknowledgement, Status>> + Send>>;

    async fn announce_key(
        &self,
        request: Request<AnnounceKeyRequest>,
    ) -> Result<Response<AnnounceKeyResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let value = key_check_value(&request.key_check_value)?;
        let announce = move |rounds: &Rounds, member: &Member| rounds.announce_key(member, value);
        self.step(caller, &request.round_id, announce).await?;
        Ok(Response::new(AnnounceKeyResponse {}))
    }

    async fn open_submission(
        &self,
        request: Request<OpenSubmissionRequest>,
    ) -> Result<Response<OpenSubmissionResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let id = submission_id(&request.submission_id)?;
        let value = key_check_value(&request.key_check_value)?;
        let resume = self
            .step(caller, &request.round_id, move |rounds, member| {
                rounds.open_submission(member, id, value, request.records)
            })
            .await?;
        Ok(Response::new(OpenSubmissionResponse {
            next_batch: resume.next_batch,
            sealed: resume.sealed,
        }))
    }

    async fn upload_batches(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::UploadBatchesStream>, Status> {
        let caller = caller(&request)?;
        let place = self.upload_place(&caller)?;
        let standing = request.extensions().get().cloned().ok_or(RequestError::Caller)?;
        let upload = Upload::new(
            caller,
            standing,
            Arc::clone(&self.rounds),
            request.into_inner(),
            self.stopping.clone(),
            self.limits.upload_idle(),
            Arc::clone(&self.room),
        );
        let (send, receive) = mpsc::channel(WAITING);
        let work = async move {
            upload.run(&send).await;
            drop(place);
        };
        tokio::spawn(work.instrument(tracing::Span::current()));
        Ok(Response::new(Box::pin(ReceiverStream::new(receive))))
    }

    async fn seal_submission(
        &self,
        request: Request<SealSubmissionRequest>,
    ) -> Result<Response<SealSubmissionResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let id = submission_id(&request.submission_id)?;
        let ledger_index = self
            .step(caller, &request.round_id, move |rounds, member| {
                rounds.seal_submission(member, id, request.batches, request.records)
            })
            .await?;
        Ok(Response::new(SealSubmissionResponse { ledger_index }))
    }

    async fn get_submissions(
        &self,
        request: Request<GetSubmissionsRequest>,
    ) -> Result<Response<GetSubmissionsResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let (own, state) = self.step(caller, &request.round_id, Rounds::own_submissions).await?;
        Ok(Response::new(GetSubmissionsResponse {
            submissions: own.iter().map(status).collect(),
            round_state: RoundState::from(state) as u32,
        }))
    }

    async fn withdraw_submission(
        &self,
        request: Request<WithdrawSubmissionRequest>,
    ) -> Result<Response<WithdrawSubmissionResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let id = submission_id(&request.submission_id)?;
        let withdraw =
            move |rounds: &Rounds, member: &Member| rounds.withdraw_submission(member, id);
        let ledger_index = self.step(caller, &request.round_id, withdraw).await?;
        Ok(Response::new(WithdrawSubmissionResponse { ledger_index }))
    }
}

//! Submissions of the calling partner.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use samenloop_schema::{PartyId, RoundId, SubmissionId};
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

use super::{RequestError, blocking, caller, key_check_value, round_id, submission_id};
use crate::config::Limits;
use crate::identity::Caller;
use crate::ingest::{IngestError, IngestRule};
use crate::metrics::{Metrics, Ongoing};
use crate::round::{Member, Rounds, StepError};
use crate::submission::status;
use crate::trust::Standing;

/// Acknowledgements that may wait for a slow client before its upload does.
const WAITING: usize = 4;

pub(crate) struct SubmissionsHandler {
    rounds: Arc<Rounds>,
    limits: Limits,
    stopping: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
    all_uploads: Arc<Semaphore>,
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
        Self { rounds, limits, stopping, metrics, all_uploads, uploads: Mutex::default() }
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
        let upload = Upload {
            caller,
            standing,
            rounds: Arc::clone(&self.rounds),
            batches: request.into_inner(),
            stopping: self.stopping.clone(),
            idle: self.limits.upload_idle(),
            last: None,
        };
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
        let sealed = self
            .step(caller, &request.round_id, move |rounds, member| {
                rounds.seal_submission(member, id, request.batches, request.records)
            })
            .await?;
        Ok(Response::new(SealSubmissionResponse {
            ledger_index: sealed.ledger_index,
            dropped_match_keys: sealed.dropped_match_keys,
        }))
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

/// One upload: a batch is worked on only after the one before it is durable.
struct Upload {
    caller: Caller,
    standing: Standing,
    rounds: Arc<Rounds>,
    batches: Streaming<Batch>,
    stopping: watch::Receiver<bool>,
    idle: std::time::Duration,
    last: Option<(RoundId, SubmissionId, u32)>,
}

impl Upload {
    async fn run(mut self, answers: &mpsc::Sender<Result<BatchAcknowledgement, Status>>) {
        loop {
            let answer = match self.next().await {
                Ok(Some(batch)) => self.accept(batch).await,
                Ok(None) => return,
                Err(status) => Err(status),
            };
            let failed = answer.is_err();
            if answers.send(answer).await.is_err() || failed {
                return;
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Batch>, Status> {
        let received = tokio::select! {
            received = tokio::time::timeout(self.idle, self.batches.message()) => received,
            _ = self.stopping.wait_for(|stopping| *stopping) => {
                return Err(RequestError::Stopping.into());
            }
        };
        if !self.standing.holds() {
            return Err(RequestError::Ended.into());
        }
        match received {
            Ok(Ok(batch)) => Ok(batch),
            Ok(Err(status)) => Err(self.undecodable(status).await),
            Err(_) => Err(RequestError::Idle.into()),
        }
    }

    /// A message that never became a batch: refused like one where its place is known.
    async fn undecodable(&self, status: Status) -> Status {
        let faulty = [tonic::Code::InvalidArgument, tonic::Code::OutOfRange];
        if !faulty.contains(&status.code()) {
            return status;
        }
        let rule = IngestRule::Undecodable(status.message().to_owned());
        let Some((round, submission, before)) = self.last else {
            return Status::invalid_argument(format!("the upload's first batch: {rule}"));
        };
        let number = before + 1;
        let refused = IngestError::Refused { number, rule: rule.clone() };
        let (rounds, caller) = (Arc::clone(&self.rounds), self.caller.clone());
        let recorded = blocking(move || -> Result<(), StepError> {
            let member = rounds.member(&caller, &round)?;
            Ok(rounds.refuse_batch(&member, Some(submission), number, &rule)?)
        });
        match recorded.await {
            Ok(()) => refused.into(),
            Err(status) => status,
        }
    }

    async fn accept(&mut self, batch: Batch) -> Result<BatchAcknowledgement, Status> {
        let ids =
            (RoundId::from_slice(&batch.round_id), SubmissionId::from_slice(&batch.submission_id));
        let number = batch.number;
        let (rounds, caller) = (Arc::clone(&self.rounds), self.caller.clone());
        let accepted = blocking(move || rounds.accept_batch(&caller, &batch)).await?;
        self.last = ids.0.zip(ids.1).map(|(round, submission)| (round, submission, number));
        Ok(accepted)
    }
}

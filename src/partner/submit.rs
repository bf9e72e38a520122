//! Sends an extract, and goes on where it stopped when the connection is lost.

use std::time::Duration;

use samenloop_schema::{RoundId, RoundState, SubmissionId};
use samenloop_wire::client::{ClientConfig, ConnectError};
use samenloop_wire::v1;
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::extract::{Extract, ExtractError};
use crate::submissions::{self, CallError, PATIENCE, bytes, request};

/// Batches that may be under way without having been acknowledged.
const WINDOW: u32 = 24;

/// Attempts that may fail in a row before the upload is given up.
const ATTEMPTS: u32 = 10;

/// Wait after the first failure; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(500);

const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How far an upload is.
pub trait SubmitProgress: Sync {
    /// The service holds this many of the batches.
    fn held(&self, batches: u32, of: u32);
    /// The connection was lost; the next attempt follows after the wait.
    fn lost(&self, reason: &str, wait: Duration);
}

/// Says nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl SubmitProgress for Silent {
    fn held(&self, _batches: u32, _of: u32) {}
    fn lost(&self, _reason: &str, _wait: Duration) {}
}

/// Why an extract is not submitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The extract cannot be read.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The service was not reached, or refused.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The round does not take submissions.
    #[error("the round is {state}; {}", match state {
        RoundState::Draft => "it opens once every partner has announced its key with `key check`",
        _ => "submissions are possible only while it is open: ask the coordinator",
    })]
    NotOpen {
        /// Where it stands.
        state: RoundState,
    },
    /// Connections were lost again and again.
    #[error(
        "the connection was lost {ATTEMPTS} times in a row, last because of: {reason}; run the same \
         command again later, it goes on after batch {held}"
    )]
    GivenUp {
        /// Of the last failure.
        reason: Box<CallError>,
        /// Batches that the service holds.
        held: u32,
    },
}

/// What was submitted: the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubmitReport {
    /// The round.
    pub round: RoundId,
    /// The submission, as the extract has it.
    pub submission_id: SubmissionId,
    /// Records in it.
    pub records: u64,
    /// Batches in it.
    pub batches: u32,
    /// Whether it had been sealed before this call; then nothing was sent.
    pub sealed_before: bool,
    /// Ledger entries of the batches that were sent this time, from 0.
    pub batch_ledger_indices: Vec<u64>,
    /// Ledger entry of the sealing, from 0.
    pub ledger_index: u64,
}

struct Upload<'u> {
    extract: &'u mut Extract,
    round: RoundId,
    progress: &'u dyn SubmitProgress,
    /// Batches that the service is known to hold; none before it has been asked.
    held: Option<u32>,
    batch_ledger_indices: Vec<u64>,
}

/// Why one attempt ended.
enum Ended {
    /// Trying again may help.
    Lost(CallError),
    /// It will not.
    Failed(SubmitError),
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        let passing = matches!(
            status.code(),
            Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Cancelled
                | Code::Aborted
                | Code::ResourceExhausted
        );
        if submissions::broke(&status) || passing {
            Self::Lost(status.into())
        } else {
            Self::Failed(SubmitError::Call(status.into()))
        }
    }
}

impl From<CallError> for Ended {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(status) => (*status).into(),
            CallError::Connect(ConnectError::Transport { .. }) => Self::Lost(error),
            other => Self::Failed(SubmitError::Call(other)),
        }
    }
}

impl From<SubmitError> for Ended {
    fn from(error: SubmitError) -> Self {
        Self::Failed(error)
    }
}

/// Sends an extract and seals the submission. What the service holds already is not sent again,
/// whoever sent it: the extract has the submission's identity.
///
/// A service that cannot be reached at all is an error at once; a connection that is lost later is
/// taken up again, up to ten times without progress.
pub async fn submit(
    extract: &mut Extract,
    config: &ClientConfig,
    round: RoundId,
    progress: &dyn SubmitProgress,
) -> Result<SubmitReport, SubmitError> {
    let mut upload = Upload { extract, round, progress, held: None, batch_ledger_indices: vec![] };
    let mut failures = 0;
    loop {
        let held = upload.held;
        let reason = match upload.attempt(config).await {
            Ok(report) => return Ok(report),
            Err(Ended::Failed(error)) => return Err(error),
            Err(Ended::Lost(reason)) => reason,
        };
        let Some(now_held) = upload.held else { return Err(reason.into()) };
        failures = if upload.held > held { 1 } else { failures + 1 };
        if failures >= ATTEMPTS {
            return Err(SubmitError::GivenUp { reason: Box::new(reason), held: now_held });
        }
        let wait = (FIRST_WAIT * 2_u32.pow(failures - 1)).min(LONGEST_WAIT);
        progress.lost(&reason.to_string(), wait);
        tokio::time::sleep(wait).await;
    }
}

impl Upload<'_> {
    async fn attempt(&mut self, config: &ClientConfig) -> Result<SubmitReport, Ended> {
        let header = self.extract.header().clone();
        let channel = config.connect().await.map_err(CallError::from)?;
        let view = submissions::round(channel.clone(), self.round).await?;
        if view.state != RoundState::Open {
            return Err(SubmitError::NotOpen { state: view.state }.into());
        }
        submissions::check_schema(&view, header.schema_hash)?;
        let mut client = SubmissionsClient::new(channel);
        let opened = client
            .open_submission(request(v1::OpenSubmissionRequest {
                round_id: bytes(&self.round.0),
                submission_id: bytes(&header.submission_id.0),
                key_check_value: bytes(&header.key_check_value.0),
                records: header.rows,
            }))
            .await?
            .into_inner();
        let batches = header.batches();
        let sealed_before = opened.sealed && self.held.is_none();
        if !opened.sealed {
            self.hold(opened.next_batch, batches);
            self.send(&mut client).await?;
        }
        let sealed = client
            .seal_submission(request(v1::SealSubmissionRequest {
                round_id: bytes(&self.round.0),
                submission_id: bytes(&header.submission_id.0),
                batches,
                records: header.rows,
            }))
            .await?
            .into_inner();
        self.hold(batches, batches);
        Ok(SubmitReport {
            round: self.round,
            submission_id: header.submission_id,
            records: header.rows,
            batches,
            sealed_before,
            batch_ledger_indices: std::mem::take(&mut self.batch_ledger_indices),
            ledger_index: sealed.ledger_index,
        })
    }

    fn hold(&mut self, held: u32, of: u32) {
        self.held = Some(held);
        self.progress.held(held, of);
    }

    /// Sends every batch that the service does not hold, a window of them at a time.
    async fn send(&mut self, client: &mut SubmissionsClient<Channel>) -> Result<(), Ended> {
        let batches = self.extract.header().batches();
        let mut held = self.held.unwrap_or(0);
        let mut next = held;
        if next >= batches {
            return Ok(());
        }
        let (sender, receiver) = mpsc::channel(WINDOW as usize);
        let uploading = client.upload_batches(ReceiverStream::new(receiver));
        let silence = |_| Status::deadline_exceeded("the service does not answer");
        let mut acknowledgements =
            tokio::time::timeout(PATIENCE, uploading).await.map_err(silence)??.into_inner();
        while held < batches {
            while next < batches && next - held < WINDOW {
                let batch = self.extract.message(&self.round, next).map_err(SubmitError::from)?;
                if sender.send(batch).await.is_err() {
                    // The stream has ended; its acknowledgements say why.
                    break;
                }
                next += 1;
            }
            let answer = tokio::time::timeout(PATIENCE, acknowledgements.message());
            let Some(acknowledged) = answer.await.map_err(silence)?? else {
                return Err(Status::unavailable("the service ended the upload").into());
            };
            if acknowledged.number != held {
                return Err(CallError::Answer("an acknowledgement out of order").into());
            }
            held += 1;
            self.batch_ledger_indices.push(acknowledged.ledger_index);
            self.hold(held, batches);
        }
        Ok(())
    }
}

//! Calls about a round and the caller's own submissions.

use std::time::Duration;

use samenloop_schema::{
    Digest, KeyCheckValue, LinkageSchema, ManifestError, RoundId, RoundManifest, RoundState,
    SubmissionId,
};
use samenloop_wire::client::{ClientConfig, ConnectError, explain};
use samenloop_wire::v1::rounds_client::RoundsClient;
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use samenloop_wire::v1::{self, SubmissionState};
use serde::Serialize;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// A call that is not answered for this long has failed. Sealing reads the whole submission back; a
/// dead connection is found by its keep-alive long before.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// Why a call had no success.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The service was not reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The service refused, or the connection broke.
    #[error("{}: {}", if broke(.0) { "the connection was lost" } else { "the service refused" }, explain(.0))]
    Refused(Box<Status>),
    /// What the service shows as the round is another round.
    #[error(
        "the manifest that the service shows is not the one that the round's id stands for; do not \
         submit, and tell the coordinator"
    )]
    OtherManifest,
    /// The service shows something that this program does not understand.
    #[error("the service's answer makes no sense to this program ({0}); are both of one version?")]
    Answer(&'static str),
    /// The manifest cannot be read.
    #[error("the round's manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// The round was made with another schema.
    #[error(
        "the round uses linkage schema {round}, this is schema {own}; get the round's schema file \
         from the coordinator and encode again"
    )]
    OtherSchema {
        /// The round's.
        round: Digest,
        /// Of the extract or the given file.
        own: Digest,
    },
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

/// Whether a status was made on this side because the connection broke.
pub(crate) fn broke(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// Why nothing was withdrawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WithdrawError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is nothing to withdraw.
    #[error("this party has no open or sealed submission in the round")]
    Nothing,
    /// It must be said which.
    #[error("there are several submissions ({}); name one with --submission", list(.0))]
    Several(Vec<SubmissionId>),
}

fn list(ids: &[SubmissionId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A round as its partners may see it.
#[derive(Debug, Clone)]
pub struct RoundView {
    /// Where it stands.
    pub state: RoundState,
    /// Its manifest, whose hash is the round's id.
    pub manifest: RoundManifest,
}

/// The caller's submissions of a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusReport {
    /// The round.
    pub round: RoundId,
    /// Where it stands.
    pub round_state: RoundState,
    /// In the order in which they were opened.
    pub submissions: Vec<SubmissionProgress>,
}

/// How far one submission is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubmissionProgress {
    /// Its identity.
    pub submission_id: SubmissionId,
    /// `open`, `sealed`, `replaced`, `withdrawn` or `abandoned`.
    pub state: &'static str,
    /// Batches that the service holds.
    pub batches: u32,
    /// Records that the service holds.
    pub records: u64,
    /// Records of the whole extract.
    pub expected_records: u64,
    /// Match-key values that the linkage left out, because too many of its records share them.
    pub dropped_match_keys: u64,
}

/// A submission that was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WithdrawReport {
    /// The round.
    pub round: RoundId,
    /// Its identity.
    pub submission_id: SubmissionId,
    /// The withdrawal's entry in the ledger, from 0.
    pub ledger_index: u64,
}

/// A message with a deadline.
pub(crate) fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

pub(crate) fn bytes(id: &[u8]) -> prost::bytes::Bytes {
    prost::bytes::Bytes::copy_from_slice(id)
}

/// Shows a round, and checks that its manifest is the one that the id stands for.
pub async fn round(channel: Channel, round: RoundId) -> Result<RoundView, CallError> {
    let message = v1::GetRoundRequest { round_id: bytes(&round.0) };
    let answer = RoundsClient::new(channel).get_round(request(message)).await?.into_inner();
    let state = answer.state().to_vocabulary().ok_or(CallError::Answer("round state"))?;
    let text = std::str::from_utf8(&answer.manifest_toml)
        .map_err(|_| CallError::Answer("a manifest that is no text"))?;
    if RoundManifest::round_id(text) != round {
        return Err(CallError::OtherManifest);
    }
    Ok(RoundView { state, manifest: RoundManifest::from_toml(text)? })
}

/// Announces the key check value of a round's key, after checking that the round uses this schema.
pub async fn announce_key(
    config: &ClientConfig,
    round_id: RoundId,
    schema: &LinkageSchema,
    key_check_value: KeyCheckValue,
) -> Result<(), CallError> {
    let channel = config.connect().await?;
    let view = round(channel.clone(), round_id).await?;
    check_schema(&view, schema.hash())?;
    let message = v1::AnnounceKeyRequest {
        round_id: bytes(&round_id.0),
        key_check_value: bytes(&key_check_value.0),
    };
    SubmissionsClient::new(channel).announce_key(request(message)).await?;
    Ok(())
}

pub(crate) fn check_schema(view: &RoundView, own: Digest) -> Result<(), CallError> {
    let round = view.manifest.schema_hash;
    if round == own { Ok(()) } else { Err(CallError::OtherSchema { round, own }) }
}

/// The caller's submissions.
pub async fn status(config: &ClientConfig, round: RoundId) -> Result<StatusReport, CallError> {
    let channel = config.connect().await?;
    submissions(&mut SubmissionsClient::new(channel), round).await
}

async fn submissions(
    client: &mut SubmissionsClient<Channel>,
    round: RoundId,
) -> Result<StatusReport, CallError> {
    let message = v1::GetSubmissionsRequest { round_id: bytes(&round.0) };
    let answer = client.get_submissions(request(message)).await?.into_inner();
    let round_state = v1::RoundState::try_from(answer.round_state as i32)
        .ok()
        .and_then(v1::RoundState::to_vocabulary)
        .ok_or(CallError::Answer("round state"))?;
    let progress = |status: &v1::SubmissionStatus| {
        Ok(SubmissionProgress {
            submission_id: SubmissionId::from_slice(&status.submission_id)
                .ok_or(CallError::Answer("submission id"))?,
            state: match status.state() {
                SubmissionState::Open => "open",
                SubmissionState::Sealed => "sealed",
                SubmissionState::Replaced => "replaced",
                SubmissionState::Withdrawn => "withdrawn",
                SubmissionState::Abandoned => "abandoned",
                SubmissionState::Unspecified => return Err(CallError::Answer("submission state")),
            },
            batches: status.batches,
            records: status.records,
            expected_records: status.expected_records,
            dropped_match_keys: status.dropped_match_keys,
        })
    };
    let submissions = answer.submissions.iter().map(progress).collect::<Result<_, _>>()?;
    Ok(StatusReport { round, round_state, submissions })
}

/// Withdraws a submission: the one that is named, else the only one that is open or sealed.
pub async fn withdraw(
    config: &ClientConfig,
    round: RoundId,
    submission: Option<SubmissionId>,
) -> Result<WithdrawReport, WithdrawError> {
    let mut client = SubmissionsClient::new(config.connect().await.map_err(CallError::from)?);
    let submission_id = match submission {
        Some(id) => id,
        None => {
            let own = submissions(&mut client, round).await?.submissions;
            let live = own.iter().filter(|each| matches!(each.state, "open" | "sealed"));
            match live.map(|each| each.submission_id).collect::<Vec<_>>().as_slice() {
                [] => return Err(WithdrawError::Nothing),
                [only] => *only,
                several => return Err(WithdrawError::Several(several.to_vec())),
            }
        }
    };
    let message = v1::WithdrawSubmissionRequest {
        round_id: bytes(&round.0),
        submission_id: bytes(&submission_id.0),
    };
    let answer = client.withdraw_submission(request(message)).await.map_err(CallError::from)?;
    Ok(WithdrawReport { round, submission_id, ledger_index: answer.into_inner().ledger_index })
}

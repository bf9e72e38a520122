//! A tap on the service's side: it has the service's certificate, decodes every message with the
//! service's own codec, keeps what it saw, and hands it on to the service.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use prost::Message;
use samenloop_wire::v1;
use samenloop_wire::v1::rounds_client::RoundsClient;
use samenloop_wire::v1::rounds_server::{Rounds, RoundsServer};
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use samenloop_wire::v1::submissions_server::{Submissions, SubmissionsServer};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Channel, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

use crate::{Role, Service};

/// What went through a relay, message after message, as protobuf.
pub type Tapped = Arc<Mutex<Vec<u8>>>;

#[derive(Clone)]
struct Relay {
    tapped: Tapped,
    rounds: RoundsClient<Channel>,
    submissions: SubmissionsClient<Channel>,
    /// Batches of an upload that are handed on before it falls silent.
    batches: u32,
}

/// Starts a relay for one partner and returns where it listens and what it sees.
pub async fn tap(service: &Service, partner: &str) -> anyhow::Result<(SocketAddr, Tapped)> {
    relay(service, partner, u32::MAX).await
}

/// Starts a relay for one partner that hands on this many batches of an upload and then falls
/// silent, as a connection does that is about to be lost.
pub async fn stall(service: &Service, partner: &str, after: u32) -> anyhow::Result<SocketAddr> {
    Ok(relay(service, partner, after).await?.0)
}

async fn relay(
    service: &Service,
    partner: &str,
    batches: u32,
) -> anyhow::Result<(SocketAddr, Tapped)> {
    let certificates = service.folder().join("certificates");
    let read = |name: &str| std::fs::read(certificates.join(name)).context("an installed file");
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(read("service.pem")?, read("service.key")?))
        .client_ca_root(Certificate::from_pem(read("authority.pem")?));
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
    let address = incoming.local_addr()?;
    let tapped = Tapped::default();
    let channel = service.channel(Role::Partner, partner).await?;
    let relay = Relay {
        tapped: Arc::clone(&tapped),
        rounds: RoundsClient::new(channel.clone()),
        submissions: SubmissionsClient::new(channel),
        batches,
    };
    let server = Server::builder()
        .tls_config(tls)?
        .add_service(SubmissionsServer::new(relay.clone()))
        .add_service(RoundsServer::new(relay));
    tokio::spawn(server.serve_with_incoming(incoming));
    Ok((address, tapped))
}

fn keep(tapped: &Tapped, message: &[u8]) {
    if let Ok(mut bytes) = tapped.lock() {
        bytes.extend(message);
    }
}

/// Hands a unary call on and keeps both messages, a refusal too.
macro_rules! hand_on {
    ($relay:ident.$onward:ident, $request:ident, $method:ident) => {{
        let message = $request.into_inner();
        keep(&$relay.tapped, &message.encode_to_vec());
        let answer = $relay.$onward.clone().$method(message).await;
        match &answer {
            Ok(response) => keep(&$relay.tapped, &response.get_ref().encode_to_vec()),
            Err(status) => keep(&$relay.tapped, status.message().as_bytes()),
        }
        answer
    }};
}

#[tonic::async_trait]
impl Submissions for Relay {
    async fn announce_key(
        &self,
        request: Request<v1::AnnounceKeyRequest>,
    ) -> Result<Response<v1::AnnounceKeyResponse>, Status> {
        hand_on!(self.submissions, request, announce_key)
    }

    async fn open_submission(
        &self,
        request: Request<v1::OpenSubmissionRequest>,
    ) -> Result<Response<v1::OpenSubmissionResponse>, Status> {
        hand_on!(self.submissions, request, open_submission)
    }

    async fn seal_submission(
        &self,
        request: Request<v1::SealSubmissionRequest>,
    ) -> Result<Response<v1::SealSubmissionResponse>, Status> {
        hand_on!(self.submissions, request, seal_submission)
    }

    async fn get_submissions(
        &self,
        request: Request<v1::GetSubmissionsRequest>,
    ) -> Result<Response<v1::GetSubmissionsResponse>, Status> {
        hand_on!(self.submissions, request, get_submissions)
    }

    async fn withdraw_submission(
        &self,
        request: Request<v1::WithdrawSubmissionRequest>,
    ) -> Result<Response<v1::WithdrawSubmissionResponse>, Status> {
        hand_on!(self.submissions, request, withdraw_submission)
    }

    type UploadBatchesStream =
        Pin<Box<dyn Stream<Item = Result<v1::BatchAcknowledgement, Status>> + Send>>;

    async fn upload_batches(
        &self,
        request: Request<Streaming<v1::Batch>>,
    ) -> Result<Response<Self::UploadBatchesStream>, Status> {
        let (tapped, most) = (Arc::clone(&self.tapped), self.batches);
        let mut sent = request.into_inner();
        let (send, batches) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Ok(Some(batch)) = sent.message().await {
                if batch.number >= most {
                    std::future::pending::<()>().await;
                }
                keep(&tapped, &batch.encode_to_vec());
                if send.send(batch).await.is_err() {
                    return;
                }
            }
        });
        let batches = ReceiverStream::new(batches);
        let answers = self.submissions.clone().upload_batches(batches).await?.into_inner();
        let tapped = Arc::clone(&self.tapped);
        Ok(Response::new(Box::pin(answers.map(move |answer| {
            match &answer {
                Ok(answer) => keep(&tapped, &answer.encode_to_vec()),
                Err(status) => keep(&tapped, status.message().as_bytes()),
            }
            answer
        }))))
    }
}

/// What a partner asks about rounds is handed on; steps of the coordinator are not.
macro_rules! relay_rounds {
    ($($step:ident($request:ty) -> $response:ty),*) => {
        #[tonic::async_trait]
        impl Rounds for Relay {
            async fn get_round(
                &self,
                request: Request<v1::GetRoundRequest>,
            ) -> Result<Response<v1::GetRoundResponse>, Status> {
                hand_on!(self.rounds, request, get_round)
            }

            async fn list_rounds(
                &self,
                request: Request<v1::ListRoundsRequest>,
            ) -> Result<Response<v1::ListRoundsResponse>, Status> {
                hand_on!(self.rounds, request, list_rounds)
            }

            type LinkRoundStream =
                Pin<Box<dyn Stream<Item = Result<v1::LinkRoundProgress, Status>> + Send>>;

            $(async fn $step(&self, _: Request<$request>) -> Result<Response<$response>, Status> {
                Err(Status::permission_denied("a partner does not take this step"))
            })*
        }
    };
}

relay_rounds! {
    create_round(v1::CreateRoundRequest) -> v1::CreateRoundResponse,
    open_round(v1::OpenRoundRequest) -> v1::OpenRoundResponse,
    freeze_round(v1::FreezeRoundRequest) -> v1::FreezeRoundResponse,
    link_round(v1::LinkRoundRequest) -> Self::LinkRoundStream,
    cancel_run(v1::CancelRunRequest) -> v1::CancelRunResponse,
    release_round(v1::ReleaseRoundRequest) -> v1::ReleaseRoundResponse,
    close_round(v1::CloseRoundRequest) -> v1::CloseRoundResponse,
    correct_round(v1::CorrectRoundRequest) -> v1::CorrectRoundResponse
}

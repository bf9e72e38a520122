//! The steps of a round for its coordinator, and what every role may see of it.

use std::pin::Pin;
use std::sync::Arc;

use samenloop_schema::RoundId;
use samenloop_wire::v1::rounds_server::Rounds as RoundsRpc;
use samenloop_wire::v1::{
    CancelRunRequest, CancelRunResponse, CloseRoundRequest, CloseRoundResponse,
    CorrectRoundRequest, CorrectRoundResponse, CreateRoundRequest, CreateRoundResponse,
    FreezeRoundRequest, FreezeRoundResponse, GetRoundRequest, GetRoundResponse, LinkRoundProgress,
    LinkRoundRequest, ListRoundsRequest, ListRoundsResponse, OpenRoundRequest, OpenRoundResponse,
    PartyProgress, ReleaseRoundRequest, ReleaseRoundResponse,
};
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use super::{blocking, caller, round_id};
use crate::round::{RoundView, Rounds};
use crate::run::{Runs, Seen};

pub(crate) struct RoundsHandler {
    pub(crate) rounds: Arc<Rounds>,
    pub(crate) runs: Arc<Runs>,
}

impl RoundsHandler {
    /// Runs a step of the round that the message names.
    async fn step<T, E>(
        &self,
        bytes: &[u8],
        step: impl FnOnce(&Rounds, &RoundId) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Status>
    where
        T: Send + 'static,
        E: Send + 'static,
        Status: From<E>,
    {
        let (round, rounds) = (round_id(bytes)?, Arc::clone(&self.rounds));
        blocking(move || step(&rounds, &round)).await
    }
}

fn message(view: RoundView) -> GetRoundResponse {
    let parties = view.parties.into_iter().map(|party| PartyProgress {
        party: party.place.into(),
        key_announced: party.key_announced,
        key_differs: party.key_differs,
        sealed: party.sealed,
        records_rounded: party.records_rounded,
    });
    GetRoundResponse {
        round_id: view.id.0.to_vec().into(),
        state: view.stored.state,
        manifest_toml: view.stored.manifest_toml,
        schema_toml: view.stored.schema_toml,
        parties: parties.collect(),
    }
}

#[tonic::async_trait]
impl RoundsRpc for RoundsHandler {
    type LinkRoundStream = Pin<Box<dyn Stream<Item = Result<LinkRoundProgress, Status>> + Send>>;

    async fn create_round(
        &self,
        request: Request<CreateRoundRequest>,
    ) -> Result<Response<CreateRoundResponse>, Status> {
        let (request, rounds) = (request.into_inner(), Arc::clone(&self.rounds));
        let create = move || rounds.create(&request.manifest_toml, &request.schema_toml);
        let round = blocking(create).await?;
        Ok(Response::new(CreateRoundResponse { round_id: round.0.to_vec().into() }))
    }

    async fn open_round(
        &self,
        request: Request<OpenRoundRequest>,
    ) -> Result<Response<OpenRoundResponse>, Status> {
        self.step(&request.get_ref().round_id, Rounds::open).await?;
        Ok(Response::new(OpenRoundResponse {}))
    }

    async fn freeze_round(
        &self,
        request: Request<FreezeRoundRequest>,
    ) -> Result<Response<FreezeRoundResponse>, Status> {
        let root = self.step(&request.get_ref().round_id, Rounds::freeze).await?;
        Ok(Response::new(FreezeRoundResponse { inputs_root: root.0.to_vec().into() }))
    }

    async fn link_round(
        &self,
        request: Request<LinkRoundRequest>,
    ) -> Result<Response<Self::LinkRoundStream>, Status> {
        let (round, runs) = (round_id(&request.get_ref().round_id)?, Arc::clone(&self.runs));
        let seen = blocking(move || runs.join(&round)).await?;
        let mut ended = false;
        let progress = WatchStream::new(seen)
            .take_while(move |seen| !std::mem::replace(&mut ended, seen.ended()))
            .map(|seen| match seen {
                Seen::Percent(percent) => Ok(LinkRoundProgress { percent, ..Default::default() }),
                Seen::Finished { missed_percent } => {
                    Ok(LinkRoundProgress { percent: 100, finished: true, missed_percent })
                }
                Seen::Failed(status) => Err(status),
            });
        Ok(Response::new(Box::pin(progress)))
    }

    async fn cancel_run(
        &self,
        request: Request<CancelRunRequest>,
    ) -> Result<Response<CancelRunResponse>, Status> {
        self.runs.cancel(&round_id(&request.get_ref().round_id)?)?;
        Ok(Response::new(CancelRunResponse {}))
    }

    async fn release_round(
        &self,
        request: Request<ReleaseRoundRequest>,
    ) -> Result<Response<ReleaseRoundResponse>, Status> {
        let digest = self.step(&request.get_ref().round_id, Rounds::release).await?;
        Ok(Response::new(ReleaseRoundResponse { release_digest: digest.0.to_vec().into() }))
    }

    async fn correct_round(
        &self,
        request: Request<CorrectRoundRequest>,
    ) -> Result<Response<CorrectRoundResponse>, Status> {
        let reason = request.get_ref().reason();
        let correct = move |rounds: &Rounds, round: &RoundId| rounds.correct(round, reason);
        self.step(&request.get_ref().round_id, correct).await?;
        Ok(Response::new(CorrectRoundResponse {}))
    }

    async fn close_round(
        &self,
        request: Request<CloseRoundRequest>,
    ) -> Result<Response<CloseRoundResponse>, Status> {
        self.step(&request.get_ref().round_id, Rounds::close).await?;
        Ok(Response::new(CloseRoundResponse {}))
    }

    async fn get_round(
        &self,
        request: Request<GetRoundRequest>,
    ) -> Result<Response<GetRoundResponse>, Status> {
        let caller = caller(&request)?;
        let view = self
            .step(&request.get_ref().round_id, move |rounds, round| rounds.view(&caller, round))
            .await?;
        Ok(Response::new(message(view)))
    }

    async fn list_rounds(
        &self,
        request: Request<ListRoundsRequest>,
    ) -> Result<Response<ListRoundsResponse>, Status> {
        let (caller, rounds) = (caller(&request)?, Arc::clone(&self.rounds));
        let views = blocking(move || rounds.views(&caller)).await?;
        Ok(Response::new(ListRoundsResponse { rounds: views.into_iter().map(message).collect() }))
    }
}

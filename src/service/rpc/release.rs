//! Questions to a release. This is the one place that turns what disclosure control released into
//! messages.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use samenloop_disclose::{Cell, Measure, Order, QueryError, Release, Released, Table};
use samenloop_ledger::Event;
use samenloop_schema::{RoundId, Step};
use samenloop_wire::v1::releases_server::Releases;
use samenloop_wire::v1::{
    self, DimensionList, GetReleaseRequest, GetReleaseResponse, Policy, QueryTableRequest,
    ReleasedCell, ReleasedTable,
};
use tonic::{Request, Response, Status};

use super::{RequestError, blocking, caller, round_id};
use crate::access::ledger_role;
use crate::identity::Caller;
use crate::round::{RoundFacts, Rounds, StepError, advance, entry, stored};
use crate::store::{Access as _, RELEASES, StoreError};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseRpcError {
    /// The message cannot be worked on.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// No such round, or nothing released.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The round was closed before a release.
    #[error("the round was closed without a release: there is nothing to ask")]
    Nothing,
    /// The release does not have the question.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl From<StoreError> for ReleaseRpcError {
    fn from(error: StoreError) -> Self {
        Self::Step(error.into())
    }
}

pub(crate) struct ReleasesHandler(Arc<Published>);

/// The releases that have been asked for since the start.
struct Published {
    rounds: Arc<Rounds>,
    known: RwLock<HashMap<RoundId, Arc<Release>>>,
}

impl ReleasesHandler {
    pub(crate) fn new(rounds: Arc<Rounds>) -> Self {
        Self(Arc::new(Published { rounds, known: RwLock::default() }))
    }
}

impl Published {
    /// The round's release for a caller who may know of the round.
    fn find(
        &self,
        caller: &Caller,
        round: &RoundId,
    ) -> Result<(Arc<RoundFacts>, Arc<Release>), ReleaseRpcError> {
        let facts = self.rounds.visible(caller, round)?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(round).cloned();
        if let Some(release) = known {
            return Ok((facts, release));
        }
        let read = self.rounds.store().read()?;
        advance(&mut stored(&read, round)?, Step::Query)?;
        let Some(bytes) = read.bytes(RELEASES, round.as_bytes())? else {
            return Err(ReleaseRpcError::Nothing);
        };
        let release = Release::from_bytes(&bytes).map_err(|error| StoreError::Value {
            table: samenloop_wire::store::RELEASES,
            reason: error.to_string(),
        })?;
        let release = Arc::new(release);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(*round, Arc::clone(&release));
        Ok((facts, release))
    }

    fn query(
        &self,
        caller: &Caller,
        request: &QueryTableRequest,
    ) -> Result<ReleasedTable, ReleaseRpcError> {
        let round = round_id(&request.round_id)?;
        let measure = MEASURES
            .into_iter()
            .find_map(|(measure, name)| (name == request.measure()).then_some(measure))
            .ok_or(RequestError::Measure)?;
        let (facts, release) = self.find(caller, &round)?;
        let by: Vec<&str> = request.by.iter().map(String::as_str).collect();
        let table = release.query(measure, &by)?;
        let place = |name: &&str| {
            facts.schema.dimensions.iter().position(|dimension| dimension.name == **name)
        };
        self.rounds.store().record(&entry(Event::Queried {
            round,
            role: ledger_role(caller.role),
            measure: request.measure() as u16,
            by: by.iter().filter_map(place).map(|place| place as u16).collect(),
        }))?;
        Ok(released(&table))
    }
}

#[tonic::async_trait]
impl Releases for ReleasesHandler {
    async fn get_release(
        &self,
        request: Request<GetReleaseRequest>,
    ) -> Result<Response<GetReleaseResponse>, Status> {
        let (caller, round) = (caller(&request)?, round_id(&request.get_ref().round_id)?);
        let published = Arc::clone(&self.0);
        let (_, release) = blocking(move || published.find(&caller, &round)).await?;
        Ok(Response::new(description(&release)))
    }

    async fn query_table(
        &self,
        request: Request<QueryTableRequest>,
    ) -> Result<Response<ReleasedTable>, Status> {
        let (caller, published) = (caller(&request)?, Arc::clone(&self.0));
        let request = request.into_inner();
        let table = blocking(move || published.query(&caller, &request)).await?;
        Ok(Response::new(table))
    }
}

fn description(release: &Release) -> GetReleaseResponse {
    let (frame, policy) = (release.frame(), release.policy());
    let dimensions = frame
        .dimensions
        .iter()
        .map(|list| DimensionList { name: list.name.clone(), codes: list.codes.clone() });
    GetReleaseResponse {
        release_digest: release.digest().0.to_vec().into(),
        parties: frame.parties.iter().map(ToString::to_string).collect(),
        dimensions: dimensions.collect(),
        policy: Some(Policy {
            max_noise: policy.max_noise,
            variance: policy.variance,
            no_small: policy.no_small,
            threshold: policy.threshold,
        }),
        purpose: frame.purpose.clone(),
    }
}

/// Measures and their names in messages.
const MEASURES: [(Measure, v1::Measure); 6] = [
    (Measure::Unique, v1::Measure::Unique),
    (Measure::Sources, v1::Measure::Sources),
    (Measure::Overlap, v1::Measure::Overlap),
    (Measure::Patterns, v1::Measure::Patterns),
    (Measure::Stacking, v1::Measure::Stacking),
    (Measure::Sequence, v1::Measure::Sequence),
];

fn order(order: Order) -> v1::Order {
    match order {
        Order::Simultaneous => v1::Order::Simultaneous,
        Order::FirstThen => v1::Order::FirstThen,
        Order::ThenFirst => v1::Order::ThenFirst,
        Order::Unknown => v1::Order::Unknown,
    }
}

fn released(table: &Released<Table>) -> ReleasedTable {
    let name = MEASURES.into_iter().find(|(measure, _)| *measure == table.measure);
    ReleasedTable {
        measure: name.map_or(v1::Measure::Unspecified, |(_, name)| name).into(),
        by: table.by.clone(),
        cells: table.cells.iter().map(cell).collect(),
    }
}

fn cell(cell: &Cell) -> ReleasedCell {
    let number = cell.number;
    ReleasedCell {
        sources: cell.sources.iter().map(|place| u32::from(*place)).collect(),
        source_count: cell.source_count.into(),
        order: cell.order.map_or(v1::Order::Unspecified, order).into(),
        codes: cell.codes.iter().map(|code| code.map_or(0, |code| u32::from(code) + 1)).collect(),
        suppressed: number.is_none(),
        count: number.map_or(0, |number| number.count.into()),
        low: number.map_or(0, |number| number.low.into()),
        high: number.map_or(0, |number| number.high.into()),
    }
}

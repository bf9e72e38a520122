//! Questions to a release. This is the one place that turns what disclosure control released into
//! messages.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use samenloop_disclose::estimate::Rounded;
use samenloop_disclose::{
    Cell, Measure, Order, PopulationTable, QueryError, Release, Released, Return, Stratum, Table,
};
use samenloop_ledger::{Event, SigningKey};
use samenloop_schema::{Month, RoundId, Step};
use samenloop_wire::v1::releases_server::Releases;
use samenloop_wire::v1::{
    self, DimensionList, EstimatePopulationRequest, GetReleaseRequest, GetReleaseResponse, Policy,
    PopulationEstimate, PopulationStratum, QueryTableRequest, ReleasedCell, ReleasedPopulation,
    ReleasedTable, StoredRound,
};
use tonic::{Request, Response, Status};

use super::rate::Rate;
use super::{RequestError, blocking, caller, round_id};
use crate::access::ledger_role;
use crate::config::Limits;
use crate::identity::Caller;
use crate::round::{Rounds, StepError, WitnessError, advance, stored};
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
    /// Its cosignatures cannot be shown.
    #[error(transparent)]
    Witness(#[from] WitnessError),
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
    ledger_key: Arc<SigningKey>,
    known: RwLock<HashMap<RoundId, Arc<Release>>>,
    rate: Rate,
}

impl ReleasesHandler {
    pub(crate) fn new(rounds: Arc<Rounds>, ledger_key: Arc<SigningKey>, limits: &Limits) -> Self {
        let rate = Rate::new(limits.questions_per_minute);
        Self(Arc::new(Published { rounds, ledger_key, known: RwLock::default(), rate }))
    }
}

impl Published {
    fn admit(&self, caller: &Caller) -> Result<(), RequestError> {
        if self.rate.admits(caller, Instant::now()) { Ok(()) } else { Err(RequestError::Often) }
    }

    /// The round's release for a caller who may know of the round.
    fn find(&self, caller: &Caller, round: &RoundId) -> Result<Arc<Release>, ReleaseRpcError> {
        self.rounds.visible(caller, round)?;
        let read = self.rounds.store().read()?;
        let mut stored = stored(&read, round)?;
        advance(&mut stored, Step::Query)?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(round).cloned();
        // A correction has taken another release's place.
        let current = |release: &Arc<Release>| release.digest().0[..] == stored.release_digest[..];
        if let Some(release) = known.filter(current) {
            return Ok(release);
        }
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
        Ok(release)
    }

    fn witnessed(&self, round: &RoundId, stored: &StoredRound) -> Result<Vec<Bytes>, WitnessError> {
        let notes = self.rounds.cosigned_checkpoints(round, stored, &self.ledger_key)?;
        Ok(notes.into_iter().map(Bytes::from).collect())
    }

    fn query(
        &self,
        caller: &Caller,
        request: &QueryTableRequest,
    ) -> Result<ReleasedTable, ReleaseRpcError> {
        self.admit(caller)?;
        let round = round_id(&request.round_id)?;
        let measure = MEASURES
            .into_iter()
            .find_map(|(measure, name)| (name == request.measure()).then_some(measure))
            .ok_or(RequestError::Measure)?;
        let release = self.find(caller, &round)?;
        let by: Vec<&str> = request.by.iter().map(String::as_str).collect();
        let table = release.query(measure, &by)?;
        self.log(caller, round, &release, request.measure(), &by)?;
        Ok(released(&table))
    }

    fn estimate(
        &self,
        caller: &Caller,
        request: &EstimatePopulationRequest,
    ) -> Result<ReleasedPopulation, ReleaseRpcError> {
        self.admit(caller)?;
        let round = round_id(&request.round_id)?;
        let release = self.find(caller, &round)?;
        let by: Vec<&str> = request.by.iter().map(String::as_str).collect();
        let population = release.population(&by)?;
        self.log(caller, round, &release, v1::Measure::Population, &by)?;
        Ok(estimated(&population))
    }

    /// Writes down what was asked: in the ledger by which role, in the service's log by whom.
    fn log(
        &self,
        caller: &Caller,
        round: RoundId,
        release: &Release,
        measure: v1::Measure,
        by: &[&str],
    ) -> Result<(), StoreError> {
        let lists: Vec<&str> = release.frame().lists().map(|list| list.name.as_str()).collect();
        let place = |name: &&str| lists.iter().position(|list| list == name);
        self.rounds.store().record(Event::Queried {
            round,
            role: ledger_role(caller.role),
            measure: measure as u16,
            by: by.iter().filter_map(place).map(|place| place as u16).collect(),
        })?;
        tracing::info!(%caller, %round, measure = measure.as_str_name(), ?by, "asked");
        Ok(())
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
        let describe = move || {
            let release = published.find(&caller, &round)?;
            let stored = stored(&published.rounds.store().read()?, &round)?;
            Ok::<_, ReleaseRpcError>(GetReleaseResponse {
                cosigned_checkpoints: published.witnessed(&round, &stored)?,
                correction: stored.correction,
                corrected_digest: stored.corrected_digest,
                ..description(&release)
            })
        };
        Ok(Response::new(blocking(describe).await?))
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

    async fn estimate_population(
        &self,
        request: Request<EstimatePopulationRequest>,
    ) -> Result<Response<ReleasedPopulation>, Status> {
        let (caller, published) = (caller(&request)?, Arc::clone(&self.0));
        let request = request.into_inner();
        let population = blocking(move || published.estimate(&caller, &request)).await?;
        Ok(Response::new(population))
    }
}

fn description(release: &Release) -> GetReleaseResponse {
    let (frame, policy, joint) = (release.frame(), release.policy(), release.joint());
    let list = |list: &samenloop_disclose::DimensionList, roll_up_of: &str| DimensionList {
        name: list.name.clone(),
        codes: list.codes.clone(),
        roll_up_of: roll_up_of.to_owned(),
        of_linkage: false,
    };
    let scope = &frame.scope;
    let roll_ups = scope
        .roll_ups
        .iter()
        .map(|roll_up| list(&roll_up.list, &frame.dimensions[roll_up.of].name));
    let of_linkage =
        scope.linkage.iter().map(|own| DimensionList { of_linkage: true, ..list(own, "") });
    let month = |month: Option<Month>| month.map_or(0, |month| u32::from(month.index()) + 1);
    GetReleaseResponse {
        release_digest: release.digest().0.to_vec().into(),
        parties: frame.parties.iter().map(ToString::to_string).collect(),
        dimensions: frame
            .dimensions
            .iter()
            .map(|own| list(own, ""))
            .chain(roll_ups)
            .chain(of_linkage)
            .collect(),
        policy: Some(Policy {
            max_noise: policy.max_noise,
            variance: policy.variance,
            no_small: policy.no_small,
            threshold: policy.threshold,
            joint_max_noise: joint.max_noise,
            joint_variance: joint.variance,
            joint_threshold: joint.threshold,
            looks: joint.looks,
        }),
        purpose: frame.purpose.clone(),
        source_types: scope.types.clone(),
        type_of_party: scope.type_of.iter().map(|place| u32::from(*place)).collect(),
        from_month: month(scope.months.map(|range| range.from)),
        to_month: month(scope.months.map(|range| range.to)),
        time_dimensions: scope.time_dimensions as u32,
        return_gap: scope.return_gap.into(),
        round_to: scope.round_to,
        ..GetReleaseResponse::default()
    }
}

/// Measures and their names in messages.
const MEASURES: [(Measure, v1::Measure); 16] = [
    (Measure::Unique, v1::Measure::Unique),
    (Measure::Sources, v1::Measure::Sources),
    (Measure::Overlap, v1::Measure::Overlap),
    (Measure::Patterns, v1::Measure::Patterns),
    (Measure::Stacking, v1::Measure::Stacking),
    (Measure::Sequence, v1::Measure::Sequence),
    (Measure::Flows, v1::Measure::Flows),
    (Measure::InCare, v1::Measure::InCare),
    (Measure::FirstContacts, v1::Measure::FirstContacts),
    (Measure::Recidivism, v1::Measure::Recidivism),
    (Measure::SourceTypes, v1::Measure::SourceTypes),
    (Measure::TypeOverlap, v1::Measure::TypeOverlap),
    (Measure::TypePatterns, v1::Measure::TypePatterns),
    (Measure::TypeStacking, v1::Measure::TypeStacking),
    (Measure::TypeSequence, v1::Measure::TypeSequence),
    (Measure::TypeFlows, v1::Measure::TypeFlows),
];

const fn returned(returned: Return) -> v1::Return {
    match returned {
        Return::CameBack => v1::Return::CameBack,
        Return::Stayed => v1::Return::Stayed,
        Return::Unknown => v1::Return::Unknown,
    }
}

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

fn category(code: &Option<u16>) -> u32 {
    code.map_or(0, |code| u32::from(code) + 1)
}

fn estimated(population: &Released<PopulationTable>) -> ReleasedPopulation {
    let estimate = |own: &Rounded| PopulationEstimate {
        estimator: own.estimator.to_owned(),
        people: own.n,
        low: own.low,
        high: own.high,
        linkage_low: own.linkage.0,
        linkage_high: own.linkage.1,
    };
    let stratum = |stratum: &Stratum| {
        let codes = stratum.codes.iter().map(category).collect();
        match &stratum.hidden {
            Err(rule) => {
                PopulationStratum { codes, refused: rule.clone(), ..PopulationStratum::default() }
            }
            Ok(hidden) => PopulationStratum {
                codes,
                refused: String::new(),
                seen: hidden.seen,
                lower_bound_only: hidden.lower_bound_only,
                withheld: hidden.withheld as u32,
                estimates: hidden.estimates.iter().map(estimate).collect(),
            },
        }
    };
    ReleasedPopulation {
        by_source_type: population.by_type,
        by: population.by.clone(),
        strata: population.strata.iter().map(stratum).collect(),
    }
}

fn cell(cell: &Cell) -> ReleasedCell {
    let number = cell.number;
    let places = |places: &[u16]| places.iter().map(|place| u32::from(*place)).collect();
    ReleasedCell {
        sources: places(&cell.sources),
        source_types: places(&cell.source_types),
        period_start: cell.period.map_or(0, |period| u32::from(period.first.index()) + 1),
        period_months: cell.period.map_or(0, |period| period.months.into()),
        returned: cell.returned.map_or(v1::Return::Unspecified, returned).into(),
        source_count: cell.source_count.into(),
        order: cell.order.map_or(v1::Order::Unspecified, order).into(),
        codes: cell.codes.iter().map(category).collect(),
        suppressed: number.is_none(),
        count: number.map_or(0, |number| number.count.into()),
        low: number.map_or(0, |number| number.low.into()),
        high: number.map_or(0, |number| number.high.into()),
    }
}

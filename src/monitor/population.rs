//! How many people there are, known to a source or not.

use samenloop_schema::RoundId;
use samenloop_wire::client::{ClientConfig, explain};
use samenloop_wire::v1;
use samenloop_wire::v1::releases_client::ReleasesClient;
use serde::Serialize;

use crate::fetch::{FetchError, correction};
use crate::report::{Correction, Filter, FilterError, UNKNOWN};

/// An estimate of one model, in people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// The model, such as `independence` or `chao`.
    pub estimator: String,
    /// The estimate, rounded.
    pub people: u64,
    /// Low end of its 95 % interval.
    pub low: u64,
    /// High end.
    pub high: u64,
    /// Least and largest estimate over the usual errors of a linkage.
    pub linkage: (u64, u64),
}

/// Estimates in one combination of categories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stratum {
    /// Per dimension of the question a code; none is the category unknown.
    pub codes: Vec<Option<String>>,
    /// Why there is no estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Different people known to any source, rounded; none without an estimate.
    pub seen: Option<u64>,
    /// Whether the estimates say no more than “at least so many”.
    pub lower_bound_only: bool,
    /// Patterns that were withheld and of which the models filled in what they expect.
    pub withheld: u32,
    /// Several models side by side.
    pub estimates: Vec<Estimate>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Population {
    /// The round.
    pub round: RoundId,
    /// What the round's counts are for.
    pub purpose: String,
    /// The lists: party ids, or source types where there are too many sources.
    pub lists: Vec<String>,
    /// Dimensions that split the population.
    pub by: Vec<String>,
    /// Conditions that every stratum meets.
    pub filters: Vec<Filter>,
    /// What was wrong with an earlier release of the round, if this one corrects it.
    pub correction: Option<Correction>,
    /// In the order of the release.
    pub strata: Vec<Stratum>,
}

/// Asks for the estimates of a released round.
pub async fn fetch_population(
    config: &ClientConfig,
    round: RoundId,
    by: &[String],
) -> Result<Population, FetchError> {
    let refused = |status: tonic::Status| FetchError::Refused(explain(&status));
    let mut client = ReleasesClient::new(config.connect().await?);
    let request = v1::GetReleaseRequest { round_id: round.as_bytes().to_vec().into() };
    let round_id = request.round_id.clone();
    let release = client.get_release(request).await.map_err(refused)?.into_inner();
    let request = v1::EstimatePopulationRequest { round_id, by: by.to_vec() };
    let answer = client.estimate_population(request).await.map_err(refused)?.into_inner();
    read(round, by, &release, answer).map_err(FetchError::Answer)
}

fn read(
    round: RoundId,
    by: &[String],
    release: &v1::GetReleaseResponse,
    answer: v1::ReleasedPopulation,
) -> Result<Population, &'static str> {
    if answer.by != by {
        return Err("it is to another question");
    }
    let list = |name: &String| release.dimensions.iter().find(|list| list.name == *name);
    let lists: Vec<_> =
        by.iter().map(list).collect::<Option<_>>().ok_or("a dimension has no code list")?;
    let stratum = |stratum: v1::PopulationStratum| {
        if stratum.codes.len() != lists.len() {
            return Err("an estimate has another count of codes than the question has dimensions");
        }
        let name = |(category, list): (&u32, &&v1::DimensionList)| match category.checked_sub(1) {
            None => Ok(None),
            Some(code) => {
                list.codes.get(code as usize).cloned().map(Some).ok_or("a code is unlisted")
            }
        };
        let estimate = |own: v1::PopulationEstimate| Estimate {
            estimator: own.estimator,
            people: own.people,
            low: own.low,
            high: own.high,
            linkage: (own.linkage_low, own.linkage_high),
        };
        let given = stratum.refused.is_empty();
        Ok(Stratum {
            codes: stratum.codes.iter().zip(&lists).map(name).collect::<Result<_, _>>()?,
            refused: (!given).then_some(stratum.refused),
            seen: given.then_some(stratum.seen),
            lower_bound_only: stratum.lower_bound_only,
            withheld: stratum.withheld,
            estimates: stratum.estimates.into_iter().map(estimate).collect(),
        })
    };
    let lists_of = if answer.by_source_type { &release.source_types } else { &release.parties };
    Ok(Population {
        round,
        purpose: release.purpose.clone(),
        lists: lists_of.clone(),
        by: by.to_vec(),
        filters: vec![],
        correction: correction(release),
        strata: answer.strata.into_iter().map(stratum).collect::<Result<_, _>>()?,
    })
}

impl Population {
    /// Keeps the strata that meet the filter on a dimension of the question.
    pub fn keep(&mut self, filter: &Filter) -> Result<(), FilterError> {
        let place = self.by.iter().position(|name| *name == filter.dimension);
        let code = |stratum: &Stratum| {
            place.map(|place| stratum.codes[place].clone().unwrap_or_else(|| UNKNOWN.to_owned()))
        };
        let matches = |stratum: &Stratum| code(stratum).as_ref() == Some(&filter.code);
        if !self.strata.iter().any(matches) {
            let mut available: Vec<String> = self.strata.iter().filter_map(code).collect();
            available.dedup();
            return Err(FilterError::UnknownCode {
                dimension: filter.dimension.clone(),
                code: filter.code.clone(),
                available: available.join(", "),
            });
        }
        self.strata.retain(matches);
        self.filters.push(filter.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_get_their_names_and_an_answer_of_another_form_is_refused() {
        let release = v1::GetReleaseResponse {
            parties: vec!["ggd".to_owned(), "ggz".to_owned()],
            dimensions: vec![v1::DimensionList {
                name: "sex".to_owned(),
                codes: vec!["v".to_owned()],
                ..Default::default()
            }],
            correction: v1::Correction::Tables.into(),
            ..Default::default()
        };
        let estimate = v1::PopulationEstimate {
            estimator: "chao".to_owned(),
            people: 2000,
            low: 1900,
            high: 2100,
            linkage_low: 1800,
            linkage_high: 2200,
        };
        let answer = v1::ReleasedPopulation {
            by: vec!["sex".to_owned()],
            strata: vec![
                v1::PopulationStratum {
                    codes: vec![0],
                    refused: "too few".to_owned(),
                    ..Default::default()
                },
                v1::PopulationStratum {
                    codes: vec![1],
                    seen: 1200,
                    estimates: vec![estimate],
                    ..Default::default()
                },
            ],
            ..Default::default()
        };
        let by = ["sex".to_owned()];
        let mut told = read(RoundId([1; 32]), &by, &release, answer.clone()).expect("an answer");
        assert_eq!(told.correction, Some(Correction::Tables));
        assert_eq!(told.strata[0].refused.as_deref(), Some("too few"));
        assert_eq!((told.strata[0].seen, told.strata[1].seen), (None, Some(1200)));
        assert_eq!(told.strata[1].codes, [Some("v".to_owned())]);
        assert_eq!(told.strata[1].estimates[0].linkage, (1800, 2200));
        let filter = |text: &str| text.parse::<Filter>().expect("DIM=CODE");
        assert!(told.keep(&filter("sex=m")).is_err_and(|e| e.to_string().contains("unknown, v")));
        told.keep(&filter("sex=v")).expect("a code of the list");
        assert_eq!(told.strata.len(), 1);

        let refused = |answer| read(RoundId([1; 32]), &by, &release, answer).err();
        let mut other = answer.clone();
        other.by.clear();
        assert_eq!(refused(other), Some("it is to another question"));
        let mut unlisted = answer;
        unlisted.strata[1].codes[0] = 2;
        assert_eq!(refused(unlisted), Some("a code is unlisted"));
    }
}

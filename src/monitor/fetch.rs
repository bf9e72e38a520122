//! Asking the service one question of a released round.

use samenloop_schema::{Digest, RoundId};
use samenloop_wire::client::{ClientConfig, ConnectError, explain};
use samenloop_wire::v1;
use samenloop_wire::v1::releases_client::ReleasesClient;

use crate::report::{Measure, Noise, Number, Order, Report, Row};

/// A table of the largest lattice that a policy may have fits in.
const MAX_ANSWER_BYTES: usize = 512 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The service refused the call or the question.
    #[error("{0}")]
    Refused(String),
    /// An answer that is not of the protocol.
    #[error(
        "the service's answer cannot be read: {0}; use the samenloop-monitor of the service's version"
    )]
    Answer(&'static str),
}

/// Asks one question: what is counted, split by dimensions.
pub async fn fetch(
    config: &ClientConfig,
    round: RoundId,
    measure: Measure,
    by: &[String],
) -> Result<Report, FetchError> {
    let refused = |status: tonic::Status| FetchError::Refused(explain(&status));
    let mut client =
        ReleasesClient::new(config.connect().await?).max_decoding_message_size(MAX_ANSWER_BYTES);
    let request = v1::GetReleaseRequest { round_id: round.as_bytes().to_vec().into() };
    let release = client.get_release(request.clone()).await.map_err(refused)?.into_inner();
    let question = v1::QueryTableRequest {
        round_id: request.round_id,
        measure: to_wire(measure).into(),
        by: by.to_vec(),
    };
    let table = client.query_table(question).await.map_err(refused)?.into_inner();
    read(round, measure, by, &release, &table).map_err(FetchError::Answer)
}

const fn to_wire(measure: Measure) -> v1::Measure {
    match measure {
        Measure::Unique => v1::Measure::Unique,
        Measure::Sources => v1::Measure::Sources,
        Measure::Overlap => v1::Measure::Overlap,
        Measure::Patterns => v1::Measure::Patterns,
        Measure::Stacking => v1::Measure::Stacking,
        Measure::Sequence => v1::Measure::Sequence,
    }
}

/// Puts names in the place of indices and checks that the answer is to the question.
fn read(
    round: RoundId,
    measure: Measure,
    by: &[String],
    release: &v1::GetReleaseResponse,
    table: &v1::ReleasedTable,
) -> Result<Report, &'static str> {
    if table.measure() != to_wire(measure) || table.by != by {
        return Err("it is to another question");
    }
    let list = |name: &String| release.dimensions.iter().find(|list| list.name == *name);
    let lists: Vec<_> =
        by.iter().map(list).collect::<Option<_>>().ok_or("a dimension has no code list")?;
    let policy = release.policy.as_ref().ok_or("it does not say how numbers were protected")?;
    let rows = table.cells.iter().map(|cell| row(&release.parties, &lists, cell));
    Ok(Report {
        round,
        purpose: release.purpose.clone(),
        release: Digest::from_slice(&release.release_digest).ok_or("a digest is not 32 bytes")?,
        measure,
        by: by.to_vec(),
        filters: vec![],
        parties: release.parties.clone(),
        noise: Noise {
            max_noise: policy.max_noise,
            variance: policy.variance,
            no_small: policy.no_small,
            threshold: policy.threshold,
        },
        rows: rows.collect::<Result<_, _>>()?,
    })
}

fn row(
    parties: &[String],
    lists: &[&v1::DimensionList],
    cell: &v1::ReleasedCell,
) -> Result<Row, &'static str> {
    let source = |place: &u32| parties.get(*place as usize).cloned();
    if cell.codes.len() != lists.len() {
        return Err("a number has another count of codes than the question has dimensions");
    }
    let codes =
        cell.codes.iter().zip(lists).map(|(category, list)| match category.checked_sub(1) {
            None => Ok(None),
            Some(code) => {
                list.codes.get(code as usize).cloned().map(Some).ok_or("a code is unlisted")
            }
        });
    let order = match v1::Order::try_from(cell.order) {
        Ok(v1::Order::Unspecified) => None,
        Ok(v1::Order::Simultaneous) => Some(Order::Simultaneous),
        Ok(v1::Order::FirstThen) => Some(Order::FirstThen),
        Ok(v1::Order::ThenFirst) => Some(Order::ThenFirst),
        Ok(v1::Order::Unknown) => Some(Order::Unknown),
        Err(_) => return Err("an order is unknown"),
    };
    Ok(Row {
        sources: cell
            .sources
            .iter()
            .map(source)
            .collect::<Option<_>>()
            .ok_or("a party is unlisted")?,
        source_count: (cell.source_count > 0).then_some(cell.source_count),
        order,
        codes: codes.collect::<Result<_, _>>()?,
        number: (!cell.suppressed).then_some(Number {
            count: cell.count,
            low: cell.low,
            high: cell.high,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> v1::GetReleaseResponse {
        v1::GetReleaseResponse {
            release_digest: vec![7; 32].into(),
            parties: vec!["ggd".to_owned(), "ggz".to_owned()],
            dimensions: vec![v1::DimensionList {
                name: "sex".to_owned(),
                codes: vec!["v".to_owned(), "m".to_owned()],
            }],
            policy: Some(v1::Policy { max_noise: 5, variance: 3.0, no_small: 2, threshold: 10 }),
            purpose: "how many people".to_owned(),
        }
    }

    fn cell() -> v1::ReleasedCell {
        v1::ReleasedCell {
            sources: vec![0, 1],
            order: v1::Order::FirstThen.into(),
            codes: vec![2],
            count: 36,
            low: 31,
            high: 36,
            ..Default::default()
        }
    }

    type Change = fn(&mut v1::GetReleaseResponse, &mut v1::ReleasedTable);

    fn asked(change: Change) -> Result<Report, &'static str> {
        let withheld = v1::ReleasedCell { suppressed: true, codes: vec![0], ..cell() };
        let mut release = release();
        let mut table = v1::ReleasedTable {
            measure: v1::Measure::Sequence.into(),
            by: vec!["sex".to_owned()],
            cells: vec![cell(), withheld],
        };
        change(&mut release, &mut table);
        read(RoundId([1; 32]), Measure::Sequence, &["sex".to_owned()], &release, &table)
    }

    #[test]
    fn an_answer_gets_its_names() {
        let report = asked(|_, _| {}).expect("an answer");
        let row = Row {
            sources: vec!["ggd".to_owned(), "ggz".to_owned()],
            source_count: None,
            order: Some(Order::FirstThen),
            codes: vec![Some("m".to_owned())],
            number: Some(Number { count: 36, low: 31, high: 36 }),
        };
        let withheld = Row { codes: vec![None], number: None, ..row.clone() };
        assert_eq!(report.rows, [row, withheld]);
    }

    #[test]
    fn an_answer_of_another_form_is_refused() {
        let cases: &[(Change, &str)] = &[
            (|_, table| table.measure = 1, "it is to another question"),
            (|_, table| table.measure = 99, "it is to another question"),
            (|_, table| table.by.clear(), "it is to another question"),
            (|release, _| release.dimensions.clear(), "a dimension has no code list"),
            (|release, _| release.policy = None, "it does not say how numbers were protected"),
            (|release, _| release.release_digest = vec![7].into(), "a digest is not 32 bytes"),
            (|_, table| table.cells[0].codes[0] = 3, "a code is unlisted"),
            (|_, table| table.cells[0].codes.clear(), "a number has another count of codes"),
            (|_, table| table.cells[0].sources[0] = 2, "a party is unlisted"),
            (|_, table| table.cells[0].order = 9, "an order is unknown"),
        ];
        for (change, rule) in cases {
            let refused = asked(*change).expect_err(rule);
            assert!(refused.starts_with(rule), "{refused}");
        }
    }
}

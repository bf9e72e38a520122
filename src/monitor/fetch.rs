//! Asking the service one question of a released round.

use samenloop_schema::{Digest, Month, RoundId};
use samenloop_wire::client::{ClientConfig, ConnectError, explain};
use samenloop_wire::v1;
use samenloop_wire::v1::releases_client::ReleasesClient;
use tonic::transport::Channel;

use crate::report::{
    Correction, Level, Line, Measure, Noise, Number, Order, Per, Period, Question, Report,
    Returned, Row,
};

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

/// Asks one question of a released round, and the number of all clients for the shares.
pub async fn fetch(
    config: &ClientConfig,
    round: RoundId,
    question: &Question,
) -> Result<Report, FetchError> {
    Asking::begin(config.connect().await?, round).await?.ask(question).await
}

/// Questions to one release over one connection.
pub(crate) struct Asking {
    client: ReleasesClient<Channel>,
    round: RoundId,
    release: v1::GetReleaseResponse,
}

fn refused(status: tonic::Status) -> FetchError {
    FetchError::Refused(explain(&status))
}

impl Asking {
    pub(crate) async fn begin(channel: Channel, round: RoundId) -> Result<Self, FetchError> {
        let mut client = ReleasesClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES);
        let request = v1::GetReleaseRequest { round_id: round.as_bytes().to_vec().into() };
        let release = client.get_release(request).await.map_err(refused)?.into_inner();
        Ok(Self { client, round, release })
    }

    pub(crate) async fn ask(&mut self, question: &Question) -> Result<Report, FetchError> {
        let asked = Asked::of(question, &self.release);
        let mut tables = vec![];
        for (measure, by) in asked.tables() {
            let round_id = self.round.as_bytes().to_vec().into();
            let request = v1::QueryTableRequest { round_id, measure: measure.into(), by };
            tables.push(self.client.query_table(request).await.map_err(refused)?.into_inner());
        }
        asked.read(self.round, &self.release, &tables).map_err(FetchError::Answer)
    }
}

/// A question in the protocol's terms.
struct Asked<'a> {
    question: &'a Question,
    measures: Vec<v1::Measure>,
    types: bool,
    per: Option<Per>,
}

/// Sources above which patterns and flows are counted by source type.
const MOST_PATTERN_SOURCES: usize = 8;

impl<'a> Asked<'a> {
    fn of(question: &'a Question, release: &v1::GetReleaseResponse) -> Self {
        use v1::Measure as W;
        let many = release.parties.len() > MOST_PATTERN_SOURCES && !release.source_types.is_empty();
        let per = match question.measure {
            Measure::Sequence => question.per,
            Measure::Trend => Some(question.per.unwrap_or(Per::Month)),
            _ => None,
        };
        let wide = question.measure == Measure::Patterns || per.is_some();
        let types = match question.measure {
            Measure::Unique | Measure::Trend | Measure::Recidivism => false,
            _ => question.types || (many && wide),
        };
        let measures = match (question.measure, types) {
            (Measure::Unique, _) => vec![W::Unique],
            (Measure::Sources, false) => vec![W::Sources],
            (Measure::Sources, true) => vec![W::SourceTypes],
            (Measure::Overlap, false) => vec![W::Overlap],
            (Measure::Overlap, true) => vec![W::TypeOverlap],
            (Measure::Patterns, false) => vec![W::Patterns],
            (Measure::Patterns, true) => vec![W::TypePatterns],
            (Measure::Stacking, false) => vec![W::Stacking],
            (Measure::Stacking, true) => vec![W::TypeStacking],
            (Measure::Sequence, false) if per.is_some() => vec![W::Flows],
            (Measure::Sequence, false) => vec![W::Sequence],
            (Measure::Sequence, true) if per.is_some() => vec![W::TypeFlows],
            (Measure::Sequence, true) => vec![W::TypeSequence],
            (Measure::Trend, _) => vec![W::InCare, W::FirstContacts],
            (Measure::Recidivism, _) => vec![W::Recidivism],
        };
        Self { question, measures, types, per }
    }

    /// The tables of the question and, last, the one with everyone of whom the numbers are shares.
    fn tables(&self) -> impl Iterator<Item = (v1::Measure, Vec<String>)> {
        let by = &self.question.by;
        let whole = if self.question.measure == Measure::Unique { vec![] } else { by.clone() };
        let own = self.measures.iter().map(|measure| (*measure, by.clone()));
        own.chain([(v1::Measure::Unique, whole)])
    }

    /// Puts names in the place of indices and checks that the answers are to the question.
    fn read(
        &self,
        round: RoundId,
        release: &v1::GetReleaseResponse,
        tables: &[v1::ReleasedTable],
    ) -> Result<Report, &'static str> {
        let fits = |((measure, by), table): ((v1::Measure, Vec<String>), &v1::ReleasedTable)| {
            table.measure() == measure && table.by == by
        };
        if tables.len() != self.measures.len() + 1 || !self.tables().zip(tables).all(fits) {
            return Err("it is to another question");
        }
        let by = &self.question.by;
        let list = |name: &String| release.dimensions.iter().find(|list| list.name == *name);
        let lists: Vec<_> =
            by.iter().map(list).collect::<Option<_>>().ok_or("a dimension has no code list")?;
        let policy = release.policy.as_ref().ok_or("it does not say how numbers were protected")?;
        let units = if self.types { &release.source_types } else { &release.parties };
        let (whole, own) = tables.split_last().ok_or("it is to another question")?;
        let mut rows = vec![];
        for cell in own.iter().flat_map(|table| &table.cells) {
            rows.push(row(units, &lists, cell)?);
        }
        for (measure, row) in
            own.iter().flat_map(|t| t.cells.iter().map(|_| t.measure())).zip(&mut rows)
        {
            row.line = match measure {
                v1::Measure::InCare => Some(Line::InCare),
                v1::Measure::FirstContacts => Some(Line::FirstContacts),
                _ => None,
            };
            row.joint = match measure {
                v1::Measure::Sources => false,
                v1::Measure::Recidivism => row.sources.is_empty(),
                _ => true,
            };
        }
        if let Some(per) = self.per {
            rows.retain(|row| row.period.is_some_and(|period| period.is_per(per)));
        }
        self.add_shares(&mut rows, &row_lists(whole, &lists)?);
        Ok(Report {
            round,
            purpose: release.purpose.clone(),
            release: Digest::from_slice(&release.release_digest)
                .ok_or("a digest is not 32 bytes")?,
            correction: correction(release),
            measure: self.question.measure,
            types: self.types,
            per: self.per,
            by: by.clone(),
            filters: vec![],
            parties: release.parties.clone(),
            units: units.clone(),
            return_gap: release.return_gap,
            noise: Noise {
                one_source: Level {
                    max_noise: policy.max_noise,
                    variance: policy.variance,
                    threshold: policy.threshold,
                },
                joint: Level {
                    max_noise: policy.joint_max_noise,
                    variance: policy.joint_variance,
                    threshold: policy.joint_threshold,
                },
                looks: policy.looks,
                no_small: policy.no_small,
                round_to: release.round_to,
            },
            rows,
        })
    }

    fn add_shares(&self, rows: &mut [Row], wholes: &[Row]) {
        if self.question.measure == Measure::Unique && self.question.by.is_empty() {
            return;
        }
        for row in rows {
            let same = |whole: &&Row| whole.codes.is_empty() || whole.codes == row.codes;
            let whole = wholes.iter().find(same).and_then(|whole| whole.number);
            let both = row.number.zip(whole);
            row.share = both.map(|(part, whole)| part.count as f64 / whole.count as f64);
        }
    }
}

/// What was wrong with the release that this one corrects.
pub(crate) fn correction(release: &v1::GetReleaseResponse) -> Option<Correction> {
    match release.correction() {
        v1::Correction::Unspecified => None,
        v1::Correction::Linkage => Some(Correction::Linkage),
        v1::Correction::Tables => Some(Correction::Tables),
    }
}

fn row_lists(
    table: &v1::ReleasedTable,
    lists: &[&v1::DimensionList],
) -> Result<Vec<Row>, &'static str> {
    let lists = if table.by.is_empty() { &[] } else { lists };
    table.cells.iter().map(|cell| row(&[], lists, cell)).collect()
}

fn row(
    units: &[String],
    lists: &[&v1::DimensionList],
    cell: &v1::ReleasedCell,
) -> Result<Row, &'static str> {
    let unit = |place: &u32| units.get(*place as usize).cloned();
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
    let returned = match v1::Return::try_from(cell.returned) {
        Ok(v1::Return::Unspecified) => None,
        Ok(v1::Return::CameBack) => Some(Returned::CameBack),
        Ok(v1::Return::Stayed) => Some(Returned::Stayed),
        Ok(v1::Return::Unknown) => Some(Returned::Unknown),
        Err(_) => return Err("a way of coming back is unknown"),
    };
    let period = match (cell.period_start.checked_sub(1), cell.period_months) {
        (None, 0) => None,
        (Some(first), months @ (1 | 3 | 12)) => Some(Period {
            first: Month::from_index(first).map_err(|_| "a month cannot be named")?,
            months: months as u16,
        }),
        _ => return Err("a period is neither a month, a quarter nor a year"),
    };
    let known = cell.sources.iter().chain(&cell.source_types).map(unit);
    Ok(Row {
        sources: known.collect::<Option<_>>().ok_or("a party is unlisted")?,
        source_count: (cell.source_count > 0).then_some(cell.source_count),
        order,
        period,
        line: None,
        returned,
        joint: true,
        codes: codes.collect::<Result<_, _>>()?,
        number: (!cell.suppressed).then_some(Number {
            count: cell.count,
            low: cell.low,
            high: cell.high,
        }),
        share: None,
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
                ..Default::default()
            }],
            policy: Some(v1::Policy {
                max_noise: 5,
                variance: 3.0,
                no_small: 2,
                threshold: 10,
                joint_max_noise: 28,
                joint_variance: 64.0,
                joint_threshold: 20,
                looks: 16,
            }),
            purpose: "how many people".to_owned(),
            return_gap: 6,
            round_to: 1,
            ..Default::default()
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
        let all = v1::ReleasedCell { sources: vec![], order: 0, count: 144, ..cell() };
        let whole = v1::ReleasedTable {
            measure: v1::Measure::Unique.into(),
            by: table.by.clone(),
            cells: vec![all],
        };
        change(&mut release, &mut table);
        let question = Question { by: vec!["sex".to_owned()], ..Measure::Sequence.into() };
        Asked::of(&question, &release).read(RoundId([1; 32]), &release, &[table, whole])
    }

    #[test]
    fn an_answer_gets_its_names() {
        let report = asked(|_, _| {}).expect("an answer");
        let row = Row {
            sources: vec!["ggd".to_owned(), "ggz".to_owned()],
            source_count: None,
            order: Some(Order::FirstThen),
            period: None,
            line: None,
            returned: None,
            joint: true,
            codes: vec![Some("m".to_owned())],
            number: Some(Number { count: 36, low: 31, high: 36 }),
            share: Some(0.25),
        };
        let withheld = Row { codes: vec![None], number: None, share: None, ..row.clone() };
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
            (|_, table| table.cells[0].returned = 9, "a way of coming back is unknown"),
            (|_, table| table.cells[0].period_months = 1, "a period is neither"),
            (|_, table| table.cells[0].period_start = 9, "a period is neither"),
        ];
        for (change, rule) in cases {
            let refused = asked(*change).expect_err(rule);
            assert!(refused.starts_with(rule), "{refused}");
        }
    }

    #[test]
    fn many_sources_have_patterns_by_their_type() {
        let mut release = release();
        release.parties = (0..9).map(|party| format!("p{party}")).collect();
        release.source_types = vec!["zorg".to_owned(), "opvang".to_owned()];
        let asked = |measure: Measure, per| {
            let question = Question { per, ..measure.into() };
            Asked::of(&question, &release).measures.clone()
        };
        assert_eq!(asked(Measure::Patterns, None), [v1::Measure::TypePatterns]);
        assert_eq!(asked(Measure::Sequence, Some(Per::Year)), [v1::Measure::TypeFlows]);
        assert_eq!(asked(Measure::Sequence, None), [v1::Measure::Sequence]);
        let trend = [v1::Measure::InCare, v1::Measure::FirstContacts];
        assert_eq!(asked(Measure::Trend, None), trend);
    }
}

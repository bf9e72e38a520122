//! For programs.

use std::collections::BTreeMap;

use samenloop_schema::{Digest, RoundId};
use serde::Serialize;

use crate::report::{self, Correction, Measure, Noise, Order, Per, Report, Returned, Row};
use crate::rounds::RoundLine;

#[derive(Serialize)]
struct Answer<'a> {
    round: RoundId,
    purpose: &'a str,
    release: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    correction: Option<Correction>,
    measure: Measure,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    by_source_type: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    per: Option<Per>,
    by: &'a [String],
    #[serde(rename = "where")]
    filters: BTreeMap<&'a str, &'a str>,
    parties: &'a [String],
    noise: Noise,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_gap: Option<u32>,
    rows: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    sources: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    number_of_sources: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<report::Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    returned: Option<Returned>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    codes: BTreeMap<&'a str, Option<&'a str>>,
    max_noise: u32,
    noise_variance: f64,
    suppressed: bool,
    count: Option<u64>,
    low: Option<u64>,
    high: Option<u64>,
    /// Of all clients of the row's categories, of 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
}

fn line<'a>(report: &'a Report, row: &'a Row) -> Line<'a> {
    Line {
        sources: &row.sources,
        number_of_sources: row.source_count,
        order: row.order,
        period: row.period.map(|period| period.to_string()),
        line: row.line,
        returned: row.returned,
        share: row.share,
        codes: report
            .by
            .iter()
            .map(String::as_str)
            .zip(row.codes.iter().map(Option::as_deref))
            .collect(),
        max_noise: report.level(row).max_noise,
        noise_variance: report.level(row).variance,
        suppressed: row.number.is_none(),
        count: row.number.map(|number| number.count),
        low: row.number.map(|number| number.low),
        high: row.number.map(|number| number.high),
    }
}

/// The answer as JSON. An unknown code and the parts of a withheld number are null; `codes`,
/// `sources`, `number_of_sources` and `order` stand only where the question has them.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    let filters = report.filters.iter();
    serde_json::to_string_pretty(&Answer {
        round: report.round,
        purpose: &report.purpose,
        release: report.release,
        correction: report.correction,
        measure: report.measure,
        by_source_type: report.types,
        per: report.per,
        return_gap: (report.measure == Measure::Recidivism).then_some(report.return_gap),
        by: &report.by,
        filters: filters.map(|f| (f.dimension.as_str(), f.code.as_str())).collect(),
        parties: &report.parties,
        noise: report.noise,
        rows: report.rows.iter().map(|row| line(report, row)).collect(),
    })
}

/// The rounds as a JSON list.
pub fn rounds_json(rounds: &[RoundLine]) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(rounds)
}

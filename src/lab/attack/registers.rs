//! Six registrations of the same people, to link and to learn from.

use std::collections::HashMap;

use samenloop_link::{Options, Silent, Source, link};
use samenloop_schema::{LinkageSchema, Record};

use super::people::{Side, encode};
use crate::synth::{Plan, Row, generate};

/// The rows of all sources one after another, and the records of those that are submitted.
pub(super) struct Registers {
    /// Number of the person, and how the source wrote them down.
    pub rows: Vec<(u64, Row)>,
    /// Place of the row, and its record, source by source.
    pub records: Vec<(usize, Record)>,
    /// Records per source.
    pub lengths: Vec<usize>,
}

impl Registers {
    /// Everything that six sources would submit.
    pub(super) fn new(plan: Plan, schema: &LinkageSchema) -> anyhow::Result<Self> {
        let mut all = Self { rows: vec![], records: vec![], lengths: vec![] };
        for rows in generate(plan)? {
            let records = encode(rows.iter().map(|(_, row)| row), schema, Side::Partner)?;
            let begin = all.rows.len();
            let before = all.records.len();
            let here = records.into_iter().enumerate();
            all.records.extend(here.filter_map(|(at, record)| Some((begin + at, record?))));
            all.lengths.push(all.records.len() - before);
            all.rows.extend(rows);
        }
        Ok(all)
    }

    /// Best F1 that the linkage reaches without a threshold set by hand: its clusters' pairs against
    /// all true pairs, those of rows that could not be submitted included.
    pub(super) fn f1(&self, schema: &LinkageSchema) -> anyhow::Result<f64> {
        let records: Vec<Record> = self.records.iter().map(|(_, record)| record.clone()).collect();
        let mut rest = &records[..];
        let mut sources = vec![];
        for length in &self.lengths {
            let (records, after) = rest.split_at(*length);
            sources.push(Source { may_hold_duplicates: true, records });
            rest = after;
        }
        let linkage = link(schema, &sources, &Options { draws: 1, ..Options::default() }, &Silent)?;
        let pairs = |counts: &HashMap<(u64, u32), u64>| -> u64 {
            counts.values().map(|count| count * (count - 1) / 2).sum()
        };
        let (mut people, mut clusters, mut both) =
            <(HashMap<_, u64>, HashMap<_, u64>, HashMap<_, u64>)>::default();
        for (person, _) in &self.rows {
            *people.entry((*person, 0)).or_default() += 1;
        }
        for ((row, _), cluster) in self.records.iter().zip(&linkage.clusters) {
            *clusters.entry((0, *cluster)).or_default() += 1;
            *both.entry((self.rows[*row].0, *cluster)).or_default() += 1;
        }
        let [truth, linked, right] = [&people, &clusters, &both].map(pairs);
        Ok(2.0 * right as f64 / (truth + linked).max(1) as f64)
    }
}

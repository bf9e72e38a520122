//! Every record of a round in canonical order, laid out for comparison.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use rayon::prelude::*;
use samenloop_schema::{Digest, LinkageSchema, Record, RowRule};

use crate::run::{LinkError, Source};

/// Records in canonical order: by record digest, then by the digest of their source. Two records
/// that are still equal are interchangeable, so their order decides nothing.
pub(crate) struct Population {
    /// Global index of each record.
    pub(crate) global: Vec<u32>,
    /// Digest of each record.
    pub(crate) digests: Vec<Digest>,
    /// Source of each record; sources are numbered in the order of their digests.
    pub(crate) source: Vec<u16>,
    /// Per source, whether one person may have several records in it.
    pub(crate) may_hold_duplicates: Vec<bool>,
    /// One column per encoding of the schema.
    pub(crate) encodings: Vec<Column>,
    /// Per match key of the schema, the number of the value that each record has; 0 is absent.
    pub(crate) keys: Vec<Vec<u32>>,
    /// Identity of the inputs, whatever their order.
    pub(crate) digest: Digest,
}

/// One encoding of every record.
pub(crate) struct Column {
    /// Words per record.
    pub(crate) width: usize,
    /// `width` words per record; zeros where the encoding is absent.
    pub(crate) words: Vec<u64>,
    /// Set bits per record; 0 is absent.
    pub(crate) ones: Vec<u32>,
}

impl Column {
    /// Numbers of the rows from 1, equal for equal rows; 0 is absent.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let present = |record: &usize| self.ones[*record] > 0;
        numbers((0..self.ones.len()).filter(present), self.ones.len(), |record| self.row(record))
    }

    /// Words of one record.
    pub(crate) fn row(&self, record: usize) -> &[u64] {
        &self.words[record * self.width..(record + 1) * self.width]
    }
}

impl Population {
    /// Checks every record against the schema and brings all into canonical order.
    pub(crate) fn new(schema: &LinkageSchema, sources: &[Source<'_>]) -> Result<Self, LinkError> {
        let shape = schema.shape();
        let total: usize = sources.iter().map(|source| source.records.len()).sum();
        if total >= u32::MAX as usize || sources.len() >= u16::MAX as usize {
            return Err(LinkError::TooMany { records: total, sources: sources.len() });
        }
        let mut per_source = Vec::with_capacity(sources.len());
        for (place, source) in sources.iter().enumerate() {
            let digests: Vec<Digest> = source
                .records
                .par_iter()
                .enumerate()
                .map(|(row, record)| match shape.check(record) {
                    // Too common match keys are dropped before linking; a record that had nothing
                    // else stays, and is nobody's pair.
                    Ok(()) | Err(RowRule::Empty) => Ok(shape.digest(record)),
                    Err(rule) => Err(LinkError::Record { source_place: place, row, rule }),
                })
                .collect::<Result<_, _>>()?;
            let mut sorted = digests.clone();
            sorted.par_sort_unstable();
            let parts: Vec<&[u8]> = sorted.iter().map(|digest| digest.as_bytes()).collect();
            let rule: &[u8] = &[u8::from(source.may_hold_duplicates)];
            let identity =
                Digest::of_parts("samenloop/v1/link/source", &[&[rule], &parts[..]].concat());
            per_source.push((identity, place, digests));
        }
        per_source.sort();
        let parts: Vec<&[u8]> =
            per_source.iter().map(|(identity, ..)| identity.as_bytes()).collect();
        let digest = Digest::of_parts(
            "samenloop/v1/link/inputs",
            &[&[schema.hash().as_bytes()], &parts[..]].concat(),
        );
        let first: Vec<usize> = sources
            .iter()
            .scan(0, |next, source| {
                let first = *next;
                *next += source.records.len();
                Some(first)
            })
            .collect();
        let mut order: Vec<(Digest, u16, u32, &Record)> = Vec::with_capacity(total);
        for (number, (_, place, digests)) in per_source.iter().enumerate() {
            let records = sources[*place].records.iter().zip(digests).enumerate();
            order.extend(records.map(|(row, (record, digest))| {
                (*digest, number as u16, (first[*place] + row) as u32, record)
            }));
        }
        order.par_sort_unstable_by_key(|(digest, source, global, _)| (*digest, *source, *global));
        let records: Vec<&Record> = order.iter().map(|(.., record)| *record).collect();
        Ok(Self {
            global: order.iter().map(|(_, _, global, _)| *global).collect(),
            digests: order.iter().map(|(digest, ..)| *digest).collect(),
            source: order.iter().map(|(_, source, ..)| *source).collect(),
            may_hold_duplicates: per_source
                .iter()
                .map(|(_, place, _)| sources[*place].may_hold_duplicates)
                .collect(),
            encodings: (0..shape.encodings.len()).map(|place| column(&records, place)).collect(),
            keys: (0..shape.match_keys).map(|place| key_numbers(&records, place)).collect(),
            digest,
        })
    }

    /// Some of the records, without their match keys.
    pub(crate) fn part(&self, records: &[u32]) -> Self {
        let pick = |record: &u32| *record as usize;
        let columns = self.encodings.iter().map(|column| Column {
            width: column.width,
            words: records.iter().flat_map(|record| column.row(pick(record))).copied().collect(),
            ones: records.iter().map(|record| column.ones[pick(record)]).collect(),
        });
        Self {
            global: records.to_vec(),
            digests: records.iter().map(|record| self.digests[pick(record)]).collect(),
            source: records.iter().map(|record| self.source[pick(record)]).collect(),
            may_hold_duplicates: self.may_hold_duplicates.clone(),
            encodings: columns.collect(),
            keys: vec![],
            digest: self.digest,
        }
    }

    /// Number of records.
    pub(crate) fn len(&self) -> usize {
        self.global.len()
    }

    /// Pairs of records that could be one person.
    pub(crate) fn pairs(&self) -> f64 {
        let pairs = |n: f64| n * (n - 1.0) / 2.0;
        let within: f64 = (0..self.may_hold_duplicates.len())
            .filter(|source| !self.may_hold_duplicates[*source])
            .map(|source| self.source.iter().filter(|of| usize::from(**of) == source).count())
            .map(|records| pairs(records as f64))
            .sum();
        (pairs(self.len() as f64) - within).max(1.0)
    }

    /// Whether two records could be one person by the rule of their source.
    pub(crate) fn compatible(&self, a: usize, b: usize) -> bool {
        self.source[a] != self.source[b] || self.may_hold_duplicates[self.source[a] as usize]
    }
}

fn column(records: &[&Record], place: usize) -> Column {
    let clks = records.iter().map(|record| &record.encodings[place]);
    let width = clks.flatten().next().map_or(0, |clk| clk.words().len());
    let mut words = vec![0; records.len() * width];
    let mut ones = vec![0; records.len()];
    let rows = words.par_chunks_mut(width.max(1)).zip(&mut ones).zip(records);
    rows.for_each(|((row, ones), record)| {
        if let Some(clk) = &record.encodings[place] {
            row.copy_from_slice(clk.words());
            *ones = clk.ones();
        }
    });
    Column { width, words, ones }
}

fn key_numbers(records: &[&Record], place: usize) -> Vec<u32> {
    let value = |record: usize| records[record].match_keys[place].as_ref();
    let present = (0..records.len()).filter(|record| value(*record).is_some());
    numbers(present, records.len(), value)
}

/// Numbers the values of the `present` of `all` records from 1 in their order, equal values equally;
/// 0 for the others.
fn numbers<T: Ord + Hash>(
    present: impl Iterator<Item = usize>,
    all: usize,
    value: impl Fn(usize) -> T + Sync,
) -> Vec<u32> {
    // A short hash decides most comparisons without a look at the value.
    let mut order: Vec<(u32, u32)> =
        present.map(|record| (short(&value(record)), record as u32)).collect();
    order.par_sort_unstable_by(|a, b| {
        let values = || value(a.1 as usize).cmp(&value(b.1 as usize));
        a.0.cmp(&b.0).then_with(values).then(a.1.cmp(&b.1))
    });
    let mut numbers = vec![0; all];
    let groups = order.chunk_by(|a, b| a.0 == b.0 && value(a.1 as usize) == value(b.1 as usize));
    for (group, number) in groups.zip(1..) {
        group.iter().for_each(|(_, record)| numbers[*record as usize] = number);
    }
    numbers
}

/// The same for the same value on every machine.
fn short(value: &impl Hash) -> u32 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish() as u32
}

//! Every record of a round in canonical order, laid out for comparison.

use rayon::prelude::*;
use samenloop_schema::{Digest, Dimension, DimensionSource, LinkageSchema, Record, RowRule};

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
    /// Per code that no encoding or key can know, its index + 1 in each record; 0 is unknown.
    pub(crate) codes: Vec<Vec<u16>>,
    /// Identity of the inputs, whatever their order.
    pub(crate) digest: Digest,
}

/// Codes that serve as evidence; a schema with more is linked by the first of them.
const MAX_CODES: usize = 16;

/// Places of the dimensions that come from no column that a field comes from: only they tell
/// something that encodings and match keys do not.
fn independent_codes(schema: &LinkageSchema) -> Vec<usize> {
    let fields: Vec<&String> = schema.fields.iter().flat_map(|field| &field.columns).collect();
    let independent = |dimension: &Dimension| match &dimension.source {
        DimensionSource::Column { columns, .. } => !columns.iter().any(|c| fields.contains(&c)),
        DimensionSource::AgeBand { .. } => false,
    };
    let places = schema.dimensions.iter().enumerate();
    places
        .filter(|(_, dimension)| independent(dimension))
        .map(|(at, _)| at)
        .take(MAX_CODES)
        .collect()
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
        let first: Vec<usize> = sources
            .iter()
            .scan(0, |next, source| {
                let first = *next;
                *next += source.records.len();
                Some(first)
            })
            .collect();
        let mut digests = Vec::with_capacity(total);
        for (place, source) in sources.iter().enumerate() {
            let rows = source.records.par_iter().enumerate().map(|(row, record)| {
                match shape.check(record) {
                    // Too common match keys are dropped before linking; a record that had nothing
                    // else stays, and is nobody's pair.
                    Ok(()) | Err(RowRule::Empty) => Ok(shape.digest(record)),
                    Err(rule) => Err(LinkError::Record { source_place: place, row, rule }),
                }
            });
            digests.append(&mut rows.collect::<Result<Vec<_>, _>>()?);
        }
        // By digest first: that orders the records of each source, from which its number comes.
        let mut order: Vec<(u64, u32)> = digests
            .par_iter()
            .zip(0..total as u32)
            .map(|(digest, row)| (head(digest), row))
            .collect();
        order.par_sort_unstable_by(|a, b| {
            let digest = |place: u32| &digests[place as usize];
            a.0.cmp(&b.0).then_with(|| digest(a.1).cmp(digest(b.1))).then(a.1.cmp(&b.1))
        });
        let place_of = |row: u32| first.partition_point(|first| *first <= row as usize) - 1;
        let mut sorted: Vec<Vec<&[u8]>> = vec![vec![]; sources.len()];
        for (_, row) in &order {
            sorted[place_of(*row)].push(digests[*row as usize].as_bytes());
        }
        let mut identities: Vec<(Digest, usize)> = sorted
            .into_par_iter()
            .zip(sources)
            .enumerate()
            .map(|(place, (mut parts, source))| {
                let rule: &[u8] = &[u8::from(source.may_hold_duplicates)];
                parts.insert(0, rule);
                (Digest::of_parts("samenloop/v1/link/source", &parts), place)
            })
            .collect();
        identities.sort();
        let hash = schema.hash();
        let mut parts: Vec<&[u8]> = vec![hash.as_bytes()];
        parts.extend(identities.iter().map(|(identity, _)| identity.as_bytes() as &[u8]));
        let digest = Digest::of_parts("samenloop/v1/link/inputs", &parts);
        let mut number = vec![0_u16; sources.len()];
        for ((_, place), next) in identities.iter().zip(0..) {
            number[*place] = next;
        }
        let source_of = |row: u32| number[place_of(row)];
        let equal =
            order.chunk_by_mut(|a, b| a.0 == b.0 && digests[a.1 as usize] == digests[b.1 as usize]);
        equal.filter(|rows| rows.len() > 1).for_each(|rows| {
            rows.sort_unstable_by_key(|(_, row)| (source_of(*row), *row));
        });
        let global: Vec<u32> = order.iter().map(|(_, row)| *row).collect();
        drop(order);
        let mut place_in_order = vec![0_u32; total];
        for (row, place) in global.iter().zip(0..) {
            place_in_order[*row as usize] = place;
        }
        let keys = (0..shape.match_keys).into_par_iter();
        let keys = keys.map(|place| key_numbers(sources, &place_in_order, place)).collect();
        drop(place_in_order);
        let records: Vec<&Record> = global
            .par_iter()
            .map(|row| {
                let place = place_of(*row);
                &sources[place].records[*row as usize - first[place]]
            })
            .collect();
        Ok(Self {
            digests: global.par_iter().map(|row| digests[*row as usize]).collect(),
            source: global.par_iter().map(|row| source_of(*row)).collect(),
            global,
            may_hold_duplicates: identities
                .iter()
                .map(|(_, place)| sources[*place].may_hold_duplicates)
                .collect(),
            encodings: (0..shape.encodings.len()).map(|place| column(&records, place)).collect(),
            keys,
            codes: independent_codes(schema)
                .into_iter()
                .map(|place| {
                    let code = |record: &&Record| record.codes[place].map_or(0, |code| code + 1);
                    records.par_iter().map(code).collect()
                })
                .collect(),
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
            codes: vec![],
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

/// Numbers of a match key's values from 1, equal for equal values; 0 is absent. `place_of` has the
/// place of each global index.
///
/// The first 16 bytes of a value stand for it: values are HMACs, of which two differ there unless
/// they are equal, and whoever forges them could as well submit equal ones.
fn key_numbers(sources: &[Source<'_>], place_of: &[u32], place: usize) -> Vec<u32> {
    let records = sources.iter().flat_map(|source| source.records).zip(place_of);
    let mut order: Vec<(u128, u32)> = records
        .filter_map(|(record, row)| {
            let value = record.match_keys[place].as_ref()?.0.first_chunk::<16>()?;
            Some((u128::from_be_bytes(*value), *row))
        })
        .collect();
    order.par_sort_unstable();
    let mut numbers = vec![0; place_of.len()];
    for (group, number) in order.chunk_by(|a, b| a.0 == b.0).zip(1..) {
        group.iter().for_each(|(_, row)| numbers[*row as usize] = number);
    }
    numbers
}

/// The first bytes of a digest, in its order.
fn head(digest: &Digest) -> u64 {
    u64::from_be_bytes(digest.0[..8].try_into().unwrap_or_default())
}

//! A2: matching the graph of similarities between pseudonyms with that between people, without any
//! known pair.
//!
//! Records are first paired by the sorted row of their similarities to all others, then each round
//! pairs those that are alike in the same way to the pairs of the round before, keeping mutual best
//! ones. Codes narrow whom a record may be. It is weaker than the node embeddings of Schäfer et al.
//! (ACSAC 2024) at small overlaps: a lower bound on what an attacker can do.

use rayon::prelude::*;

use super::views::{Side, View, standardise};

const ROUNDS: usize = 15;
/// Pairs that guide a round, the surest first.
const GUIDES: usize = 2048;
/// Sorted similarities that are compared to begin with: the highest, and quantiles of the rest.
const HIGHEST: usize = 24;
const QUANTILES: usize = 40;
/// Fixed point: a similarity of one standard deviation.
const UNIT: f32 = 32.0;

/// Similarities of all records of a side to each other, in fixed point.
pub(super) struct Matrix {
    len: usize,
    values: Vec<i16>,
}

impl Matrix {
    /// In a single view.
    pub(super) fn new(side: &Side, view: View, people: &[usize]) -> Self {
        let len = people.len();
        let mut table = vec![f32::NAN; len * len];
        table.par_chunks_exact_mut(len).enumerate().for_each(|(at, row)| {
            for (other, value) in row[..at].iter_mut().enumerate() {
                *value = side.alike(view, people[at], people[other]);
            }
        });
        standardise(&mut table);
        let fix = |value: &f32| (value * UNIT).round().clamp(-512.0, 512.0) as i16;
        let mut values: Vec<i16> = table.par_iter().map(fix).collect();
        for at in 0..len {
            for other in 0..at {
                values[other * len + at] = values[at * len + other];
            }
        }
        Self { len, values }
    }

    /// In several views together.
    pub(super) fn together(views: &[Self]) -> Self {
        let len = views.first().map_or(0, |view| view.len);
        let scale = 1.0 / (views.len() as f32).sqrt();
        let sum = |at: usize| {
            let sum: i32 = views.iter().map(|view| i32::from(view.values[at])).sum();
            (sum as f32 * scale).round().clamp(-512.0, 512.0) as i16
        };
        Self { len, values: (0..len * len).into_par_iter().map(sum).collect() }
    }

    fn row(&self, at: usize) -> &[i16] {
        &self.values[at * self.len..][..self.len]
    }

    /// The sorted row, thinned to a length that does not depend on the number of records.
    fn profile(&self, at: usize) -> Vec<i16> {
        let mut row = self.row(at).to_vec();
        row.sort_unstable_by(|a, b| b.cmp(a));
        let quantile = |place: usize| row[place * (row.len() - 1) / (QUANTILES - 1)];
        let highest = (0..HIGHEST).map(|place| row[place.min(row.len() - 1)]);
        highest.chain((0..QUANTILES).map(quantile)).collect()
    }

    /// Per record its similarities to the given ones.
    fn gather(&self, columns: &[u32]) -> Vec<i16> {
        let rows = (0..self.len).into_par_iter();
        rows.flat_map_iter(|at| {
            let row = self.row(at);
            columns.iter().map(|column| row[*column as usize])
        })
        .collect()
    }
}

/// A record, the person it is taken for, and how much better that one is than the next.
type Guess = (u32, u32, i64);

/// Mutual best pairs of records and people, given how well each of a record's candidates fits.
fn mutual(
    candidates: &[Vec<u32>],
    people: usize,
    fit: impl Fn(u32, u32) -> i64 + Sync,
) -> Vec<Guess> {
    let best: Vec<Option<(u32, i64, i64)>> = (0..candidates.len() as u32)
        .into_par_iter()
        .map(|record| {
            let (mut best, mut next) = (None, i64::MIN);
            for person in &candidates[record as usize] {
                let fit = fit(record, *person);
                match best {
                    Some((_, first)) if fit <= first => next = next.max(fit),
                    _ => {
                        next = best.map_or(next, |(_, first)| first);
                        best = Some((*person, fit));
                    }
                }
            }
            best.map(|(person, fit)| (person, fit, fit.saturating_sub(next.max(fit - (1 << 40)))))
        })
        .collect();
    let mut taken: Vec<Option<(u32, i64)>> = vec![None; people];
    for (record, found) in (0..).zip(&best) {
        if let Some((person, fit, _)) = found {
            let place = &mut taken[*person as usize];
            if place.is_none_or(|(_, other)| *fit > other) {
                *place = Some((record, *fit));
            }
        }
    }
    let mut pairs: Vec<Guess> = (0..)
        .zip(best)
        .filter_map(|(record, found)| found.map(|(person, _, lead)| (record, person, lead)))
        .filter(|(record, person, _)| {
            taken[*person as usize].is_some_and(|(first, _)| first == *record)
        })
        .collect();
    pairs.sort_unstable_by_key(|(record, _, lead)| (std::cmp::Reverse(*lead), *record));
    pairs
}

/// The records that are taken for the right person. The `n`-th record of the file is truly the `n`-th
/// of the list, which may go on; `candidates` are places in the list.
pub(super) fn graph(theirs: &Matrix, own: &Matrix, candidates: &[Vec<u32>]) -> usize {
    let profiles = |matrix: &Matrix| -> Vec<Vec<i16>> {
        (0..matrix.len).into_par_iter().map(|at| matrix.profile(at)).collect()
    };
    let (a, b) = (profiles(theirs), profiles(own));
    let near = |record: u32, person: u32| {
        let pairs = a[record as usize].iter().zip(&b[person as usize]);
        -pairs.map(|(a, b)| i64::from(a - b).pow(2)).sum::<i64>()
    };
    let mut pairs = mutual(candidates, own.len, near);
    for _ in 0..ROUNDS {
        let guides = &pairs[..pairs.len().min(GUIDES)];
        let width = guides.len();
        if width == 0 {
            break;
        }
        let rows = theirs.gather(&guides.iter().map(|(record, ..)| *record).collect::<Vec<_>>());
        let columns = own.gather(&guides.iter().map(|(_, person, _)| *person).collect::<Vec<_>>());
        let [of_rows, of_columns] = [&rows, &columns].map(|all| lengths(all, width));
        let next = mutual(candidates, own.len, |record, person| {
            let row = &rows[record as usize * width..][..width];
            let product = dot(row, &columns[person as usize * width..][..width]);
            let cosine = product as f64 * of_rows[record as usize] * of_columns[person as usize];
            (cosine * 1e12) as i64
        });
        let same = next.len() == pairs.len()
            && next.iter().zip(&pairs).all(|(a, b)| (a.0, a.1) == (b.0, b.1));
        pairs = next;
        if same {
            break;
        }
    }
    pairs.iter().filter(|(record, person, _)| record == person).count()
}

/// One over the length of each row.
fn lengths(rows: &[i16], width: usize) -> Vec<f64> {
    rows.par_chunks_exact(width).map(|row| 1.0 / (dot(row, row).max(1) as f64).sqrt()).collect()
}

/// In blocks, so that no sum of products of values up to 512 leaves 32 bits.
fn dot(a: &[i16], b: &[i16]) -> i64 {
    let block = |(a, b): (&[i16], &[i16])| {
        a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum::<i32>()
    };
    a.chunks(1024).zip(b.chunks(1024)).map(block).map(i64::from).sum()
}

//! Pairs that share a match key.
//!
//! A diffused encoding gives hashing of some of its bits little to hold on to: two records of one
//! person may agree on two thirds of the bits where strangers agree on half, so that a sample long
//! enough to part strangers parts the person, too. docs/linkage-model.md has what was measured.

use rayon::prelude::*;

use crate::compare::Comparison;
use crate::population::Population;
use crate::run::{LinkError, Progress};
use crate::unseen;

/// Records of a block of whom all pairs are candidates; of a larger one only those that are alike.
const WHOLE: usize = 100;

/// Candidate pairs of all blocks, some more than once. No block holds more memory than its alike
/// pairs do.
pub(super) fn find(
    comparison: &Comparison,
    population: &Population,
    progress: &dyn Progress,
) -> Result<Vec<(u32, u32)>, LinkError> {
    let mut pairs = vec![];
    for (place, key) in population.keys.iter().enumerate() {
        if progress.cancelled() {
            return Err(LinkError::Cancelled);
        }
        let blocks = Blocks::new(key);
        let (small, large): (Vec<&[u32]>, Vec<&[u32]>) =
            blocks.iter().partition(|block| block.len() <= WHOLE);
        pairs.par_extend(small.par_iter().flat_map_iter(|block| whole(population, block)));
        for block in large {
            pairs.append(&mut super::exhaustive::within(comparison, population, block, progress)?);
        }
        progress.permille(20 + (780 * (place + 1) / population.keys.len()) as u32);
    }
    Ok(pairs)
}

/// All pairs that share a match key.
pub(super) fn sharing_a_key(population: &Population) -> Vec<(u32, u32)> {
    let mut pairs = vec![];
    for key in &population.keys {
        let blocks = Blocks::new(key);
        let blocks: Vec<&[u32]> = blocks.iter().collect();
        pairs.par_extend(blocks.par_iter().flat_map_iter(|block| whole(population, block)));
    }
    pairs
}

fn whole<'b>(population: &'b Population, block: &'b [u32]) -> impl Iterator<Item = (u32, u32)> {
    block.iter().enumerate().flat_map(move |(place, a)| {
        let others = block[place + 1..].iter().map(|b| (*a, *b));
        others.filter(|(a, b)| population.compatible(*a as usize, *b as usize))
    })
}

/// Records that have one value, for each value that several have.
struct Blocks {
    /// Records in the order of their values.
    records: Vec<u32>,
    /// Per value, where its records end.
    ends: Vec<u32>,
}

impl Blocks {
    /// From the number of each record's value; 0 is none. A counting sort.
    fn new(values: &[u32]) -> Self {
        let most = values.iter().max().map_or(0, |most| *most as usize);
        let mut ends = vec![0_u32; most + 1];
        values.iter().for_each(|value| ends[*value as usize] += 1);
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        // What was a count is now where the value's records begin, and becomes where they end.
        let mut records = vec![0; values.len()];
        for (value, record) in values.iter().zip(0..) {
            let next = &mut ends[*value as usize];
            records[*next as usize] = record;
            *next += 1;
        }
        Self { records, ends }
    }

    /// Blocks of two records or more, each in ascending order.
    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let bounds = self.ends.windows(2);
        bounds
            .map(|bounds| &self.records[bounds[0] as usize..bounds[1] as usize])
            .filter(|block| block.len() > 1)
    }
}

/// Share of the pairs of one person that share no match key, estimated from how often pairs that
/// are likelier one person than not share one and two, as joins that nothing caught are. Keys share
/// fields and find the same pairs more often than chance would, so that the estimate errs low.
pub(crate) fn missed(population: &Population, edges: &[(u32, u32, f64)]) -> f64 {
    let found_by = |a: u32, b: u32| {
        let keys = population.keys.iter();
        keys.filter(|key| key[a as usize] != 0 && key[a as usize] == key[b as usize]).count()
    };
    let [once, twice, all] = edges
        .par_iter()
        .filter(|(.., weight)| *weight > 0.0)
        .map(|(a, b, _)| {
            let times = found_by(*a, *b);
            [u64::from(times == 1), u64::from(times == 2), 1]
        })
        .reduce(|| [0; 3], |a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2]]);
    let (none, _) = unseen::chao(once as f64, twice as f64);
    if all == 0 { 0.0 } else { none / (all as f64 + none) }
}

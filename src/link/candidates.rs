//! Pairs worth weighing: all that share a match key, and all that are alike in their encodings.
//!
//! Every pair is looked at, so that nothing is missed for want of a shared key; most are left after
//! half of each encoding, because strangers' diffused encodings agree by chance only.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::compare::{Comparison, MAX_ENCODINGS, distance};
use crate::population::Population;
use crate::run::{LinkError, Progress};

/// Records of one side of a tile; two sides of encodings fit the second-level cache.
const TILE: usize = 128;

/// Points that a pair needs without a shared key: two encodings somewhat alike, or one very alike.
const POINTS: u32 = 2;

/// Level from which an encoding is somewhat alike, and from which it is very alike.
const SOMEWHAT: u8 = 2;
const VERY: u8 = 5;

/// Candidate pairs `(a, b)` with `a < b` in canonical order, sorted.
pub(crate) fn find(
    comparison: &Comparison,
    population: &Population,
    progress: &dyn Progress,
) -> Result<Vec<(u32, u32)>, LinkError> {
    let tiles = population.len().div_ceil(TILE);
    let all: Vec<(usize, usize)> =
        (0..tiles).flat_map(|a| (a..tiles).map(move |b| (a, b))).collect();
    let done = AtomicU64::new(0);
    let mut pairs = all
        .par_iter()
        .map(|(a, b)| {
            if progress.cancelled() {
                return Err(LinkError::Cancelled);
            }
            let found = tile(comparison, population, *a, *b);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(256) {
                progress.permille(20 + (done * 780 / all.len() as u64) as u32);
            }
            Ok(found)
        })
        .try_reduce(Vec::new, |mut a, mut b| {
            a.append(&mut b);
            Ok(a)
        })?;
    pairs.extend(sharing_a_key(population));
    pairs.par_sort_unstable();
    pairs.dedup();
    Ok(pairs)
}

fn tile(
    comparison: &Comparison,
    population: &Population,
    tile_a: usize,
    tile_b: usize,
) -> Vec<(u32, u32)> {
    let range = |tile: usize| tile * TILE..population.len().min((tile + 1) * TILE);
    let mut found = vec![];
    for a in range(tile_a) {
        for b in range(tile_b) {
            if a < b && population.compatible(a, b) && alike(comparison, population, a, b) {
                found.push((a as u32, b as u32));
            }
        }
    }
    found
}

fn alike(comparison: &Comparison, population: &Population, a: usize, b: usize) -> bool {
    let mut points = 0;
    for (place, column) in population.encodings.iter().take(MAX_ENCODINGS).enumerate() {
        let (ones_a, ones_b) = (column.ones[a], column.ones[b]);
        if ones_a == 0 || ones_b == 0 {
            continue;
        }
        let (row_a, row_b) = (column.row(a), column.row(b));
        let half = column.width / 2;
        let first = distance(&row_a[..half], &row_b[..half]);
        if comparison.hopeless(place, first, ones_a + ones_b) {
            continue;
        }
        let whole = first + distance(&row_a[half..], &row_b[half..]);
        points += match comparison.level(place, whole, ones_a + ones_b) {
            VERY.. => 2,
            SOMEWHAT.. => 1,
            _ => 0,
        };
        if points >= POINTS {
            return true;
        }
    }
    false
}

fn sharing_a_key(population: &Population) -> Vec<(u32, u32)> {
    let mut pairs = vec![];
    for key in &population.keys {
        let mut rows: Vec<(u32, u32)> = key
            .iter()
            .enumerate()
            .filter(|(_, value)| **value != 0)
            .map(|(row, value)| (*value, row as u32))
            .collect();
        rows.par_sort_unstable();
        for block in rows.chunk_by(|a, b| a.0 == b.0) {
            for (place, (_, a)) in block.iter().enumerate() {
                let others = block[place + 1..].iter().map(|(_, b)| (*a, *b));
                pairs.extend(
                    others.filter(|(a, b)| population.compatible(*a as usize, *b as usize)),
                );
            }
        }
    }
    pairs
}

//! The reference.

use super::{Lanes, Step};

pub(super) fn distance(a: &[u64], b: &[u64]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

fn sum(words: &[u32], lanes: &[Lanes<u32>], begin: Lanes<u32>) -> Lanes<u32> {
    let mut sum = begin;
    for (word, lanes) in words.iter().zip(lanes) {
        for (sum, other) in sum.0.iter_mut().zip(&lanes.0) {
            *sum += (word ^ other).count_ones();
        }
    }
    sum
}

pub(super) fn add(step: &Step<'_>, sums: &mut [Lanes<u32>]) {
    for (lanes, total) in step.lanes.chunks_exact(step.words.len()).zip(sums) {
        let begin = if step.first { Lanes([0; super::LANES]) } else { *total };
        *total = sum(step.words, lanes, begin);
    }
}

pub(super) fn decide(
    step: &Step<'_>,
    sums: &[Lanes<u32>],
    limits: &[Lanes<i32>],
    slack: i32,
    masks: &mut [u16],
) {
    let blocks = step.lanes.chunks_exact(step.words.len());
    for (((lanes, before), limits), mask) in blocks.zip(sums).zip(limits).zip(masks) {
        let begin = if step.first { Lanes([0; super::LANES]) } else { *before };
        let total = sum(step.words, lanes, begin);
        let within =
            total.0.iter().zip(&limits.0).map(|(sum, limit)| *sum as i32 - slack <= *limit);
        *mask = within.enumerate().fold(0, |mask, (lane, within)| mask | u16::from(within) << lane);
    }
}

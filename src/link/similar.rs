//! Which pairs of two files of filters are alike: Dice similarity at or above a threshold.
//!
//! Pairs and similarities are exactly those of anonlink 0.15 (`similarities/dice.cpp`) without a
//! limit of pairs per record: 2c/(|a| + |b|) as `f64`, at least the threshold, and no pair whose
//! numbers of set bits differ by more than ⌊2|a|(1/t − 1)⌋, the bound with which anonlink skips.
//!
//! Nothing is pruned that could be alike. Records are sorted by their set bits, which bound the
//! similarity (Swamidass and Baldi, J. Chem. Inf. Model. 47, 2007); of the rest a first part is
//! compared, and whoever differs there by more than the whole may is left. How long that part is
//! decides a sample of the pairs.

use rayon::prelude::*;
use samenloop_schema::Clk;

use crate::kernel::{Kernel, LANES, Lanes, Packed, Scratch, halves, in_lanes};

/// Records of the first file that one thread takes at a time.
const CHUNK: usize = 256;

/// Records of each file whose pairs decide how long the first part is.
const SAMPLE: usize = 64;

/// What a whole comparison of one pair after its first part costs, in words of a sweep.
const WHOLE: f64 = 150.0;

/// Filters of one length.
#[derive(Debug)]
pub struct Filters {
    /// Words per filter.
    width: usize,
    /// Filters with the fewest set bits first.
    words: Vec<u64>,
    /// Set bits of each.
    ones: Vec<u32>,
    /// Place of each in the file.
    place: Vec<u32>,
}

/// Filters that cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FiltersError {
    /// One of another length.
    #[error(
        "filter {place} has {found} bits, the first has {expected}: give filters of one length"
    )]
    Length {
        /// Place of the filter, from 0.
        place: usize,
        /// Its bits.
        found: u32,
        /// Bits of the first.
        expected: u32,
    },
    /// More than an index can count.
    #[error("{found} filters are more than one comparison can number")]
    TooMany {
        /// How many.
        found: usize,
    },
}

impl Filters {
    /// Filters in the order of their file.
    pub fn new(filters: &[Clk]) -> Result<Self, FiltersError> {
        let expected = filters.first().map_or(0, Clk::bits);
        if u32::try_from(filters.len()).is_err() {
            return Err(FiltersError::TooMany { found: filters.len() });
        }
        if let Some(place) = filters.iter().position(|filter| filter.bits() != expected) {
            return Err(FiltersError::Length { place, found: filters[place].bits(), expected });
        }
        let mut order: Vec<(u32, u32)> = filters.iter().map(Clk::ones).zip(0..).collect();
        order.sort_unstable();
        let rows = order.iter().flat_map(|(_, place)| filters[*place as usize].words());
        Ok(Self {
            width: expected as usize / 64,
            words: rows.copied().collect(),
            ones: order.iter().map(|(ones, _)| *ones).collect(),
            place: order.iter().map(|(_, place)| *place).collect(),
        })
    }

    /// Number of filters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ones.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ones.is_empty()
    }

    /// Length in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.width as u32 * 64
    }

    fn row(&self, record: usize) -> &[u64] {
        &self.words[record * self.width..(record + 1) * self.width]
    }
}

/// What may be left out because it cannot change the pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruning {
    /// Whatever the bounds allow.
    Exact,
    /// Nothing: every pair is compared over its whole length.
    Off,
}

/// The pairs that are alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Similar {
    /// Place in the first file, in the second, similarity; sorted by places.
    pub pairs: Vec<(u32, u32, f64)>,
    /// Pairs that were decided: all of them.
    pub comparisons: u64,
    /// Pairs that their numbers of set bits decided.
    pub by_ones: u64,
    /// Pairs that the first part of their bits decided.
    pub by_first_part: u64,
    /// Length of that part in bits.
    pub first_part: u32,
}

/// Finds the pairs of two files with a Dice similarity of at least `threshold`.
///
/// # Panics
/// When the files have filters of different lengths, or the threshold is not in (0, 1].
#[must_use]
pub fn similar(
    kernel: Kernel,
    a: &Filters,
    b: &Filters,
    threshold: f64,
    pruning: Pruning,
) -> Similar {
    assert!(threshold > 0.0 && threshold <= 1.0, "a threshold lies above 0 and at most at 1");
    let comparisons = a.len() as u64 * b.len() as u64;
    let none = Similar { pairs: vec![], comparisons, by_ones: 0, by_first_part: 0, first_part: 0 };
    if comparisons == 0 || a.width == 0 {
        return none;
    }
    assert_eq!(a.width, b.width, "filters of one length");
    let share = 1.0 - threshold;
    let words = match pruning {
        Pruning::Off => 2 * a.width,
        Pruning::Exact => first_part(a, b, share),
    };
    let join = Join {
        kernel,
        a,
        b,
        threshold,
        share,
        pruning,
        packed: Packed::new((0..b.len()).map(|record| b.row(record)), words),
        limits: in_lanes(b.ones.iter().map(|ones| allowance(*ones, share)), i32::MIN / 2),
    };
    let chunks: Vec<usize> = (0..a.len()).step_by(CHUNK).collect();
    let parts: Vec<Similar> =
        chunks.par_iter().map(|first| join.chunk(*first..a.len().min(first + CHUNK))).collect();
    let mut all = Similar { first_part: 32 * words as u32, ..none };
    for mut part in parts {
        all.pairs.append(&mut part.pairs);
        all.by_ones += part.by_ones;
        all.by_first_part += part.by_first_part;
    }
    all.pairs.par_sort_unstable_by_key(|(a, b, _)| (*a, *b));
    all
}

/// A record's part of the distance that a pair may have: a pair that is alike differs in at most
/// (1 − t)(|a| + |b|) bits. Rounded up, so that it errs to the side of comparing.
fn allowance(ones: u32, share: f64) -> i32 {
    (f64::from(ones) * share) as i32 + 1
}

/// The cheapest length of the first part for a sample, in words of 32 bits.
fn first_part(a: &Filters, b: &Filters, share: f64) -> usize {
    let spread = |filters: &Filters| -> Vec<usize> {
        let step = filters.len().div_ceil(SAMPLE);
        (0..filters.len()).step_by(step).collect()
    };
    let (rows_a, rows_b) = (spread(a), spread(b));
    // Per length, sampled pairs that it does not decide.
    let mut left = vec![0_u32; 2 * a.width];
    for a_row in &rows_a {
        for b_row in &rows_b {
            let limit = allowance(a.ones[*a_row], share) + allowance(b.ones[*b_row], share);
            let differ = halves(a.row(*a_row)).zip(halves(b.row(*b_row)));
            let mut distance = 0;
            for ((a, b), left) in differ.zip(&mut left) {
                distance += (a ^ b).count_ones() as i32;
                if distance > limit {
                    break;
                }
                *left += 1;
            }
        }
    }
    let pairs = (rows_a.len() * rows_b.len()) as f64;
    let cost = |words: usize| words as f64 + WHOLE * f64::from(left[words - 1]) / pairs;
    let lengths = (2..=2 * a.width).step_by(2);
    lengths.min_by(|x, y| cost(*x).total_cmp(&cost(*y))).unwrap_or(2 * a.width)
}

struct Join<'a> {
    kernel: Kernel,
    a: &'a Filters,
    b: &'a Filters,
    threshold: f64,
    share: f64,
    pruning: Pruning,
    packed: Packed,
    limits: Vec<Lanes<i32>>,
}

impl Join<'_> {
    /// Records of the second file that one of the first could be alike by its set bits.
    fn range(&self, ones: u32) -> std::ops::Range<usize> {
        if self.pruning == Pruning::Off {
            return 0..self.b.len();
        }
        // b ≥ a·t/(2 − t), rounded down; above, anonlink's own bound.
        let least = (f64::from(ones) * self.threshold / (2.0 - self.threshold)).floor() as u32;
        let most = ones.saturating_add(self.most_apart(ones));
        let least = least.saturating_sub(1);
        let place = |bound: u32| self.b.ones.partition_point(|ones| *ones < bound);
        place(least)..place(most.saturating_add(1))
    }

    fn most_apart(&self, ones: u32) -> u32 {
        (f64::from(2 * ones) * (1.0 / self.threshold - 1.0)) as u32
    }

    fn chunk(&self, rows: std::ops::Range<usize>) -> Similar {
        let (mut pairs, mut by_ones, mut by_first_part) = (vec![], 0, 0);
        let ranges: Vec<_> = rows.clone().map(|row| self.range(self.a.ones[row])).collect();
        let words: Vec<Vec<u32>> = rows
            .clone()
            .map(|row| halves(self.a.row(row)).take(self.packed.words()).collect())
            .collect();
        for range in &ranges {
            by_ones += (self.b.len() - range.len()) as u64;
        }
        let first = ranges.iter().map(|range| range.start).min().unwrap_or(0);
        let last = ranges.iter().map(|range| range.end).max().unwrap_or(0);
        let per_tile = self.packed.tile_records();
        let mut scratch = Scratch::default();
        let mut left = vec![];
        let mut distances = vec![];
        for tile in first / per_tile..last.div_ceil(per_tile) {
            let blocks = self.packed.blocks(tile);
            let limits = &self.limits[blocks.clone()];
            for ((row, range), words) in rows.clone().zip(&ranges).zip(&words) {
                let begin = range.start.max(tile * per_tile);
                let end = range.end.min((tile + 1) * per_tile);
                if begin >= end {
                    continue;
                }
                let slack = allowance(self.a.ones[row], self.share);
                let masks =
                    self.kernel.sweep(words, &self.packed, tile, limits, slack, &mut scratch);
                left.clear();
                survivors(masks, blocks.start * LANES, &mut left);
                left.retain(|other| (begin..end).contains(&(*other as usize)));
                by_first_part += (end - begin - left.len()) as u64;
                let a = self.a.row(row);
                self.kernel.distances(a, &self.b.words, self.b.width, &left, &mut distances);
                for (other, distance) in left.iter().zip(&distances) {
                    if let Some(similarity) = self.alike(row, *other as usize, *distance) {
                        let other = self.b.place[*other as usize];
                        pairs.push((self.a.place[row], other, similarity));
                    }
                }
            }
        }
        Similar { pairs, comparisons: 0, by_ones, by_first_part, first_part: 0 }
    }

    fn alike(&self, a: usize, b: usize, distance: u32) -> Option<f64> {
        let (ones_a, ones_b) = (self.a.ones[a], self.b.ones[b]);
        // |a| + |b| − h is twice the number of bits that both have.
        let similarity = f64::from(ones_a + ones_b - distance) / f64::from(ones_a + ones_b);
        let near = ones_a.abs_diff(ones_b) <= self.most_apart(ones_a);
        (ones_a > 0 && near && similarity >= self.threshold).then_some(similarity)
    }
}

/// Appends the records whose bit is set, the first block beginning at `begin`.
pub(crate) fn survivors(masks: &[u16], begin: usize, out: &mut Vec<u32>) {
    for (four, masks) in masks.chunks(4).enumerate() {
        let mut bits = masks.iter().rev().fold(0_u64, |bits, mask| bits << 16 | u64::from(*mask));
        while bits != 0 {
            out.push((begin + 4 * LANES * four) as u32 + bits.trailing_zeros());
            bits &= bits - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::Path;

    /// anonlink's rule in the plainest words.
    fn expected(a: &[Clk], b: &[Clk], threshold: f64) -> Vec<(u32, u32, f64)> {
        let mut pairs = vec![];
        for (a, place_a) in a.iter().zip(0..) {
            for (b, place_b) in b.iter().zip(0..) {
                let both = a.words().iter().zip(b.words()).map(|(a, b)| (a & b).count_ones());
                let both = 2 * both.sum::<u32>();
                let apart = (f64::from(2 * a.ones()) * (1.0 / threshold - 1.0)) as u32;
                let dice = f64::from(both) / f64::from(a.ones() + b.ones());
                if a.ones() > 0 && a.ones().abs_diff(b.ones()) <= apart && dice >= threshold {
                    pairs.push((place_a, place_b, dice));
                }
            }
        }
        pairs
    }

    /// Filters of three words: noise over a few patterns, so that every similarity occurs.
    fn filters() -> impl Strategy<Value = Vec<Clk>> {
        let noise = prop::collection::vec(any::<u64>(), 6);
        let filter = (0..4_u64, noise, 0..3_usize).prop_map(|(pattern, noise, sparse)| {
            let words = (0..3).map(|word| {
                let own = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(pattern * 3 + word as u64);
                let flips = noise[word] & noise[word + 3] & noise[(word + 4) % 6];
                if sparse == 0 { own & noise[0] } else { own ^ (flips >> (8 * sparse)) }
            });
            Clk::from_words(words.collect::<Vec<u64>>())
        });
        prop::collection::vec(filter, 0..90)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]

        #[test]
        fn pairs_are_those_of_the_plain_rule(
            a in filters(),
            b in filters(),
            threshold in prop::sample::select(vec![0.5, 0.6, 2.0 / 3.0, 0.8, 0.9, 0.95, 1.0]),
        ) {
            let plain = expected(&a, &b, threshold);
            let (a, b) = (Filters::new(&a).expect("one length"), Filters::new(&b).expect("one length"));
            for path in [Path::Portable, Path::Avx2, Path::Avx512] {
                let Some(kernel) = Kernel::new(path) else { continue };
                for pruning in [Pruning::Exact, Pruning::Off] {
                    let found = similar(kernel, &a, &b, threshold, pruning);
                    prop_assert_eq!(&found.pairs, &plain, "{:?} {:?}", path, pruning);
                    let pruned = found.by_ones + found.by_first_part;
                    prop_assert!(pruned + found.pairs.len() as u64 <= found.comparisons);
                }
            }
        }
    }

    #[test]
    fn filters_of_several_lengths_are_refused() {
        let filters = [Clk::from_words(vec![1, 2]), Clk::from_words(vec![1])];
        let refused = Filters::new(&filters).map(|_| ());
        assert_eq!(refused, Err(FiltersError::Length { place: 1, found: 64, expected: 128 }));
    }
}

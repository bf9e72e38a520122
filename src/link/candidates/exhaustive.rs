//! Every pair is looked at, so that nothing is missed for want of a shared key; most are left after
//! half of each encoding, because strangers' diffused encodings agree by chance only.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::compare::{Comparison, MAX_ENCODINGS};
use crate::kernel::{LANES, Lanes, Packed, Scratch, halves, in_lanes};
use crate::population::{Column, Population};
use crate::run::{LinkError, Progress};

/// Points that a pair needs without a shared key: two encodings somewhat alike, or one very alike.
const POINTS: u32 = 2;

/// Level from which an encoding is somewhat alike, and from which it is very alike.
const SOMEWHAT: u8 = 2;
const VERY: u8 = 3;

/// The limit of a record that lacks the encoding: no distance is within it.
const NEVER: i32 = i32::MIN / 2;

/// Pairs `(a, b)` with `a < b` that are alike, sorted. Memory: the halves of the encodings once
/// more, and the pairs found.
pub(super) fn find(
    comparison: &Comparison,
    population: &Population,
    progress: &dyn Progress,
) -> Result<Vec<(u32, u32)>, LinkError> {
    let columns = population.encodings.iter().take(MAX_ENCODINGS).enumerate();
    let halves: Vec<Half<'_>> = columns
        .filter(|(_, column)| column.width > 0)
        .map(|(place, column)| Half::new(comparison, place, column))
        .collect();
    let Some(tile) = halves.iter().map(|half| half.packed.tile_records()).max() else {
        return Ok(vec![]);
    };
    let n = population.len();
    let join = Join { comparison, population, halves, tile };
    let done = AtomicU64::new(0);
    let all = n as u64 * (n as u64 + 1) / 2;
    let strips: Vec<Vec<(u32, u32)>> = (0..n.div_ceil(tile))
        .into_par_iter()
        .map(|strip| {
            let rows = strip * tile..n.min((strip + 1) * tile);
            let pairs = join.strip(rows.clone(), progress)?;
            let looked_at = rows.map(|a| (n - a) as u64).sum::<u64>();
            let done = done.fetch_add(looked_at, Ordering::Relaxed) + looked_at;
            progress.permille(20 + (780.0 * done as f64 / all as f64) as u32);
            Ok(pairs)
        })
        .collect::<Result<_, _>>()?;
    Ok(strips.concat())
}

/// Pairs of one block that are alike, as [`find`] finds them among all. The block is ascending.
pub(super) fn within(
    comparison: &Comparison,
    population: &Population,
    block: &[u32],
    progress: &dyn Progress,
) -> Result<Vec<(u32, u32)>, LinkError> {
    let part = population.part(block);
    let pairs = find(comparison, &part, &Quiet(progress))?;
    Ok(pairs.into_iter().map(|(a, b)| (block[a as usize], block[b as usize])).collect())
}

/// Progress of a part, which is none of the whole.
struct Quiet<'p>(&'p dyn Progress);

impl Progress for Quiet<'_> {
    fn permille(&self, _done: u32) {}

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// The first half of one encoding of every record, for sweeping.
struct Half<'p> {
    place: usize,
    column: &'p Column,
    packed: Packed,
    limits: Vec<Lanes<i32>>,
    /// Per set bit of a record, the share of the distance that it allows.
    per_one: f64,
}

impl<'p> Half<'p> {
    fn new(comparison: &Comparison, place: usize, column: &'p Column) -> Self {
        let (base, per_one) = comparison.half_allowance(place);
        let limit = |ones: &u32| match ones {
            0 => NEVER,
            // Half of one word is none, and then all pass.
            _ if column.width < 2 => i32::MAX / 2,
            ones => base + (f64::from(*ones) * per_one).ceil() as i32,
        };
        let rows = column.words.chunks_exact(column.width);
        Self {
            place,
            column,
            packed: Packed::new(rows, (column.width / 2 * 2).max(1)),
            limits: in_lanes(column.ones.iter().map(limit), NEVER),
            per_one,
        }
    }

    fn slack(&self, record: usize) -> i32 {
        match self.column.ones[record] {
            0 => NEVER,
            ones => (f64::from(ones) * self.per_one).ceil() as i32,
        }
    }
}

struct Join<'a> {
    comparison: &'a Comparison,
    population: &'a Population,
    halves: Vec<Half<'a>>,
    /// Records that are compared with one tile before the next, and tiles that go together.
    tile: usize,
}

impl Join<'_> {
    /// Pairs of the given records with all after them.
    fn strip(
        &self,
        rows: Range<usize>,
        progress: &dyn Progress,
    ) -> Result<Vec<(u32, u32)>, LinkError> {
        let words: Vec<Vec<u32>> = self
            .halves
            .iter()
            .map(|half| {
                let records = rows.clone().map(|row| half.column.row(row));
                records.flat_map(|row| halves(row).take(half.packed.words())).collect()
            })
            .collect();
        let n = self.population.len();
        let per_row = self.tile / LANES;
        let mut masks = vec![vec![0; rows.len() * per_row]; self.halves.len()];
        let mut scratch = Scratch::default();
        let mut found = vec![];
        for first in (rows.start..n).step_by(self.tile) {
            if progress.cancelled() {
                return Err(LinkError::Cancelled);
            }
            for ((half, words), masks) in self.halves.iter().zip(&words).zip(&mut masks) {
                let per_tile = half.packed.tile_records();
                for tile in first / per_tile..n.min(first + self.tile).div_ceil(per_tile) {
                    let blocks = half.packed.blocks(tile);
                    let limits = &half.limits[blocks.clone()];
                    let into = blocks.start - first / LANES..blocks.end - first / LANES;
                    let own = words.chunks_exact(half.packed.words());
                    for ((row, own), masks) in
                        rows.clone().zip(own).zip(masks.chunks_exact_mut(per_row))
                    {
                        let kernel = self.comparison.kernel();
                        let (slack, packed) = (half.slack(row), &half.packed);
                        let seen = kernel.sweep(own, packed, tile, limits, slack, &mut scratch);
                        masks[into.clone()].copy_from_slice(seen);
                    }
                }
            }
            self.decide(&rows, first, &masks, &mut found);
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Pairs of whom a half of some encoding is alike: whether they are.
    fn decide(
        &self,
        rows: &Range<usize>,
        first: usize,
        masks: &[Vec<u16>],
        found: &mut Vec<(u32, u32)>,
    ) {
        let per_row = self.tile / LANES;
        let blocks = self.population.len().min(first + self.tile).div_ceil(LANES) - first / LANES;
        for (place, a) in rows.clone().enumerate() {
            for block in 0..blocks {
                let mask = |half: usize| masks[half][place * per_row + block];
                let mut any = (0..masks.len()).fold(0, |any, half| any | mask(half));
                while any != 0 {
                    let lane = any.trailing_zeros();
                    any &= any - 1;
                    let b = first + block * LANES + lane as usize;
                    if b <= a || !self.population.compatible(a, b) {
                        continue;
                    }
                    let alike = |half: &usize| mask(*half) >> lane & 1 == 1;
                    if self.alike(a, b, (0..masks.len()).filter(alike)) {
                        found.push((a as u32, b as u32));
                    }
                }
            }
        }
    }

    fn alike(&self, a: usize, b: usize, mut halves: impl Iterator<Item = usize>) -> bool {
        let mut points = 0;
        halves.any(|half| {
            let Half { place, column, .. } = &self.halves[half];
            let distance = self.comparison.kernel().distance(column.row(a), column.row(b));
            points += match self.comparison.level(*place, distance, column.ones[a] + column.ones[b])
            {
                VERY.. => 2,
                SOMEWHAT.. => 1,
                _ => 0,
            };
            points >= POINTS
        })
    }
}

#[cfg(test)]
mod tests {
    use samenloop_schema::{Field, FieldKind, LinkageSchema};

    use super::*;
    use crate::Silent;
    use crate::kernel::{Kernel, Path};
    use crate::model::next;

    /// The rule in the plainest words.
    fn plain(comparison: &Comparison, population: &Population, a: usize, b: usize) -> bool {
        let mut points = 0;
        for (place, column) in population.encodings.iter().enumerate() {
            let ones = column.ones[a] + column.ones[b];
            if column.ones[a] == 0 || column.ones[b] == 0 {
                continue;
            }
            let distance = |words: Range<usize>| -> u32 {
                let pair = column.row(a)[words.clone()].iter().zip(&column.row(b)[words]);
                pair.map(|(a, b)| (a ^ b).count_ones()).sum()
            };
            if !comparison.hopeless(place, distance(0..column.width / 2), ones) {
                points += match comparison.level(place, distance(0..column.width), ones) {
                    VERY.. => 2,
                    SOMEWHAT.. => 1,
                    _ => 0,
                };
            }
        }
        points >= POINTS && population.compatible(a, b)
    }

    /// Records of a few people, every copy with its own share of noise, some encodings absent.
    fn population(records: usize, width: usize, duplicates: bool) -> Population {
        let mut state = width as u64;
        let column = |state: &mut u64| {
            let (mut words, mut ones) = (vec![], vec![]);
            for record in 0..records {
                let mut person = (record % 40) as u64 * 77;
                let noise = next(state) % 9;
                let absent = next(state).is_multiple_of(11);
                let row: Vec<u64> = (0..width)
                    .map(|_| {
                        let own = next(&mut person);
                        let flips = (0..noise).fold(0, |bits, _| bits | next(state) & next(state));
                        if absent { 0 } else { own ^ (flips & next(state)) }
                    })
                    .collect();
                ones.push(row.iter().map(|word| word.count_ones()).sum());
                words.extend(row);
            }
            Column { width, words, ones }
        };
        Population {
            global: (0..records as u32).collect(),
            digests: vec![],
            source: (0..records).map(|record| (record % 3) as u16).collect(),
            may_hold_duplicates: vec![duplicates, true, false],
            encodings: (0..3).map(|_| column(&mut state)).collect(),
            keys: vec![],
            codes: vec![],
            digest: samenloop_schema::Digest::of(&[]),
        }
    }

    #[test]
    fn exactly_the_pairs_of_the_plain_rule_are_found_on_every_path() {
        let field = |name: &str, kind| Field::new(name, kind, vec![name.to_owned()]);
        let fields = vec![
            field("given_name", FieldKind::GivenName),
            field("surname", FieldKind::Surname),
            field("birth_date", FieldKind::BirthDate),
            field("postcode", FieldKind::Postcode),
        ];
        let diffused = LinkageSchema::with_defaults("r", fields, None, vec![]).expect("a schema");
        for (diffusion, width, records) in [(10, 32, 700), (10, 7, 150), (1, 16, 300), (10, 1, 70)]
        {
            let mut schema = diffused.clone();
            for encoding in &mut schema.encodings {
                (encoding.diffusion, encoding.bits) = (diffusion, 64 * width as u32);
            }
            let population = population(records, width, diffusion == 1);
            for path in [Path::Portable, Path::Avx2, Path::Avx512] {
                let Some(kernel) = Kernel::new(path) else { continue };
                let comparison = Comparison::with_kernel(&schema, kernel);
                let pairs = (0..records).flat_map(|a| (a + 1..records).map(move |b| (a, b)));
                let expected: Vec<(u32, u32)> = pairs
                    .filter(|(a, b)| plain(&comparison, &population, *a, *b))
                    .map(|(a, b)| (a as u32, b as u32))
                    .collect();
                let found = find(&comparison, &population, &Silent).expect("nobody cancels");
                assert!(!expected.is_empty(), "{} pairs of {width} words", expected.len());
                assert!(found == expected, "{path:?}: {} for {}", found.len(), expected.len());
            }
        }
    }
}

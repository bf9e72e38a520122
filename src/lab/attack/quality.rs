//! How well a scheme can link at best, whatever the linkage: Fellegi–Sunter with the true m and u.

use std::collections::HashMap;

use rayon::prelude::*;
use samenloop_schema::{LinkageSchema, Record};

use super::views::{Side, View};

/// Levels of likeness of an encoding; the last is absence.
const LEVELS: usize = 22;
const ABSENT: u8 = LEVELS as u8 - 1;
/// Equal match keys that are told apart.
const MOST_KEYS: u8 = 6;

type Pattern = Vec<u8>;

/// Best pairwise F1 over all thresholds of a sum of log likelihood ratios, one per encoding and one for
/// the number of equal match keys, learnt from the truth: with match keys, and with encodings only.
/// An upper bound on what encodings that are compared one by one can do; linear in neither the sample's
/// size nor its share of true pairs, so that only figures of one sample compare.
pub(super) fn best_f1(schema: &LinkageSchema, records: &[Record], people: &[u64]) -> [f64; 2] {
    let whole: Vec<Option<Record>> = records.iter().cloned().map(Some).collect();
    let side = Side::new(schema, &whole);
    let views: Vec<View> = (0..schema.encodings.len()).map(View::Encoding).collect();
    let level = |place: usize, a: usize, b: usize| -> u8 {
        let alike = side.alike(views[place], a, b);
        if alike.is_nan() {
            return ABSENT;
        }
        let encoding = &schema.encodings[place];
        // Excess of agreeing bits over chance, or Dice of which strangers have much.
        let share = if encoding.diffusion > 3 {
            1.0 + 2.0 * alike / encoding.bits as f32
        } else {
            (alike - 0.3) / 0.7
        };
        (share * 20.0).floor().clamp(0.0, 20.0) as u8
    };
    let counted = (0..records.len())
        .into_par_iter()
        .fold(HashMap::new, |mut counts: HashMap<Pattern, [u64; 2]>, a| {
            let mut pattern = Pattern::new();
            for b in 0..a {
                pattern.clear();
                pattern.push((side.alike(View::Keys, a, b) as u8).min(MOST_KEYS));
                pattern.extend((0..views.len()).map(|place| level(place, a, b)));
                let same = usize::from(people[a] == people[b]);
                match counts.get_mut(&pattern) {
                    Some(count) => count[same] += 1,
                    None => {
                        let mut count = [0; 2];
                        count[same] = 1;
                        counts.insert(pattern.clone(), count);
                    }
                }
            }
            counts
        })
        .reduce(HashMap::new, |mut a, b| {
            for (pattern, count) in b {
                let sum = a.entry(pattern).or_default();
                sum.iter_mut().zip(count).for_each(|(sum, more)| *sum += more);
            }
            a
        });
    [0, 1].map(|from| best(&counted, from, views.len() + 1))
}

fn best(counted: &HashMap<Pattern, [u64; 2]>, from: usize, places: usize) -> f64 {
    let mut totals = [0.5_f64; 2];
    let mut levels = vec![[[0.5_f64; 2]; LEVELS]; places];
    for (pattern, count) in counted {
        for same in [0, 1] {
            totals[same] += count[same] as f64;
            for (place, level) in pattern.iter().enumerate() {
                levels[place][usize::from(*level)][same] += count[same] as f64;
            }
        }
    }
    let weight = |pattern: &Pattern| -> f64 {
        let weigh = |(place, level): (usize, &u8)| {
            let [other, same] = levels[place][usize::from(*level)];
            (same / totals[1]).ln() - (other / totals[0]).ln()
        };
        pattern.iter().enumerate().skip(from).map(weigh).sum()
    };
    let mut all: Vec<(f64, [u64; 2])> =
        counted.iter().map(|(pattern, count)| (weight(pattern), *count)).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let truth: u64 = all.iter().map(|(_, count)| count[1]).sum();
    let (mut linked, mut right, mut best) = (0, 0, 0.0_f64);
    for (_, [other, same]) in all {
        linked += other + same;
        right += same;
        best = best.max(2.0 * right as f64 / (truth + linked).max(1) as f64);
    }
    best
}

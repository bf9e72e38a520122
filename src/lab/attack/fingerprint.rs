//! A3: similarities to known pairs as a fingerprint.

use rayon::prelude::*;

use super::views::{Side, View};

/// Per target and candidate how well their similarities to the known pairs agree: a correlation, summed
/// over the views. Laid out as `candidates` is.
pub(super) fn fingerprint(
    partner: &Side,
    attacker: &Side,
    parts: &[View],
    known: &[usize],
    targets: &[usize],
    (list, candidates): (&[usize], &[Vec<u32>]),
) -> Vec<Vec<f32>> {
    let mut fits: Vec<Vec<f32>> = candidates.iter().map(|of| vec![0.0; of.len()]).collect();
    for view in parts {
        let rows = prints(partner, *view, targets, known);
        let columns = prints(attacker, *view, list, known);
        let width = known.len();
        let work = fits.par_iter_mut().zip(candidates).zip(rows.par_chunks_exact(width));
        work.for_each(|((fits, candidates), row)| {
            for (fit, person) in fits.iter_mut().zip(candidates) {
                let column = &columns[*person as usize * width..][..width];
                *fit += row.iter().zip(column).map(|(a, b)| a * b).sum::<f32>();
            }
        });
    }
    fits
}

/// Similarities of people to the known, each known one's standardised, each person's of length 1.
fn prints(side: &Side, view: View, people: &[usize], known: &[usize]) -> Vec<f32> {
    let width = known.len();
    let mut table = side.table(view, people, known);
    let (mut sums, mut squares) = (vec![0.0_f64; width], vec![0.0_f64; width]);
    for row in table.chunks_exact(width) {
        for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(row) {
            *sum += f64::from(*value);
            *square += f64::from(value * value);
        }
    }
    let n = people.len() as f64;
    let scale = |(sum, square): (f64, f64)| {
        let mean = sum / n;
        (mean as f32, (1.0 / (square / n - mean * mean).max(1e-9).sqrt()) as f32)
    };
    let scales: Vec<(f32, f32)> = sums.into_iter().zip(squares).map(scale).collect();
    table.par_chunks_exact_mut(width).for_each(|row| {
        for (value, (mean, by)) in row.iter_mut().zip(&scales) {
            *value = (*value - mean) * by;
        }
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-9);
        row.iter_mut().for_each(|value| *value /= length);
    });
    table
}

/// Targets whose best candidate is the right one; ties are wrong unless there is no other.
pub(super) fn hits(fits: &[Vec<f32>], candidates: &[Vec<u32>]) -> usize {
    let right = |(place, (fits, candidates)): (usize, (&Vec<f32>, &Vec<u32>))| {
        let Some(truth) = candidates.iter().position(|person| *person as usize == place) else {
            return false;
        };
        let rivals = fits.iter().enumerate().filter(|(at, _)| *at != truth);
        rivals.fold(f32::NEG_INFINITY, |most, (_, fit)| most.max(*fit)) < fits[truth]
    };
    fits.iter().zip(candidates).enumerate().filter(|each| right(*each)).count()
}

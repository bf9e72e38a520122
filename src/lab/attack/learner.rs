//! A4: learning from known pairs which bits a token sets.
//!
//! A ridge regression of every bit on all tokens of the record, solved by conjugate gradients; a
//! target is taken for the candidate whose predicted bits fit its own best. The attacker reads the
//! tokens off its own undiffused encoding in a filter so long that hardly two tokens meet. It learns
//! linearly: against XORs of many bits other learners may need fewer pairs, and none has been tried.

use rayon::prelude::*;
use samenloop_schema::{LinkageSchema, Record};

use super::views::Side;

/// Bits that are learnt together.
const LANES: usize = 16;
const STEPS: usize = 10;
const RIDGE: f32 = 2.0;
/// The longest filter that a schema may have.
const TOKEN_BITS: u32 = 1 << 16;

type Lane = [f32; LANES];

/// The schema under which a record's bits name its tokens.
pub(super) fn token_schema(schema: &LinkageSchema) -> LinkageSchema {
    let mut tokens = schema.clone();
    tokens.match_keys.clear();
    for encoding in &mut tokens.encodings {
        (encoding.bits, encoding.filter_bits, encoding.diffusion) = (TOKEN_BITS, TOKEN_BITS, 1);
        encoding.features.iter_mut().for_each(|feature| feature.hashes = 1);
    }
    tokens
}

/// Per encoding and person the tokens that stand in the person's record.
pub(super) struct Tokens(Vec<Vec<Vec<u16>>>);

impl Tokens {
    pub(super) fn new(encodings: usize, records: &[Option<Record>]) -> Self {
        let of = |record: &Option<Record>, place: usize| {
            let clk = record.as_ref().and_then(|record| record.encodings[place].as_ref());
            let words = clk.map_or(&[][..], |clk| clk.words()).iter().enumerate();
            let mut places = vec![];
            for (at, word) in words {
                let mut rest = *word;
                while rest != 0 {
                    places.push((at * 64 + rest.trailing_zeros() as usize) as u16);
                    rest &= rest - 1;
                }
            }
            places
        };
        let each = |place| records.par_iter().map(|record| of(record, place)).collect();
        Self((0..encodings).map(each).collect())
    }
}

/// Per target and candidate how well the predicted bits of an encoding fit: a correlation times the
/// root of the number of bits, so that it is about one by chance. Laid out as `candidates` is.
pub(super) fn learn(
    partner: &Side,
    tokens: &Tokens,
    (encoding, bits): (usize, u32),
    known: &[usize],
    targets: &[usize],
    (list, candidates): (&[usize], &[Vec<u32>]),
) -> Vec<Vec<f32>> {
    let view = super::views::View::Encoding(encoding);
    let known: Vec<usize> = known.iter().copied().filter(|at| partner.has(view, *at)).collect();
    let columns = Columns::new(tokens, encoding, &known);
    let [examples, list] = [&known[..], list].map(|people| -> Vec<Vec<u32>> {
        people.iter().map(|person| columns.of(&tokens.0[encoding][*person])).collect()
    });
    let zero = || -> (Vec<Vec<f32>>, Vec<f32>) {
        (candidates.iter().map(|of| vec![0.0; of.len()]).collect(), vec![0.0; list.len()])
    };
    let lanes = (0..bits as usize / LANES).into_par_iter();
    let (mut fits, lengths) = lanes
        .fold(zero, |(mut fits, mut lengths), lane| {
            let value = |person: usize| -> Lane {
                let word = partner.bits(encoding, person)[lane * LANES / 64];
                std::array::from_fn(|bit| (word >> (lane * LANES % 64 + bit) & 1) as f32)
            };
            let mut wanted: Vec<Lane> = known.iter().map(|person| value(*person)).collect();
            let mean = centre(&mut wanted);
            let weights = ridge(&examples, &wanted, columns.len);
            let predicted: Vec<Lane> = list.iter().map(|row| product(row, &weights)).collect();
            for (length, lane) in lengths.iter_mut().zip(&predicted) {
                *length += lane.iter().map(|value| value * value).sum::<f32>();
            }
            for ((fits, candidates), target) in fits.iter_mut().zip(candidates).zip(targets) {
                if !partner.has(view, *target) {
                    continue;
                }
                let mut seen = value(*target);
                seen.iter_mut().zip(mean).for_each(|(value, mean)| *value -= mean);
                for (fit, person) in fits.iter_mut().zip(candidates) {
                    let predicted = &predicted[*person as usize];
                    *fit += seen.iter().zip(predicted).map(|(a, b)| a * b).sum::<f32>();
                }
            }
            (fits, lengths)
        })
        .reduce(zero, |(mut a, mut lengths), (b, more)| {
            for (a, b) in a.iter_mut().flatten().zip(b.iter().flatten()) {
                *a += b;
            }
            lengths.iter_mut().zip(more).for_each(|(a, b)| *a += b);
            (a, lengths)
        });
    for (fits, candidates) in fits.iter_mut().zip(candidates) {
        for (fit, person) in fits.iter_mut().zip(candidates) {
            *fit *= 2.0 / lengths[*person as usize].sqrt().max(1e-6);
        }
    }
    fits
}

/// Tokens that two known people have or more, as columns from 0.
struct Columns {
    place: Vec<u32>,
    len: usize,
}

impl Columns {
    fn new(tokens: &Tokens, encoding: usize, known: &[usize]) -> Self {
        let mut seen = vec![0_u32; TOKEN_BITS as usize];
        let all = known.iter().flat_map(|person| &tokens.0[encoding][*person]);
        all.for_each(|token| seen[usize::from(*token)] += 1);
        let mut len = 0;
        let number = |count: u32| {
            if count < 2 {
                return u32::MAX;
            }
            len += 1;
            len - 1
        };
        let place = seen.into_iter().map(number).collect();
        Self { place, len: len as usize }
    }

    fn of(&self, tokens: &[u16]) -> Vec<u32> {
        let places = tokens.iter().map(|token| self.place[usize::from(*token)]);
        places.filter(|place| *place != u32::MAX).collect()
    }
}

fn centre(values: &mut [Lane]) -> Lane {
    let mut mean = [0.0; LANES];
    for value in values.iter() {
        mean.iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
    }
    mean.iter_mut().for_each(|sum| *sum /= values.len().max(1) as f32);
    for value in values {
        value.iter_mut().zip(mean).for_each(|(value, mean)| *value -= mean);
    }
    mean
}

fn product(row: &[u32], weights: &[Lane]) -> Lane {
    let mut sum = [0.0; LANES];
    for place in row {
        sum.iter_mut().zip(weights[*place as usize]).for_each(|(sum, weight)| *sum += weight);
    }
    sum
}

/// Weights w with least |Xw - y|² + λ|w|², by conjugate gradients on the normal equations, the lanes
/// side by side.
fn ridge(examples: &[Vec<u32>], wanted: &[Lane], columns: usize) -> Vec<Lane> {
    let back = |values: &[Lane], out: &mut [Lane]| {
        for (row, value) in examples.iter().zip(values) {
            for place in row {
                let sums = &mut out[*place as usize];
                sums.iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
            }
        }
    };
    let norm = |values: &[Lane]| {
        let mut sum = [0.0_f32; LANES];
        for value in values {
            sum.iter_mut().zip(value).for_each(|(sum, value)| *sum += value * value);
        }
        sum
    };
    let mut weights = vec![[0.0; LANES]; columns];
    let mut rest = vec![[0.0; LANES]; columns];
    back(wanted, &mut rest);
    let mut direction = rest.clone();
    let mut left = norm(&rest);
    for _ in 0..STEPS {
        let ahead: Vec<Lane> = examples.iter().map(|row| product(row, &direction)).collect();
        let mut image: Vec<Lane> =
            direction.iter().map(|lane| std::array::from_fn(|at| RIDGE * lane[at])).collect();
        back(&ahead, &mut image);
        let mut along = [0.0_f32; LANES];
        for (direction, image) in direction.iter().zip(&image) {
            (0..LANES).for_each(|at| along[at] += direction[at] * image[at]);
        }
        let step: Lane = std::array::from_fn(|at| left[at] / along[at].max(1e-12));
        for (((weight, rest), direction), image) in
            weights.iter_mut().zip(&mut rest).zip(&direction).zip(&image)
        {
            for at in 0..LANES {
                weight[at] += step[at] * direction[at];
                rest[at] -= step[at] * image[at];
            }
        }
        let next = norm(&rest);
        for (direction, rest) in direction.iter_mut().zip(&rest) {
            for at in 0..LANES {
                direction[at] = rest[at] + next[at] / left[at].max(1e-12) * direction[at];
            }
        }
        left = next;
    }
    weights
}

//! Perturbation tables by maximum entropy, as the cell-key method uses them.
//!
//! Source: Giessing (2016), "Computational Issues in the Design of Transition Probabilities and
//! Disclosure Risk Estimation for Additive Noise"; the R package `ptable` 1.0.0, whose published
//! tables are the test vectors. For each true count i the noise v with targets j = i + v in
//! [max(i − D, 0), i + D] without 1..js maximises −Σ p ln p under Σ p = 1, Σ v p = 0 and
//! Σ v² p ≤ V; optionally p(v = 0) ≥ stay, and p not falling from the left up to v = 0.

/// What a perturbation table is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseShape {
    /// Largest absolute noise (D), in people, at least 1.
    pub max_noise: u32,
    /// Variance of the noise (V), in people squared, above 0.
    pub variance: f64,
    /// Targets from 1 up to and including this never occur (js); less than `max_noise`.
    pub no_small: u32,
    /// Least probability that a count stays, per row from 1; rows beyond the list use its last; empty
    /// is 0. It is lowered in steps of 0.05 while it would keep the variance from being reached.
    pub stay: Vec<f64>,
    /// Whether probabilities may not fall from the left up to v = 0, per row from 1; rows beyond the
    /// list use its last; empty is yes.
    pub rising: Vec<bool>,
}

impl NoiseShape {
    /// The shape that D, V and js give, as `ptable` completes it.
    #[must_use]
    pub const fn new(max_noise: u32, variance: f64, no_small: u32) -> Self {
        Self { max_noise, variance, no_small, stay: Vec::new(), rising: Vec::new() }
    }
}

/// Why there is no such table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// A parameter is outside its range.
    #[error("{parameter} must be {range}")]
    Range {
        /// Which.
        parameter: &'static str,
        /// What would be right.
        range: &'static str,
    },
    /// No noise with mean 0 keeps to the variance.
    #[error(
        "a true count of {count} cannot be perturbed with mean 0 and variance {variance}: \
         raise the variance or lower no_small"
    )]
    Unreachable {
        /// The true count.
        count: u32,
        /// The variance asked for.
        variance: f64,
    },
}

/// One transition of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// True count.
    pub from: u32,
    /// Perturbed count.
    pub to: u32,
    /// Its probability.
    pub probability: f64,
}

/// The probabilities by which true counts become perturbed counts.
#[derive(Debug, Clone)]
pub struct PerturbationTable {
    rows: Vec<Vec<Transition>>,
    id: Vec<u8>,
}

/// Largest noise of a table, in people: solving one takes time with its cube.
pub(crate) const MAX_NOISE: u32 = 100;

const SMALLEST_PROBABILITY: f64 = 1e-8;

impl PerturbationTable {
    /// Solves every row.
    pub fn new(shape: &NoiseShape) -> Result<Self, NoiseError> {
        let range = |parameter, range| Err(NoiseError::Range { parameter, range });
        if !(1..=MAX_NOISE).contains(&shape.max_noise) {
            return range("max_noise", "from 1 to 100");
        }
        if !(shape.variance > 0.0 && shape.variance <= 10_000.0) {
            return range("variance", "above 0 and at most 10,000");
        }
        if shape.no_small >= shape.max_noise {
            return range("no_small", "less than max_noise");
        }
        if shape.stay.iter().any(|stay| !(0.0..1.0).contains(stay)) {
            return range("stay", "from 0 up to, but not, 1");
        }
        let last = match shape.no_small {
            0 => shape.max_noise,
            small => shape.max_noise + small + 1,
        };
        let mut rows = vec![vec![Transition { from: 0, to: 0, probability: 1.0 }]];
        for count in 1..=last {
            rows.push(row(shape, count)?);
        }
        let mut id = b"ptable/v1".to_vec();
        for number in [shape.max_noise, shape.no_small] {
            id.extend(number.to_be_bytes());
        }
        for number in std::iter::once(&shape.variance).chain(&shape.stay) {
            id.extend(number.to_be_bytes());
        }
        id.extend(shape.rising.iter().map(|rising| u8::from(*rising)));
        Ok(Self { rows, id })
    }

    /// Every transition, by true and then perturbed count. The last true count stands for every
    /// larger one too.
    pub fn transitions(&self) -> impl Iterator<Item = &Transition> {
        self.rows.iter().flatten()
    }

    pub(crate) fn id(&self) -> &[u8] {
        &self.id
    }

    /// The perturbed count that cell key `key`, uniform over all u64, draws for a true count.
    pub(crate) fn perturb(&self, count: u32, key: u64) -> u32 {
        let row = &self.rows[(count as usize).min(self.rows.len() - 1)];
        // 53 bits: what an f64 in [0, 1) can hold.
        let uniform = (key >> 11) as f64 / (1_u64 << 53) as f64;
        let mut sum = 0.0;
        let drawn = row.iter().find(|transition| {
            sum += transition.probability;
            uniform < sum
        });
        let drawn = drawn.unwrap_or(&row[row.len() - 1]);
        count + drawn.to - drawn.from
    }
}

fn of_row<T: Copy>(list: &[T], count: u32, default: T) -> T {
    list.get(count as usize - 1).or(list.last()).copied().unwrap_or(default)
}

fn row(shape: &NoiseShape, count: u32) -> Result<Vec<Transition>, NoiseError> {
    let lowest = count.saturating_sub(shape.max_noise);
    let targets = (lowest..=count + shape.max_noise).filter(|j| *j == 0 || *j > shape.no_small);
    let targets: Vec<u32> = targets.collect();
    let noise: Vec<f64> = targets.iter().map(|j| f64::from(*j) - f64::from(count)).collect();
    // A true count that may not occur cannot stay, and nothing rises towards it.
    let (mut stay, rising) = if count <= shape.no_small {
        (0.0, false)
    } else {
        (of_row(&shape.stay, count, 0.0), of_row(&shape.rising, count, true))
    };
    let unreachable = NoiseError::Unreachable { count, variance: shape.variance };
    let mut steps = 0;
    let probabilities = loop {
        let solved = maximum_entropy(&noise, shape.variance, stay, rising);
        let reached = solved.as_ref().is_some_and(|p| {
            let variance: f64 = p.iter().zip(&noise).map(|(p, v)| p * v * v).sum();
            variance >= shape.variance - 1e-6
        });
        if reached || stay <= 0.0 || steps == 20 {
            break solved.ok_or(unreachable)?;
        }
        stay -= 0.05;
        steps += 1;
    };
    let row = targets.iter().zip(probabilities);
    Ok(row.map(|(&to, probability)| Transition { from: count, to, probability }).collect())
}

/// Neighbouring targets that share one probability because a constraint binds them.
#[derive(Clone)]
struct Block {
    members: Vec<f64>,
    fixed: Option<f64>,
}

impl Block {
    fn mean(&self, power: i32) -> f64 {
        self.members.iter().map(|v| v.powi(power)).sum::<f64>() / self.members.len() as f64
    }

    fn size(&self) -> f64 {
        self.members.len() as f64
    }
}

/// The active-set search: solve, bind the worst broken constraint, solve again.
fn maximum_entropy(noise: &[f64], variance: f64, stay: f64, rising: bool) -> Option<Vec<f64>> {
    let mut blocks: Vec<Block> =
        noise.iter().map(|v| Block { members: vec![*v], fixed: None }).collect();
    loop {
        let found = exponential_family(&blocks, variance)?;
        let zero = blocks.iter().position(|block| block.members.contains(&0.0));
        if let Some(zero) = zero.filter(|zero| found[*zero] < stay - 1e-12) {
            blocks[zero].fixed = Some(stay);
            continue;
        }
        let falls = (1..blocks.len()).find(|place| {
            let reaches = blocks[*place].members.iter().any(|v| *v <= 0.0);
            rising && reaches && found[place - 1] > found[*place] + 1e-12
        });
        if let Some(place) = falls {
            let right = blocks.remove(place);
            let left = &mut blocks[place - 1];
            left.members.extend(right.members);
            left.fixed = left.fixed.or(right.fixed);
            continue;
        }
        let rare = (0..blocks.len()).find(|place| found[*place] < SMALLEST_PROBABILITY * 0.999);
        if let Some(rare) = rare {
            blocks[rare].fixed = Some(SMALLEST_PROBABILITY);
            continue;
        }
        let each = blocks.iter().zip(found);
        return Some(each.flat_map(|(block, p)| vec![p; block.members.len()]).collect());
    }
}

/// p ∝ exp(λ v + μ v²) over blocks with mean 0 and, if it would else be too large, the variance.
fn exponential_family(blocks: &[Block], variance: f64) -> Option<Vec<f64>> {
    let fixed: f64 = blocks.iter().filter_map(|b| Some(b.fixed? * b.size())).sum();
    let free = 1.0 - fixed;
    if free <= 0.0 {
        return None;
    }
    let moment = |p: &[f64], power| -> f64 {
        blocks.iter().zip(p).map(|(block, p)| p * block.size() * block.mean(power)).sum()
    };
    let member = |lambda: f64, mu: f64| -> Vec<f64> {
        let exponent = |block: &Block| lambda * block.mean(1) + mu * block.mean(2);
        let unbound = || blocks.iter().filter(|block| block.fixed.is_none());
        let highest = unbound().map(exponent).fold(f64::NEG_INFINITY, f64::max);
        let whole: f64 = unbound().map(|b| (exponent(b) - highest).exp() * b.size()).sum();
        let each = blocks.iter();
        each.map(|b| b.fixed.unwrap_or_else(|| free * (exponent(b) - highest).exp() / whole))
            .collect()
    };
    // The mean rises with λ; the variance at mean 0 rises with μ.
    let centred = |mu: f64| -> Option<Vec<f64>> {
        let mean = |lambda| moment(&member(lambda, mu), 1);
        let (mut low, mut high) = (-1.0, 1.0);
        while mean(low) > 0.0 {
            low *= 2.0;
            if low < -1e6 {
                return None;
            }
        }
        while mean(high) < 0.0 {
            high *= 2.0;
            if high > 1e6 {
                return None;
            }
        }
        Some(member(root(low, high, mean), mu))
    };
    let widest = centred(0.0)?;
    if moment(&widest, 2) <= variance {
        return Some(widest);
    }
    let excess = |mu| centred(mu).map_or(f64::INFINITY, |p| moment(&p, 2) - variance);
    let mut low = -1.0;
    while excess(low) > 0.0 {
        low *= 2.0;
        if low < -1e3 {
            return None;
        }
    }
    centred(root(low, 0.0, excess))
}

/// Where a rising function that is at most 0 at `low` and at least 0 at `high` is 0: the Illinois
/// variant of the rule of false position (Dowell and Jarratt 1971), halving where that leaves the
/// interval.
fn root(mut low: f64, mut high: f64, rising: impl Fn(f64) -> f64) -> f64 {
    const CLOSE: f64 = 1e-13;
    let (mut below, mut above) = (rising(low), rising(high));
    let mut last_below = None;
    for _ in 0..200 {
        let line = high - above * (high - low) / (above - below);
        let middle = if line > low && line < high { line } else { low + (high - low) / 2.0 };
        if middle <= low || middle >= high {
            break;
        }
        let value = rising(middle);
        if value.abs() < CLOSE {
            return middle;
        }
        // The end that stays for a second time loses half of its weight.
        if value < 0.0 {
            (low, below) = (middle, value);
            above /= if last_below == Some(true) { 2.0 } else { 1.0 };
        } else {
            (high, above) = (middle, value);
            below /= if last_below == Some(false) { 2.0 } else { 1.0 };
        }
        last_below = Some(value < 0.0);
    }
    low + (high - low) / 2.0
}

#[cfg(test)]
#[path = "ptable_tests.rs"]
mod tests;

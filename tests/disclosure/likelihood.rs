//! Which of two worlds a release speaks for: the likelihood of what it shows in each.

use std::collections::{BTreeMap, BTreeSet};

use samenloop_disclose::{Measure, NoiseShape, PerturbationTable};

use crate::round::{Place, Round};

/// Clients by place.
pub type Sets = BTreeMap<Place, Vec<u32>>;
/// What is shown by place; none is withheld.
pub type Shown = BTreeMap<Place, Option<u32>>;

/// Probabilities of perturbed counts, by true and perturbed count; none is exact.
pub struct Noise {
    rows: Option<BTreeMap<(u32, u32), f64>>,
    last: u32,
}

impl Noise {
    pub const EXACT: Self = Self { rows: None, last: 0 };

    fn new(shape: &NoiseShape) -> Self {
        let table = PerturbationTable::new(shape).expect("a table");
        let last = table.transitions().map(|t| t.from).max().expect("rows");
        let rows = table.transitions().map(|t| ((t.from, t.to), t.probability));
        Self { rows: Some(rows.collect()), last }
    }

    /// Of the joint numbers of a round.
    pub fn joint(round: &Round) -> Self {
        let joint = round.joint();
        Self::new(&NoiseShape::new(joint.max_noise, joint.variance, round.policy.no_small))
    }

    /// Of what one source alone tells.
    pub fn of_one_source(round: &Round) -> Self {
        let policy = &round.policy;
        Self::new(&NoiseShape::new(policy.max_noise, policy.variance, policy.no_small))
    }

    /// Probabilities of what is shown of a count; none is withheld.
    fn seen(&self, count: u32, threshold: u32) -> BTreeMap<Option<u32>, f64> {
        let mut seen = BTreeMap::new();
        let rows = self.rows.iter().flatten();
        for ((_, to), chance) in rows.filter(|((from, _), _)| *from == count.min(self.last)) {
            let to = count + to - count.min(self.last);
            *seen.entry((to >= threshold).then_some(to)).or_insert(0.0) += chance;
        }
        seen
    }

    pub fn probability(&self, count: u32, shown: u32) -> f64 {
        let Some(rows) = &self.rows else { return f64::from(u8::from(count == shown)) };
        let row = count.min(self.last);
        let moved = (shown + row).checked_sub(count);
        moved.and_then(|to| rows.get(&(row, to))).copied().unwrap_or(0.0)
    }
}

/// Share of right answers of whoever compares numbers that are so large in either world, by likelihood, and
/// sees what is under the threshold as withheld. Sums of log-likelihood ratios are kept to the nearest
/// 0.002, so that it is worked out and not drawn.
pub fn reach(noise: &Noise, threshold: u32, counts: impl Iterator<Item = [u32; 2]>) -> f64 {
    const STEP: f64 = 0.002;
    const FARTHEST: i64 = 5_000;
    let mut worlds = [BTreeMap::from([(0_i64, 1.0)]), BTreeMap::from([(0_i64, 1.0)])];
    for pair in counts {
        let seen = pair.map(|count| noise.seen(count, threshold));
        let outcomes: BTreeSet<Option<u32>> =
            seen.iter().flat_map(BTreeMap::keys).copied().collect();
        let moves = outcomes.iter().map(|outcome| {
            let chances = [0, 1].map(|world| seen[world].get(outcome).copied().unwrap_or(0.0));
            let ratio = (chances[1] / chances[0]).ln().clamp(-9.0, 9.0);
            ((ratio / STEP).round() as i64, chances)
        });
        let moves: Vec<(i64, [f64; 2])> = moves.collect();
        for (world, sums) in worlds.iter_mut().enumerate() {
            let mut next = BTreeMap::new();
            for (sum, chance) in sums.iter().filter(|(_, chance)| **chance > 1e-12) {
                for (by, chances) in &moves {
                    let to = (sum + by).clamp(-FARTHEST, FARTHEST);
                    *next.entry(to).or_insert(0.0) += chance * chances[world];
                }
            }
            *sums = next;
        }
    }
    let sums: BTreeSet<i64> = worlds.iter().flat_map(BTreeMap::keys).copied().collect();
    let of = |world: usize, sum: &i64| worlds[world].get(sum).copied().unwrap_or(0.0);
    sums.iter().map(|sum| of(0, sum).max(of(1, sum)) / 2.0).sum()
}

/// How often each place was shown, of so many releases of one world.
pub struct Frequencies {
    shown: BTreeMap<Place, u32>,
    of: u32,
}

impl Frequencies {
    pub fn new(sets: &Sets, releases: impl Iterator<Item = Shown>) -> Self {
        let mut all = Self { shown: BTreeMap::new(), of: 0 };
        for release in releases {
            all.of += 1;
            for place in
                sets.keys().filter(|place| release.get(*place).is_some_and(Option::is_some))
            {
                *all.shown.entry(place.clone()).or_default() += 1;
            }
        }
        all
    }

    fn withheld(&self, place: &Place) -> f64 {
        let shown = self.shown.get(place).copied().unwrap_or(0);
        (f64::from(self.of - shown) + 0.5) / (f64::from(self.of) + 1.0)
    }
}

/// What an attacker reckons with.
pub struct Attacker {
    pub of_one_source: Noise,
    pub joint: Noise,
    pub parties: usize,
}

impl Attacker {
    pub fn new(round: &Round) -> Self {
        Self {
            of_one_source: Noise::of_one_source(round),
            joint: Noise::joint(round),
            parties: round.frame.parties.len(),
        }
    }

    pub fn of_exact_tables(round: &Round) -> Self {
        let parties = round.frame.parties.len();
        Self { of_one_source: Noise::EXACT, joint: Noise::EXACT, parties }
    }

    /// Log-likelihood of a release in a world. Equal sets of one source's clients have one number; joint
    /// numbers are independent, but for those whom all sources know. With `often`, that a number is
    /// withheld counts by how often it is.
    pub fn likelihood(&self, sets: &Sets, shown: &Shown, often: Option<&Frequencies>) -> f64 {
        let mut numbers: BTreeMap<&[u32], u32> = BTreeMap::new();
        let mut seen: BTreeSet<Place> = BTreeSet::new();
        let mut sum = 0.0;
        for (place, clients) in sets {
            let number = shown.get(place).copied().flatten();
            if place.is_one_source_s() {
                let Some(count) = number else { continue };
                let known = *numbers.entry(clients).or_insert(count);
                if known != count {
                    return f64::NEG_INFINITY;
                }
            } else if seen.insert(self.place_of_noise(place)) {
                sum += match (number, often) {
                    (Some(count), _) => self.joint.probability(clients.len() as u32, count).ln(),
                    (None, Some(often)) => often.withheld(place).ln(),
                    (None, None) => 0.0,
                };
            }
        }
        let own = numbers.iter().map(|(clients, shown)| {
            self.of_one_source.probability(clients.len() as u32, *shown).ln()
        });
        sum + own.sum::<f64>()
    }

    /// Those whom all sources know have one number as a pattern, as a number of sources and, of two
    /// sources, as an overlap.
    pub fn place_of_noise(&self, place: &Place) -> Place {
        let all = place.sources.len() == self.parties
            && matches!(place.measure, Measure::Patterns | Measure::Overlap);
        if !all {
            return place.clone();
        }
        let source_count = self.parties as u16;
        Place { measure: Measure::Stacking, sources: vec![], source_count, ..place.clone() }
    }
}

/// How often the likelier world is the true one, and how often it should be: the mean of the chance that
/// the attacker gives it, which the share converges to and is nearer to it after few releases.
#[derive(Debug, Clone, Copy, Default)]
pub struct Accuracy {
    right: f64,
    chance: f64,
    of: f64,
}

impl Accuracy {
    /// From the log-likelihoods of the true and of the other world; half for an undecided answer.
    pub fn add(&mut self, actual: f64, other: f64) {
        let beyond = if actual == other { 0.0 } else { actual - other };
        self.right += if beyond == 0.0 { 0.5 } else { f64::from(u8::from(beyond > 0.0)) };
        self.chance += 1.0 / (1.0 + (-beyond.abs()).exp());
        self.of += 1.0;
    }

    pub fn right(&self) -> f64 {
        self.right / self.of
    }

    pub fn chance(&self) -> f64 {
        self.chance / self.of
    }

    /// Four standard errors of the share of right answers.
    pub fn error(&self) -> f64 {
        4.0 * (0.25 / self.of).sqrt()
    }
}

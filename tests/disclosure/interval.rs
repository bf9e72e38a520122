//! Reconstruction of intervals by linear and integer programming.
//!
//! The attacker writes every released number as a sum of unknown counts (people by exact pattern,
//! order of contacts and return, in each category of one dimension), bounded by what the noise and
//! the threshold allow, and asks for the least and the largest value of a cell.

use std::collections::BTreeMap;

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOutcome};
use samenloop_disclose::{Measure, Order, Return};

use crate::round::{Lattice, Place};

/// What a number says about the truth.
#[derive(Debug, Clone, Copy)]
pub struct Knowledge {
    /// Largest noise and threshold of what one source alone tells; no noise for exact tables.
    pub of_one_source: (u32, u32),
    /// The same of joint numbers.
    pub joint: (u32, u32),
    /// Whether a withheld cell may also be one that another rule withholds, however large.
    pub other_rules: bool,
}

impl Knowledge {
    /// Least and largest true count of a cell.
    fn bounds(self, place: &Place, shown: Option<u32>) -> (f64, f64) {
        let (d, threshold) = if place.is_one_source_s() { self.of_one_source } else { self.joint };
        match shown {
            // A true 0 stays 0, so that a shown cell has someone in it.
            Some(count) => (f64::from(count.saturating_sub(d).max(1)), f64::from(count + d)),
            None if self.other_rules && may_be_large(place) => (0.0, f64::INFINITY),
            None => (0.0, f64::from(threshold - 1 + d)),
        }
    }
}

fn may_be_large(place: &Place) -> bool {
    match place.measure {
        Measure::Sources => false,
        Measure::Unique => place.split.is_some(),
        Measure::Recidivism => {
            place.returned == Some(Return::CameBack)
                || (place.sources.is_empty() && place.split.is_some())
        }
        _ => true,
    }
}

/// The unknowns of one category: patterns, then orders per pair, then returns of all and per source.
/// The last are split by the source's own codes, the others by those on which all agree.
struct Unknowns {
    sources: u16,
}

impl Unknowns {
    fn patterns(&self) -> usize {
        (1 << self.sources) - 1
    }

    fn pairs(&self) -> Vec<[u16; 2]> {
        let sources = self.sources;
        (0..sources).flat_map(|a| (a + 1..sources).map(move |b| [a, b])).collect()
    }

    fn count(&self) -> usize {
        self.patterns()
            + Order::ALL.len() * self.pairs().len()
            + 3 * (usize::from(self.sources) + 1)
    }

    fn order(&self, pair: &[u16], order: Order) -> usize {
        let place = self.pairs().iter().position(|own| own == pair).expect("a pair");
        self.patterns() + place * Order::ALL.len() + order as usize
    }

    fn returned(&self, who: &[u16], returned: Return) -> usize {
        let who = who.first().map_or(0, |source| usize::from(*source) + 1);
        self.patterns() + Order::ALL.len() * self.pairs().len() + 3 * who + returned as usize
    }

    fn outcomes(&self, who: &[u16]) -> Vec<usize> {
        Return::ALL.iter().map(|returned| self.returned(who, *returned)).collect()
    }

    /// Patterns whose set of sources passes.
    fn sets(&self, passes: impl Fn(usize) -> bool) -> Vec<usize> {
        (1..=self.patterns()).filter(|set| passes(*set)).map(|set| set - 1).collect()
    }

    /// Which unknowns add up to a place, within its category.
    fn sum(&self, place: &Place) -> Vec<usize> {
        let all: usize = place.sources.iter().map(|source| 1 << source).sum();
        match place.measure {
            Measure::Unique => self.sets(|_| true),
            Measure::Sources => self.outcomes(&place.sources),
            Measure::Overlap => self.sets(|set| set & all == all),
            Measure::Patterns => vec![all - 1],
            Measure::Stacking => self.sets(|set| set.count_ones() == place.source_count.into()),
            Measure::Sequence => {
                vec![self.order(&place.sources, place.order.expect("an order"))]
            }
            Measure::Recidivism => {
                vec![self.returned(&place.sources, place.returned.expect("an outcome"))]
            }
            other => panic!("{other:?} is not part of this round"),
        }
    }
}

/// The attack on one dimension of a release.
pub struct Attack {
    unknowns: Unknowns,
    categories: usize,
    dimension: usize,
    /// Places that the attacker knew beforehand.
    known: Vec<Place>,
    /// Sums of unknowns with their bounds.
    rows: Vec<(Vec<usize>, (f64, f64))>,
    /// Sums that equal other sums, or are at most as large.
    related: Vec<(Vec<usize>, ComparisonOp, Vec<usize>)>,
}

impl Attack {
    /// From everything shown; `known` are exact counts that an insider has besides.
    pub fn new(
        shown: &BTreeMap<Place, Option<u32>>,
        sources: u16,
        (dimension, categories): (usize, usize),
        knowledge: Knowledge,
        known: &BTreeMap<Place, u32>,
    ) -> Self {
        let unknowns = Unknowns { sources };
        let mut attack = Self {
            unknowns,
            categories,
            dimension,
            known: known.keys().cloned().collect(),
            rows: vec![],
            related: vec![],
        };
        for (place, count) in shown {
            if let Some(sum) = attack.sum(place) {
                let mut bounds = knowledge.bounds(place, *count);
                if let Some(exact) = known.get(place) {
                    bounds = (f64::from(*exact), f64::from(*exact));
                }
                attack.rows.push((sum, bounds));
            }
        }
        attack.relate();
        attack
    }

    /// Every order makes an overlap and every outcome of returning makes everyone; a source's clients
    /// of all codes are those of all patterns with it, and its clients among the people of a code are
    /// at most those to whom it gives this code or none.
    fn relate(&mut self) {
        let (unknowns, size) = (&self.unknowns, self.unknowns.count());
        let at = |category: usize, places: &[usize]| -> Vec<usize> {
            places.iter().map(|place| category * size + place).collect()
        };
        let everywhere = |places: &[usize]| -> Vec<usize> {
            (0..self.categories).flat_map(|category| at(category, places)).collect()
        };
        let mut related = vec![];
        for category in 0..self.categories {
            for pair in unknowns.pairs() {
                let both = 1 << pair[0] | 1 << pair[1];
                let orders: Vec<_> = Order::ALL.iter().map(|o| unknowns.order(&pair, *o)).collect();
                let held = unknowns.sets(|set| set & both == both);
                related.push((at(category, &orders), ComparisonOp::Eq, at(category, &held)));
            }
            let (all, everyone) = (unknowns.outcomes(&[]), unknowns.sets(|_| true));
            related.push((at(category, &all), ComparisonOp::Eq, at(category, &everyone)));
        }
        for source in 0..unknowns.sources {
            let (own, held) =
                (unknowns.outcomes(&[source]), unknowns.sets(|set| set >> source & 1 == 1));
            related.push((everywhere(&own), ComparisonOp::Eq, everywhere(&held)));
            for category in 1..self.categories {
                let claimed = [at(category, &own), at(0, &own)].concat();
                related.push((at(category, &held), ComparisonOp::Le, claimed));
            }
        }
        self.related = related;
    }

    /// The unknowns that add up to a place of this dimension or of the whole round.
    fn sum(&self, place: &Place) -> Option<Vec<usize>> {
        let categories: Vec<usize> = match place.split {
            None => (0..self.categories).collect(),
            Some((dimension, code)) if dimension == self.dimension => {
                vec![code.map_or(0, |code| usize::from(code) + 1)]
            }
            Some(_) => return None,
        };
        let own = self.unknowns.sum(place);
        let at = |category: usize| {
            let begin = category * self.unknowns.count();
            own.iter().map(move |place| begin + place)
        };
        Some(categories.into_iter().flat_map(at).collect())
    }

    fn extreme(&self, sum: &[usize], direction: OptimizationDirection, whole: bool) -> Option<f64> {
        let mut problem = Problem::new(direction);
        let count = self.categories * self.unknowns.count();
        let variables: Vec<_> = (0..count)
            .map(|place| {
                let weight = if sum.contains(&place) { 1.0 } else { 0.0 };
                if whole {
                    problem.add_integer_var(weight, (0, i32::MAX))
                } else {
                    problem.add_var(weight, (0.0, f64::INFINITY))
                }
            })
            .collect();
        let terms = |sum: &[usize], sign: f64| -> Vec<_> {
            sum.iter().map(|place| (variables[*place], sign)).collect()
        };
        for (sum, (low, high)) in &self.rows {
            if low == high {
                problem.add_constraint(terms(sum, 1.0), ComparisonOp::Eq, *low);
                continue;
            }
            if *low > 0.0 {
                problem.add_constraint(terms(sum, 1.0), ComparisonOp::Ge, *low);
            }
            if high.is_finite() {
                problem.add_constraint(terms(sum, 1.0), ComparisonOp::Le, *high);
            }
        }
        for (one, how, other) in &self.related {
            let both = [terms(one, 1.0), terms(other, -1.0)].concat();
            problem.add_constraint(both, *how, 0.0);
        }
        match problem.solve() {
            Ok(SolveOutcome::Solution(found)) => Some(found.objective()),
            _ => None,
        }
    }

    /// Least and largest whole count of a place. The relaxation's bounds are rounded inward; where
    /// they come within `narrow` of each other, whole unknowns are asked for.
    pub fn interval(&self, place: &Place, narrow: f64) -> (u32, u32) {
        let sum = self.sum(place).expect("a place of this dimension");
        let mut bounds = [0.0; 2];
        let directions = [OptimizationDirection::Minimize, OptimizationDirection::Maximize];
        for (bound, direction) in bounds.iter_mut().zip(directions) {
            *bound = self.extreme(&sum, direction, false).expect("the truth is feasible");
        }
        if bounds[1] - bounds[0] <= narrow {
            for (bound, direction) in bounds.iter_mut().zip(directions) {
                *bound = self.extreme(&sum, direction, true).unwrap_or(*bound);
            }
        }
        ((bounds[0] - 1e-6).ceil().max(0.0) as u32, (bounds[1] + 1e-6).floor() as u32)
    }
}

/// What the attack finds out about cells of 1 to 9 people and about empty ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    pub small: usize,
    /// Small cells whose count it knows.
    pub determined: usize,
    /// Small cells whose count it knows to within 2.
    pub narrow: usize,
    pub empty: usize,
    /// Empty cells that it knows to be empty.
    pub proven: usize,
}

impl Found {
    pub fn add(&mut self, other: Self) {
        self.small += other.small;
        self.determined += other.determined;
        self.narrow += other.narrow;
        self.empty += other.empty;
        self.proven += other.proven;
    }
}

/// Attacks at most `most` small and `most` empty cells of a dimension, evenly chosen. Cells whose
/// relaxation is within 4 are asked for whole numbers.
pub fn attack(lattice: &Lattice, attack: &Attack, most: usize) -> Found {
    let own = |place: &&Place| {
        place.split.is_some_and(|(d, _)| d == attack.dimension) && !attack.known.contains(place)
    };
    let places: Vec<&Place> = lattice.shown.keys().filter(own).collect();
    let (empty, rest): (Vec<&Place>, Vec<&Place>) =
        places.into_iter().partition(|place| lattice.count(place) == 0);
    let small: Vec<&Place> = rest.into_iter().filter(|place| lattice.count(place) < 10).collect();
    let spread = |places: Vec<&Place>| -> Vec<Place> {
        let step = places.len().div_ceil(most).max(1);
        places.into_iter().step_by(step).cloned().collect()
    };
    let mut found = Found::default();
    for place in spread(small).iter().chain(&spread(empty)) {
        let count = lattice.count(place);
        let (low, high) = attack.interval(place, 4.0);
        assert!((low..=high).contains(&count), "{place:?}: {low} to {high}, not {count}");
        if count == 0 {
            found.empty += 1;
            found.proven += usize::from(high == 0);
        } else {
            found.small += 1;
            found.determined += usize::from(low == high);
            found.narrow += usize::from(high - low <= 2);
        }
    }
    found
}

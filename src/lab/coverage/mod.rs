//! How often the intervals of the linkage hold the truth, over many synthetic rounds.
//!
//! Every round has its own seed and its own share of errors, and goes through the code of `evaluate`.

pub(crate) mod command;

use std::path::Path;

use anyhow::{Context as _, ensure};
use samenloop_link::Silent;
use serde::Serialize;

use crate::evaluate::{Calibration, Evaluation, Job, evaluate};
use crate::synth::{Plan, Population};

/// Rounds to make.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// How many.
    pub number: u32,
    /// People of each.
    pub people: u64,
    /// Seed of the first; each next one has the next.
    pub seed: u64,
    /// Least and most errors, in multiples of those of `regio`; rounds go through them evenly.
    pub noise: (f64, f64),
    /// Posterior draws of each; none for as many as the service takes.
    pub draws: Option<u32>,
}

/// Intervals of one kind of number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Kind {
    /// Numbers that have one.
    pub numbers: u64,
    /// Those whose truth lies in it.
    pub covered: u64,
    /// Mean of estimate by truth, less 1.
    pub bias: f64,
    /// Root of the mean square of the same.
    pub error: f64,
    /// Mean of half the interval by the truth.
    pub half_width: f64,
}

impl Kind {
    fn of(numbers: impl Iterator<Item = (f64, f64, f64, f64)>) -> Self {
        let mut kind = Self::default();
        for (truth, estimate, low, high) in numbers {
            kind.numbers += 1;
            kind.covered += u64::from((low..=high).contains(&truth));
            let off = estimate / truth - 1.0;
            kind.bias += off;
            kind.error += off * off;
            kind.half_width += (high - low) / 2.0 / truth;
        }
        let n = (kind.numbers as f64).max(1.0);
        Self {
            bias: kind.bias / n,
            error: (kind.error / n).sqrt(),
            half_width: kind.half_width / n,
            ..kind
        }
    }

    /// Share of the intervals that hold the truth.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        self.covered as f64 / (self.numbers as f64).max(1.0)
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// People in all sources together, a number a round.
    pub total: Kind,
    /// People of each source.
    pub sources: Kind,
    /// People of each two sources.
    pub overlaps: Kind,
    /// Mean pairwise F1.
    pub f1: f64,
    /// Doubtful pairs of all rounds.
    pub calibration: Calibration,
}

impl Coverage {
    fn of(rounds: &[Evaluation]) -> Self {
        let known = |pair: bool| {
            let all = rounds.iter().flat_map(|round| &round.sources_and_overlaps);
            let kind =
                all.filter(move |(name, number)| number.truth > 0 && name.contains('+') == pair);
            Kind::of(kind.map(|(_, n)| (n.truth as f64, n.count, n.low, n.high)))
        };
        let total = rounds.iter().map(|round| round.unique);
        let pairs = rounds.iter().flat_map(|round| &round.calibration.pairs);
        Self {
            total: Kind::of(total.map(|n| (n.truth as f64, n.estimate, n.low, n.high))),
            sources: known(false),
            overlaps: known(true),
            f1: rounds.iter().map(|round| round.pairs.f1).sum::<f64>() / rounds.len() as f64,
            calibration: Calibration::new(pairs.copied()),
        }
    }
}

/// Makes the rounds one after the other, tells of each, and counts.
pub fn coverage(
    rounds: &Rounds,
    mut tell: impl FnMut(u32, &Evaluation),
) -> anyhow::Result<Coverage> {
    ensure!(rounds.number > 0, "ask for at least one round");
    ensure!(rounds.noise.0 <= rounds.noise.1, "write the least noise before the most");
    let evaluate = |round: u32| {
        let share = f64::from(round) / f64::from(rounds.number.max(2) - 1);
        let noise = rounds.noise.0 + share * (rounds.noise.1 - rounds.noise.0);
        let dir = tempfile::tempdir().context("cannot make a directory for a round")?;
        let seed = rounds.seed + u64::from(round);
        let plan = Plan { people: rounds.people, seed, sources: 6, noise };
        one(dir.path(), plan, rounds.draws)
    };
    let mut found = vec![];
    for round in 0..rounds.number {
        let evaluation = evaluate(round)?;
        tell(round, &evaluation);
        found.push(evaluation);
    }
    Ok(Coverage::of(&found))
}

fn one(dir: &Path, plan: Plan, draws: Option<u32>) -> anyhow::Result<Evaluation> {
    let population = Population::new(plan)?;
    population.write(dir)?;
    let sources = population.sources();
    let sources = sources.map(|name| (name.to_owned(), dir.join(format!("{name}.csv"))));
    let (sources, truth) = (sources.collect(), "person_id".to_owned());
    let job = Job { sources, truth, schema: None, draws, compare: false };
    Ok(evaluate(&job, &Silent)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_by_whether_their_interval_holds_the_truth() {
        let kind = Kind::of([(100.0, 101.0, 95.0, 105.0), (100.0, 97.0, 96.0, 98.0)].into_iter());
        assert_eq!((kind.numbers, kind.covered, kind.coverage()), (2, 1, 0.5));
        assert!((kind.bias + 0.01).abs() < 1e-12 && (kind.half_width - 0.03).abs() < 1e-12);
        assert!((kind.error - 0.0005_f64.sqrt()).abs() < 1e-12, "{kind:?}");
    }

    #[test]
    fn small_rounds_are_linked_and_their_truth_is_mostly_covered() {
        let rounds = Rounds { number: 2, people: 400, seed: 5, noise: (0.5, 1.0), draws: None };
        let mut told = 0;
        let coverage = coverage(&rounds, |_, _| told += 1).expect("two rounds");
        assert_eq!((told, coverage.total.numbers, coverage.sources.numbers), (2, 2, 12));
        assert!(coverage.sources.coverage() > 0.5, "{coverage:?}");
        assert!(coverage.total.error < 0.05 && coverage.f1 > 0.9, "{coverage:?}");
        assert!(super::coverage(&Rounds { number: 0, ..rounds }, |_, _| {}).is_err());
    }
}

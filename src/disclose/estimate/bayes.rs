//! Averaging over all decomposable graphs (Madigan & York 1997; the R package dga).
//!
//! A graph says which lists depend on each other. Under a hyper-Dirichlet prior the probability of the
//! histories, given a graph and how many people nobody saw, is in closed form: a product over cliques
//! divided by a product over separators. So the posterior of the population over all graphs is a sum,
//! without sampling.

use statrs::function::gamma::ln_gamma;

use super::histories::Histories;
use super::interval::Interval;
use super::simple::Population;

/// Most lists whose decomposable graphs are averaged: 822.
pub const MAX_LISTS_AVERAGED: usize = 5;

/// What is believed beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Pseudo-count of a cell of the full table, in people.
    pub cell: f64,
}

impl Prior {
    /// One person in all, spread over the 2^lists cells, as dga's users take it.
    #[must_use]
    pub fn vague(lists: usize) -> Self {
        Self { cell: 0.5_f64.powi(lists as i32) }
    }
}

/// A graph as cliques less separators: per set of lists how often it multiplies (or divides).
struct Graph {
    powers: Vec<i32>,
}

/// Every decomposable graph over so many lists.
fn decomposable(lists: usize) -> Vec<Graph> {
    let pairs: Vec<(usize, usize)> =
        (0..lists).flat_map(|a| (a + 1..lists).map(move |b| (a, b))).collect();
    (0..1_usize << pairs.len())
        .filter_map(|edges| {
            let mut neighbours = vec![0_usize; lists];
            for (place, (a, b)) in pairs.iter().enumerate() {
                if edges >> place & 1 == 1 {
                    neighbours[*a] |= 1 << b;
                    neighbours[*b] |= 1 << a;
                }
            }
            perfect_elimination(lists, &neighbours)
        })
        .collect()
}

/// Takes away lists whose remaining neighbours all know each other, until none is left; a graph in
/// which that gets stuck is not decomposable.
fn perfect_elimination(lists: usize, neighbours: &[usize]) -> Option<Graph> {
    let mut powers = vec![0; 1 << lists];
    let mut left = (1_usize << lists) - 1;
    while left != 0 {
        let members = |set: usize| (0..lists).filter(move |list| set >> list & 1 == 1);
        let simplicial = members(left).find(|list| {
            let parents = neighbours[*list] & left;
            members(parents).all(|own| parents & !(neighbours[own] | 1 << own) == 0)
        })?;
        let parents = neighbours[simplicial] & left;
        powers[parents | 1 << simplicial] += 1;
        powers[parents] -= 1;
        left &= !(1 << simplicial);
    }
    Some(Graph { powers })
}

/// The posterior of the people that nobody saw, over a grid of equal steps.
pub struct Posterior {
    seen: f64,
    grid: Vec<f64>,
    /// Probability of each place of the grid, all graphs together.
    weights: Vec<f64>,
    /// Probability of each graph.
    graphs: Vec<f64>,
}

impl Posterior {
    /// Over a grid; none for more lists than can be averaged.
    #[must_use]
    pub fn over(histories: &Histories, prior: Prior, grid: Vec<f64>) -> Option<Self> {
        let lists = histories.lists();
        if lists > MAX_LISTS_AVERAGED {
            return None;
        }
        let seen = histories.seen();
        let sets = 1_usize << lists;
        let whole = prior.cell * sets as f64;
        // Per set of lists: the factor of its marginal table, its part with nobody apart.
        let marginal: Vec<(f64, f64)> = (0..sets)
            .map(|set: usize| {
                let cells = 1_usize << set.count_ones();
                let pseudo = prior.cell * (sets / cells) as f64;
                let mut table = vec![0.0; sets];
                histories.cells().for_each(|(own, count)| table[own & set] += count);
                let own = (1..sets).filter(|cell| cell & !set == 0);
                let sum: f64 = own.map(|cell| ln_gamma(table[cell] + pseudo)).sum();
                (table[0] + pseudo, sum - cells as f64 * ln_gamma(pseudo))
            })
            .collect();
        let factor: Vec<Vec<f64>> = marginal
            .iter()
            .map(|(beside, constant)| {
                let at = |unseen: &f64| {
                    let total = ln_gamma(whole) - ln_gamma(seen + unseen + whole);
                    ln_gamma(unseen + beside) + constant + total
                };
                grid.iter().map(at).collect()
            })
            .collect();
        // The multinomial coefficient and a prior of 1/N.
        let common: Vec<f64> = grid
            .iter()
            .map(|unseen| {
                let n = seen + unseen;
                ln_gamma(n + 1.0) - ln_gamma(unseen + 1.0) - n.ln()
            })
            .collect();
        let logs: Vec<Vec<f64>> = decomposable(lists)
            .iter()
            .map(|graph| {
                let mut log = common.clone();
                for (power, factor) in graph.powers.iter().zip(&factor).filter(|(p, _)| **p != 0) {
                    for (sum, own) in log.iter_mut().zip(factor) {
                        *sum += f64::from(*power) * own;
                    }
                }
                log
            })
            .collect();
        let highest = logs.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut weights = vec![0.0; grid.len()];
        let mut graphs = Vec::with_capacity(logs.len());
        for log in &logs {
            let mut sum = 0.0;
            for (weight, log) in weights.iter_mut().zip(log) {
                let own = (log - highest).exp();
                *weight += own;
                sum += own;
            }
            graphs.push(sum);
        }
        let all: f64 = weights.iter().sum();
        weights.iter_mut().chain(&mut graphs).for_each(|weight| *weight /= all);
        Some(Self { seen, grid, weights, graphs })
    }

    /// The unseen below which this share of the posterior lies.
    fn quantile(&self, share: f64) -> f64 {
        let mut sum = 0.0;
        let place = self.weights.iter().position(|weight| {
            sum += weight;
            sum >= share
        });
        self.grid[place.unwrap_or(self.grid.len() - 1)]
    }

    /// Median and 95 % interval.
    #[must_use]
    pub fn population(&self) -> Population {
        let at = |share| self.seen + self.quantile(share);
        Population { n: at(0.5), interval: Interval { low: at(0.025), high: at(0.975) } }
    }

    /// Number of graphs and probability of the likeliest.
    #[must_use]
    pub fn graphs(&self) -> (usize, f64) {
        (self.graphs.len(), self.graphs.iter().copied().fold(0.0, f64::max))
    }
}

/// The grid of dga's users: 1,000 places from 1 to 30 times the people seen.
#[must_use]
pub fn wide_grid(histories: &Histories) -> Vec<f64> {
    const PLACES: u32 = 1_000;
    let last = (30.0 * histories.seen()).max(2.0);
    (0..PLACES).map(|k| 1.0 + (last - 1.0) * f64::from(k) / f64::from(PLACES - 1)).collect()
}

/// Median and 95 % interval over all graphs, under the vague prior, on a grid of whole people that is
/// refined where the posterior lies; none beyond five lists.
#[must_use]
pub fn average(histories: &Histories) -> Option<Population> {
    const PLACES: f64 = 2_000.0;
    let prior = Prior::vague(histories.lists());
    let wide = Posterior::over(histories, prior, wide_grid(histories))?;
    let margin = 2.0 * (wide.grid[1] - wide.grid[0]);
    let low = (wide.quantile(1e-4) - margin).floor().max(1.0);
    let high = wide.quantile(1.0 - 1e-4) + margin;
    let step = ((high - low) / PLACES).ceil().max(1.0);
    let places = ((high - low) / step).ceil() as usize + 1;
    let fine = (0..places).map(|k| low + step * k as f64).collect();
    Some(Posterior::over(histories, prior, fine)?.population())
}

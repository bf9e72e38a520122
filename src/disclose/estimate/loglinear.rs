//! Log-linear models of capture histories, with overlaps that may be empty.
//!
//! Cells are Poisson with log mean intercept + one term per list + chosen two-list terms; the people
//! on no list are exp(intercept) (Fienberg 1972; Cormack 1989). A two-list term whose overlap is empty
//! is −∞: the cells that hold both lists are left out, and the term counts as a parameter (Chan,
//! Silverman & Vincent 2021). A maximum at infinity is recognised by the linear programme of
//! Fienberg & Rinaldo (2012).

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOutcome};

use super::histories::{Histories, both};
use super::interval::{Interval, Z};
use super::poisson::{Design, Fit, full_rank, regress};

/// Which terms a model has beside the intercept and one per list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// Pairs of lists that depend on each other, lower list first, ascending.
    pub pairs: Vec<(usize, usize)>,
    /// Heterogeneity after Darroch et al. (1993): k²/2, k the number of lists.
    pub darroch: bool,
}

/// Why a model has no estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoEstimate {
    /// The likelihood has no maximum at finite parameters.
    #[error("too many overlaps are empty for this model: its likelihood has no finite maximum")]
    NotFinite,
    /// More parameters than the cells can tell.
    #[error("the histories cannot tell this model's parameters apart")]
    NotIdentified,
}

/// A model fitted to histories.
#[derive(Debug, Clone)]
pub struct LogLinear {
    /// Its terms.
    pub terms: Terms,
    /// People on any list.
    pub seen: f64,
    /// People on no list, by the model.
    pub unseen: f64,
    /// Twice the gap to the saturated model's log-likelihood.
    pub deviance: f64,
    /// Parameters, those at −∞ among them.
    pub parameters: usize,
    pub(super) intercept_variance: f64,
    pub(super) fitted: Vec<f64>,
    pub(super) table: CellTable,
}

/// The cells that a model is fitted to.
#[derive(Debug, Clone)]
pub(super) struct CellTable {
    pub design: Design,
    pub counts: Vec<f64>,
}

impl CellTable {
    fn new(histories: &Histories, terms: &Terms) -> (Self, usize) {
        let (empty, full): (Vec<_>, Vec<_>) =
            terms.pairs.iter().partition(|pair| histories.on_all(both(**pair)) <= 0.0);
        let lists = histories.lists();
        let columns = 1 + lists + full.len() + usize::from(terms.darroch);
        let (mut rows, mut counts) = (vec![], vec![]);
        let holds = |set: usize, pair: &&(usize, usize)| set & both(**pair) == both(**pair);
        for (set, count) in histories.cells() {
            if empty.iter().any(|pair| holds(set, pair)) {
                continue;
            }
            counts.push(count);
            rows.push(1.0);
            rows.extend((0..lists).map(|list| f64::from(u8::from(set >> list & 1 == 1))));
            rows.extend(full.iter().map(|pair| f64::from(u8::from(holds(set, pair)))));
            let k = f64::from(set.count_ones());
            rows.extend(terms.darroch.then_some(k * k / 2.0));
        }
        (Self { design: Design { columns, rows }, counts }, empty.len())
    }

    /// The linear programme max s, Aᵀx = Aᵀn, x ≥ s: at 0 the maximum of the likelihood is at
    /// infinity, because every table with the same sufficient statistics has an empty cell.
    fn maximum_is_finite(&self) -> bool {
        let whole: f64 = self.counts.iter().sum();
        let mut problem = Problem::new(OptimizationDirection::Maximize);
        let least = problem.add_var(1.0, (0.0, whole));
        let cells: Vec<_> =
            self.counts.iter().map(|_| problem.add_var(0.0, (0.0, whole))).collect();
        for column in 0..self.design.columns {
            let x = |place: usize| self.design.row(place)[column];
            let terms: Vec<_> = (0..cells.len()).map(|place| (cells[place], x(place))).collect();
            let total = (0..cells.len()).map(|place| x(place) * self.counts[place]).sum();
            problem.add_constraint(&terms, ComparisonOp::Eq, total);
        }
        for cell in &cells {
            problem.add_constraint([(*cell, 1.0), (least, -1.0)], ComparisonOp::Ge, 0.0);
        }
        matches!(problem.solve(), Ok(SolveOutcome::Solution(found)) if found.objective() > 1e-6)
    }
}

/// An empty cell whose fitted mean is below this may be on its way to 0.
const DOUBTFUL_MEAN: f64 = 1e-3;

impl LogLinear {
    /// Fits a model by maximum likelihood.
    pub fn fit(histories: &Histories, terms: &Terms) -> Result<Self, NoEstimate> {
        let (table, infinite) = CellTable::new(histories, terms);
        let fit = regress(&table.design, &table.counts, &vec![0.0; table.counts.len()]);
        let vanishing = |fit: &Fit| {
            fit.fitted.iter().zip(&table.counts).any(|(mu, y)| *y <= 0.0 && *mu < DOUBTFUL_MEAN)
        };
        if fit.as_ref().is_none_or(vanishing) && !table.maximum_is_finite() {
            return Err(NoEstimate::NotFinite);
        }
        if !full_rank(&table.design) {
            return Err(NoEstimate::NotIdentified);
        }
        let fit = fit.ok_or(NoEstimate::NotFinite)?;
        Ok(Self {
            terms: terms.clone(),
            seen: histories.seen(),
            unseen: fit.coefficients[0].exp(),
            deviance: fit.deviance,
            parameters: table.design.columns + infinite,
            intercept_variance: fit.covariance[0],
            fitted: fit.fitted,
            table,
        })
    }

    /// The population: seen and unseen.
    #[must_use]
    pub fn population(&self) -> f64 {
        self.seen + self.unseen
    }

    /// Standard error of the population (Rivest & Baillargeon 2007), in people.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        (self.unseen + self.unseen.powi(2) * self.intercept_variance).sqrt()
    }

    /// Akaike's criterion up to a constant of the histories.
    #[must_use]
    pub fn aic(&self) -> f64 {
        self.deviance + 2.0 * self.parameters as f64
    }

    /// The Bayesian criterion up to a constant of the histories; a person is an observation.
    #[must_use]
    pub fn bic(&self) -> f64 {
        self.deviance + self.seen.ln() * self.parameters as f64
    }

    /// 95 % interval by a normal log of the unseen.
    #[must_use]
    pub fn wald(&self) -> Interval {
        let wide = Z * self.intercept_variance.sqrt();
        Interval {
            low: self.seen + self.unseen * (-wide).exp(),
            high: self.seen + self.unseen * wide.exp(),
        }
    }
}

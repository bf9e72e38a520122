//! Profile-likelihood intervals of log-linear models.

use statrs::function::gamma::ln_gamma;

use super::loglinear::LogLinear;
use super::poisson::{Design, regress};

/// 97.5 % quantile of the standard normal distribution.
pub(super) const Z: f64 = 1.959_963_984_540_054;
/// 95 % quantile of the chi-square distribution with one degree of freedom.
const CHI2: f64 = Z * Z;

/// An interval of a population, in people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Low end.
    pub low: f64,
    /// High end; infinite when the histories set no bound.
    pub high: f64,
}

/// Where `beyond` turns from false at `inside` to true at `outside`.
fn edge(inside: f64, outside: f64, beyond: impl Fn(f64) -> bool) -> f64 {
    let (mut inside, mut outside) = (inside, outside);
    for _ in 0..60 {
        let middle = f64::midpoint(inside, outside);
        if beyond(middle) {
            outside = middle;
        } else {
            inside = middle;
        }
        if (outside - inside).abs() <= 1e-9 * (1.0 + inside.abs()) {
            break;
        }
    }
    f64::midpoint(inside, outside)
}

impl LogLinear {
    /// 95 % interval by the deviance as a function of the intercept, as R's `confint` has it.
    #[must_use]
    pub fn profile(&self) -> Interval {
        let design = self.table.design.without_first();
        let beyond = |intercept: f64| {
            let fit =
                regress(&design, &self.table.counts, &vec![intercept; self.table.counts.len()]);
            fit.is_none_or(|fit| fit.deviance - self.deviance > CHI2)
        };
        let middle = self.unseen.ln();
        let reach = |direction: f64| {
            let mut step = self.intercept_variance.sqrt().max(0.01);
            while step < 40.0 && !beyond(middle + direction * step) {
                step *= 2.0;
            }
            (step < 40.0).then(|| edge(middle, middle + direction * step, beyond))
        };
        Interval {
            low: self.seen + reach(-1.0).map_or(0.0, f64::exp),
            high: self.seen + reach(1.0).map_or(f64::INFINITY, f64::exp),
        }
    }

    /// 95 % interval by the multinomial likelihood as a function of the population (Cormack 1992), as
    /// Rcapture's `closedpCI` has it.
    #[must_use]
    pub fn multinomial_profile(&self) -> Interval {
        let columns = self.table.design.columns;
        let mut rows = vec![0.0; columns];
        rows[0] = 1.0;
        rows.extend(&self.table.design.rows);
        let design = Design { columns, rows };
        let offset = vec![0.0; self.table.counts.len() + 1];
        // Twice the log-likelihood of a population with so many unseen, up to a constant.
        let likelihood = |unseen: f64| {
            let counts: Vec<f64> =
                std::iter::once(unseen).chain(self.table.counts.clone()).collect();
            let fit = regress(&design, &counts, &offset)?;
            let whole = unseen + self.seen;
            // The saturated Poisson log-likelihood, conditioned on the whole.
            let saturated = if unseen > 0.0 { unseen * unseen.ln() } else { 0.0 };
            let given =
                saturated - whole * whole.ln() + ln_gamma(whole + 1.0) - ln_gamma(unseen + 1.0);
            Some(2.0 * given - fit.deviance)
        };
        let at = |log: f64| likelihood(log.exp()).unwrap_or(f64::NEG_INFINITY);
        // The maximum lies near the Poisson one; ternary search on the log of the unseen.
        let middle = self.unseen.ln();
        let (mut low, mut high) = (middle - 1.0, middle + 1.0);
        for _ in 0..60 {
            let third = (high - low) / 3.0;
            if at(low + third) < at(high - third) {
                low += third;
            } else {
                high -= third;
            }
        }
        let top = f64::midpoint(low, high);
        let beyond = |log: f64| at(top) - at(log) > CHI2;
        let reach = |direction: f64| {
            let mut step = self.intercept_variance.sqrt().max(0.01);
            while step < 40.0 && !beyond(top + direction * step) {
                step *= 2.0;
            }
            (step < 40.0).then(|| edge(top, top + direction * step, beyond))
        };
        Interval {
            low: self.seen + reach(-1.0).map_or(0.0, f64::exp),
            high: self.seen + reach(1.0).map_or(f64::INFINITY, f64::exp),
        }
    }
}

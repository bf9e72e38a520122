//! One source that meets people repeatedly: how often, and who.

use super::histories::BadHistories;
use super::interval::{Interval, Z};
use super::poisson::{Design, regress, weighted_step};
use super::simple::Population;

/// People by how often they were met, over a known number of occasions.
///
/// Cells are Poisson with log mean ln C(t, k) + b0 + b1 k (+ a heterogeneity term); the unseen are
/// exp(b0) (Rivest & Baillargeon 2007, Rcapture's `closedp.0`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Heterogeneity {
    /// M0: everyone is met alike.
    None,
    /// Mh Gamma: −ln(a + k) + ln a, with a as here; Rcapture's default is 3.5.
    Gamma(f64),
}

/// Estimates from `frequencies` (people met once, twice, …) over `occasions`; those met more than
/// `fitted` times count but do not shape the model. None when the fit fails.
#[must_use]
pub fn occasions(
    frequencies: &[f64],
    occasions: usize,
    fitted: usize,
    heterogeneity: Heterogeneity,
) -> Option<Population> {
    let seen: f64 = frequencies.iter().sum();
    let columns = 2 + usize::from(heterogeneity != Heterogeneity::None);
    let (mut rows, mut counts, mut offset, mut choose) = (vec![], vec![], vec![], 0.0);
    for k in 1..=fitted.min(occasions) {
        // ln C(t, k) from ln C(t, k − 1).
        choose += ((occasions - k + 1) as f64 / k as f64).ln();
        offset.push(choose);
        counts.push(frequencies.get(k - 1).copied().unwrap_or(0.0));
        rows.extend([1.0, k as f64]);
        if let Heterogeneity::Gamma(a) = heterogeneity {
            rows.push(a.ln() - (a + k as f64).ln());
        }
    }
    let fit = regress(&Design { columns, rows }, &counts, &offset)?;
    let (unseen, wide) = (fit.coefficients[0].exp(), Z * fit.covariance[0].sqrt());
    let interval =
        Interval { low: seen + unseen * (-wide).exp(), high: seen + unseen * wide.exp() };
    Some(Population { n: seen + unseen, interval })
}

/// People of one register by how often it met them and by covariates.
#[derive(Debug, Clone, PartialEq)]
pub struct Register {
    /// Levels of each covariate.
    levels: Vec<usize>,
    rows: Vec<Met>,
}

/// So many people met so often with these covariates.
#[derive(Debug, Clone, PartialEq)]
pub struct Met {
    /// How often, from 1.
    pub times: u32,
    /// Per covariate its level, from 0.
    pub levels: Vec<usize>,
    /// People.
    pub count: f64,
}

/// A zero-truncated Poisson regression.
#[derive(Debug, Clone, PartialEq)]
pub struct Truncated {
    /// Covariates that it has.
    pub covariates: Vec<usize>,
    /// Horvitz–Thompson estimate with a normal interval (van der Heijden et al. 2003), low end not
    /// below the people seen.
    pub population: Population,
    /// In people.
    pub standard_error: f64,
    /// Akaike's criterion up to a constant.
    pub aic: f64,
}

impl Register {
    /// Takes rows, all with the same number of covariates.
    pub fn new(rows: Vec<Met>) -> Result<Self, BadHistories> {
        let covariates = rows.first().map_or(0, |row| row.levels.len());
        let mut levels = vec![1; covariates];
        for row in &rows {
            let times = row.times as usize;
            if times == 0 || row.levels.len() != covariates {
                return Err(BadHistories::Set(times));
            }
            if !(row.count.is_finite() && row.count >= 0.0) {
                return Err(BadHistories::Count(times));
            }
            for (most, own) in levels.iter_mut().zip(&row.levels) {
                *most = (*most).max(own + 1);
            }
        }
        if rows.iter().all(|row| row.count <= 0.0) {
            return Err(BadHistories::Empty);
        }
        Ok(Self { levels, rows })
    }

    /// People by how often they were met, from once.
    #[must_use]
    pub fn frequencies(&self) -> Vec<f64> {
        let most = self.rows.iter().map(|row| row.times).max().unwrap_or(1);
        let mut frequencies = vec![0.0; most as usize];
        self.rows.iter().for_each(|row| frequencies[row.times as usize - 1] += row.count);
        frequencies
    }

    fn design(&self, covariates: &[usize]) -> Design {
        let columns = 1 + covariates.iter().map(|c| self.levels[*c] - 1).sum::<usize>();
        let mut rows = vec![];
        for row in &self.rows {
            rows.push(1.0);
            for covariate in covariates {
                let own = row.levels[*covariate];
                rows.extend((1..self.levels[*covariate]).map(|l| f64::from(u8::from(l == own))));
            }
        }
        Design { columns, rows }
    }

    /// Fits the regression on some covariates by Fisher scoring; none when it does not settle.
    #[must_use]
    pub fn truncated_poisson(&self, covariates: &[usize]) -> Option<Truncated> {
        let design = self.design(covariates);
        // Mean and its derivative by ln λ, of a Poisson count that is not 0.
        let moments = |lambda: f64| {
            let met = -(-lambda).exp_m1();
            let mean = lambda / met;
            (mean, mean * (1.0 + lambda - mean))
        };
        let eta = |coefficients: &[f64], place: usize| -> f64 {
            let terms = design.row(place).iter().zip(coefficients).map(|(x, b)| x * b);
            terms.sum::<f64>().clamp(-30.0, 30.0)
        };
        let mut coefficients = vec![0.0; design.columns];
        let mut covariance = vec![];
        let mut settled = false;
        for _ in 0..100 {
            let weighted = self.rows.iter().enumerate().map(|(place, row)| {
                let eta = eta(&coefficients, place);
                let (mean, slope) = moments(eta.exp());
                (row.count * slope, eta + (f64::from(row.times) - mean) / slope)
            });
            let (next, inverse) = weighted_step(&design, weighted)?;
            let moved =
                next.iter().zip(&coefficients).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            (coefficients, covariance) = (next, inverse);
            if moved < 1e-10 {
                settled = true;
                break;
            }
        }
        if !settled {
            return None;
        }
        let (mut n, mut chance, mut log_likelihood) = (0.0, 0.0, 0.0);
        let mut gradient = vec![0.0; design.columns];
        for (place, row) in self.rows.iter().enumerate() {
            let lambda = eta(&coefficients, place).exp();
            let met = -(-lambda).exp_m1();
            n += row.count / met;
            chance += row.count * (1.0 - met) / met.powi(2);
            log_likelihood += row.count * (f64::from(row.times) * lambda.ln() - lambda - met.ln());
            let slope = -row.count * lambda * (1.0 - met) / met.powi(2);
            for (sum, x) in gradient.iter_mut().zip(design.row(place)) {
                *sum += slope * x;
            }
        }
        let size = design.columns;
        let spread: f64 = (0..size)
            .flat_map(|i| (0..size).map(move |j| (i, j)))
            .map(|(i, j)| gradient[i] * covariance[i * size + j] * gradient[j])
            .sum();
        let standard_error = (spread + chance).sqrt();
        let seen: f64 = self.rows.iter().map(|row| row.count).sum();
        let interval =
            Interval { low: (n - Z * standard_error).max(seen), high: n + Z * standard_error };
        Some(Truncated {
            covariates: covariates.to_vec(),
            population: Population { n, interval },
            standard_error,
            aic: 2.0 * size as f64 - 2.0 * log_likelihood,
        })
    }

    /// Adds the covariate that lowers AIC most, until none does.
    #[must_use]
    pub fn truncated_poisson_by_aic(&self) -> Option<Truncated> {
        let mut best = self.truncated_poisson(&[])?;
        loop {
            let larger = (0..self.levels.len())
                .filter(|covariate| !best.covariates.contains(covariate))
                .filter_map(|covariate| {
                    let mut covariates = best.covariates.clone();
                    covariates.push(covariate);
                    covariates.sort_unstable();
                    self.truncated_poisson(&covariates)
                })
                .min_by(|a, b| a.aic.total_cmp(&b.aic));
            match larger.filter(|larger| larger.aic < best.aic) {
                Some(larger) => best = larger,
                None => return Some(best),
            }
        }
    }
}

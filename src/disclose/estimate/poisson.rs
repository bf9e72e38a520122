//! Poisson regression with a log link, by iteratively reweighted least squares.

/// Row-major design matrix.
#[derive(Debug, Clone)]
pub(super) struct Design {
    pub columns: usize,
    pub rows: Vec<f64>,
}

impl Design {
    pub fn row(&self, place: usize) -> &[f64] {
        &self.rows[place * self.columns..(place + 1) * self.columns]
    }

    /// Without its first column.
    pub fn without_first(&self) -> Self {
        let rows = self.rows.chunks(self.columns).flat_map(|row| &row[1..]).copied().collect();
        Self { columns: self.columns - 1, rows }
    }
}

/// A fitted regression.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    pub coefficients: Vec<f64>,
    /// Inverse of the Fisher information, row-major.
    pub covariance: Vec<f64>,
    pub fitted: Vec<f64>,
    pub deviance: f64,
}

/// The lower Cholesky factor of a symmetric matrix; none when it is not positive definite to within
/// a relative pivot of 1e-11.
fn cholesky(matrix: &[f64], size: usize) -> Option<Vec<f64>> {
    let mut lower = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| lower[i * size + k] * lower[j * size + k]).sum();
            let rest = matrix[i * size + j] - sum;
            if i == j {
                if rest.is_nan() || rest <= 1e-11 * matrix[i * size + i] {
                    return None;
                }
                lower[i * size + i] = rest.sqrt();
            } else {
                lower[i * size + j] = rest / lower[j * size + j];
            }
        }
    }
    Some(lower)
}

fn solve(lower: &[f64], size: usize, right: &[f64]) -> Vec<f64> {
    let mut x = right.to_vec();
    for i in 0..size {
        let sum: f64 = (0..i).map(|k| lower[i * size + k] * x[k]).sum();
        x[i] = (x[i] - sum) / lower[i * size + i];
    }
    for i in (0..size).rev() {
        let sum: f64 = (i + 1..size).map(|k| lower[k * size + i] * x[k]).sum();
        x[i] = (x[i] - sum) / lower[i * size + i];
    }
    x
}

/// Σ w x xᵀ and Σ w x z over the rows x of the design.
fn normal_equations(
    design: &Design,
    weighted: impl Iterator<Item = (f64, f64)>,
) -> (Vec<f64>, Vec<f64>) {
    let size = design.columns;
    let (mut information, mut right) = (vec![0.0; size * size], vec![0.0; size]);
    for (row, (weight, response)) in design.rows.chunks(size).zip(weighted) {
        for (i, own) in row.iter().enumerate().filter(|(_, own)| **own != 0.0) {
            right[i] += weight * own * response;
            for (j, other) in row[..=i].iter().enumerate() {
                information[i * size + j] += weight * own * other;
            }
        }
    }
    for i in 0..size {
        for j in 0..i {
            information[j * size + i] = information[i * size + j];
        }
    }
    (information, right)
}

/// Whether the design's columns are linearly independent.
pub(super) fn full_rank(design: &Design) -> bool {
    let ones = std::iter::repeat((1.0, 0.0));
    design.rows.len() >= design.columns * design.columns
        && cholesky(&normal_equations(design, ones).0, design.columns).is_some()
}

/// The step of weighted least squares and the inverse of the information.
pub(super) fn weighted_step(
    design: &Design,
    weighted: impl Iterator<Item = (f64, f64)>,
) -> Option<(Vec<f64>, Vec<f64>)> {
    let size = design.columns;
    let (information, right) = normal_equations(design, weighted);
    let lower = cholesky(&information, size)?;
    let mut inverse = vec![0.0; size * size];
    for column in 0..size {
        let mut unit = vec![0.0; size];
        unit[column] = 1.0;
        for (row, value) in solve(&lower, size, &unit).into_iter().enumerate() {
            inverse[row * size + column] = value;
        }
    }
    Some((solve(&lower, size, &right), inverse))
}

const MOST_STEPS: usize = 200;

/// Twice the gap between the saturated log-likelihood and that of `fitted`.
fn deviance(counts: &[f64], fitted: &[f64]) -> f64 {
    let cell = |(y, mu): (&f64, &f64)| {
        let log = if *y > 0.0 { y * (y / mu).ln() } else { 0.0 };
        log - (y - mu)
    };
    2.0 * counts.iter().zip(fitted).map(cell).sum::<f64>()
}

/// Fits `counts` ~ Poisson(exp(offset + design · β)); none when the information becomes singular or
/// the deviance does not settle, as when the maximum lies at infinity.
pub(super) fn regress(design: &Design, counts: &[f64], offset: &[f64]) -> Option<Fit> {
    let mut fitted: Vec<f64> = counts.iter().map(|y| y + 0.1).collect();
    let mut last = f64::INFINITY;
    for _ in 0..MOST_STEPS {
        let weighted = counts
            .iter()
            .zip(&fitted)
            .zip(offset)
            .map(|((y, mu), offset)| (*mu, mu.ln() - offset + (y - mu) / mu));
        let (coefficients, covariance) = weighted_step(design, weighted)?;
        for (place, mu) in fitted.iter_mut().enumerate() {
            let eta: f64 = design.row(place).iter().zip(&coefficients).map(|(x, b)| x * b).sum();
            *mu = (offset[place] + eta).clamp(-60.0, 60.0).exp();
        }
        let now = deviance(counts, &fitted);
        if (now - last).abs() <= 1e-11 * (now.abs() + 1.0) {
            return Some(Fit { coefficients, covariance, fitted, deviance: now });
        }
        last = now;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_the_fit_of_an_intercept() {
        let design = Design { columns: 1, rows: vec![1.0; 3] };
        let fit = regress(&design, &[2.0, 4.0, 9.0], &[0.0; 3]).expect("a fit");
        assert!((fit.coefficients[0] - 5_f64.ln()).abs() < 1e-9);
        // Var β = 1 / Σ μ.
        assert!((fit.covariance[0] - 1.0 / 15.0).abs() < 1e-9);
    }

    #[test]
    fn two_by_two_independence_is_the_product_of_the_margins() {
        let design =
            Design { columns: 3, rows: vec![1., 0., 0., 1., 1., 0., 1., 0., 1., 1., 1., 1.] };
        let fit = regress(&design, &[10.0, 20.0, 30.0, 40.0], &[0.0; 4]).expect("a fit");
        for (found, wanted) in fit.fitted.iter().zip([12.0, 18.0, 28.0, 42.0]) {
            assert!((found - wanted).abs() < 1e-8, "{found} instead of {wanted}");
        }
    }

    #[test]
    fn dependent_columns_are_noticed() {
        let dependent = Design { columns: 2, rows: vec![1., 2., 1., 2., 1., 2.] };
        assert!(!full_rank(&dependent));
        assert!(regress(&dependent, &[1.0, 2.0, 3.0], &[0.0; 3]).is_none());
        assert!(!full_rank(&Design { columns: 2, rows: vec![1., 0.] }));
    }
}

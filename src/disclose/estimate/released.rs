//! The people whom no source knows, from released numbers only.
//!
//! **Why this may leave.** It is computed from the perturbed, thresholded pattern counts that a
//! release shows anyway, so it tells nothing that they do not tell; the rounding only keeps readers
//! from taking it for exact. Its intervals hold the noise of the counts besides the sampling. *Not
//! covered by them:* the choice of a model, which is why several stand side by side.

use statrs::function::erf::erfc;
use statrs::function::gamma::ln_gamma;

use super::histories::Histories;
use super::interval::{Interval, Z};
use super::linkage::LinkageErrors;
use super::loglinear::{LogLinear, Terms};
use super::models::{Estimate, TooLittle, estimates, firm, gates};
use super::select::stepwise;

/// Pattern counts as a release shows them.
#[derive(Debug, Clone, Copy)]
pub struct ReleasedPatterns<'a> {
    /// Number of sources.
    pub lists: usize,
    /// By set of sources less 1, bit 0 the first; none is withheld.
    pub counts: &'a [Option<u32>],
    /// Unique people of each source, as released; none is withheld.
    pub sources: &'a [Option<u32>],
    /// Counts under this are withheld.
    pub threshold: u32,
    /// Variance of the noise of a count, with that of rounding, in people squared.
    pub variance: f64,
    /// The same of the number of a source.
    pub source_variance: f64,
}

/// A rounded estimate, in people: 3 significant digits, interval outward to 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounded {
    /// The estimator, as [`estimates`] names it.
    pub estimator: &'static str,
    /// The estimate.
    pub n: u64,
    /// Low end of the 95 % interval.
    pub low: u64,
    /// High end.
    pub high: u64,
    /// Least and largest estimate over the given linkage errors.
    pub linkage: (u64, u64),
}

/// What can be said about the whole population.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Different people on any list, rounded to 3 significant digits.
    pub seen: u64,
    /// Estimates side by side; lower bounds alone when `lower_bound_only`.
    pub estimates: Vec<Rounded>,
    /// No model stands firm: read the estimates as “at least so many”.
    pub lower_bound_only: bool,
    /// How many patterns were withheld; each was taken as the count under the threshold that the
    /// models expect there.
    pub withheld: usize,
}

/// Linkage errors over which estimates are shown when nothing better is known: 90 to 100 % of links
/// found, 0 to 1 % of people falsely linked with another list.
pub const USUAL_ERRORS: [LinkageErrors; 4] = [
    LinkageErrors::NONE,
    LinkageErrors { found: 0.9, falsely: 0.0 },
    LinkageErrors { found: 1.0, falsely: 0.01 },
    LinkageErrors { found: 0.9, falsely: 0.01 },
];

/// Estimates the population from a release's patterns, corrected for each of `errors` in turn.
///
/// Refuses with the first gate that the numbers do not pass. `errors` should hold those that the
/// linkage may have made; the band that they span comes with every estimate.
pub fn hidden(
    patterns: &ReleasedPatterns<'_>,
    errors: &[LinkageErrors],
) -> Result<Hidden, TooLittle> {
    let shown = patterns.counts.iter().enumerate();
    let shown = shown.map(|(place, count)| (place + 1, f64::from(count.unwrap_or(0))));
    let shown = Histories::new(patterns.lists, shown).map_err(|_| TooLittle::People)?;
    // What is not shown carries no gate.
    gates(&shown)?;
    small_counts_explain(patterns)?;
    let histories = complete(patterns, shown);
    let mut found = estimates(&histories);
    for estimate in &mut found {
        let noise = noise_variance(estimate, &histories, patterns);
        estimate.interval = estimate.interval.map(|own| widened(estimate.n, own, noise));
    }
    let lower_bounds = ["chao", "chao-bias-corrected", "bma"];
    let firm_enough =
        |estimate: &Estimate| estimate.interval.is_some_and(|interval| firm(interval).is_ok());
    let lower_bound_only =
        !found.iter().any(|estimate| estimate.model.is_some() && firm_enough(estimate));
    // The range of the best models is no estimator: its models cannot be asked again.
    let kept = found.iter().filter(|own| own.estimator != "aic-range").filter(|estimate| {
        lower_bounds.contains(&estimate.estimator) || (!lower_bound_only && firm_enough(estimate))
    });
    let estimates = kept.filter_map(|estimate| {
        let band = estimate.linkage_band(&histories, errors).unwrap_or((estimate.n, estimate.n));
        Some(rounded(estimate, estimate.interval?, band))
    });
    Ok(Hidden {
        seen: digits(histories.seen(), 3, f64::round),
        estimates: estimates.collect(),
        lower_bound_only,
        withheld: patterns.counts.iter().filter(|count| count.is_none()).count(),
    })
}

/// What the noise of the shown counts adds to the variance of an estimate: Σ (∂n / ∂count)² V, by
/// differences of a standard deviation of the noise, the terms of a model staying.
fn noise_variance(
    estimate: &Estimate,
    histories: &Histories,
    patterns: &ReleasedPatterns<'_>,
) -> f64 {
    let at = |set: usize, count: f64| {
        let cells = histories.cells().map(|(own, n)| (own, if own == set { count } else { n }));
        estimate.again(&Histories::new(histories.lists(), cells).ok()?)
    };
    let shown = patterns.counts.iter().enumerate().filter(|(_, count)| count.is_some());
    let added = shown.filter_map(|(place, _)| {
        let (set, count) = (place + 1, histories.count(place + 1));
        let step = patterns.variance.sqrt().min(count / 2.0);
        let slope = (at(set, count + step)? - at(set, count - step)?) / (2.0 * step);
        Some(slope * slope * patterns.variance)
    });
    if patterns.variance > 0.0 { added.sum() } else { 0.0 }
}

/// An interval with 1.96 standard deviations more on either side, added as variances are.
fn widened(n: f64, own: Interval, variance: f64) -> Interval {
    let side = |half: f64| (half * half + Z * Z * variance).sqrt();
    Interval { low: (n - side(n - own.low)).max(0.0), high: n + side(own.high - n) }
}

/// To so many significant digits.
fn digits(number: f64, digits: i32, round: fn(f64) -> f64) -> u64 {
    if !(number > 0.0 && number.is_finite()) {
        return if number > 0.0 { u64::MAX } else { 0 };
    }
    let unit = 10_f64.powi((number.log10().floor() as i32 + 1 - digits).max(0));
    (round(number / unit) * unit) as u64
}

fn rounded(estimate: &Estimate, interval: Interval, band: (f64, f64)) -> Rounded {
    Rounded {
        estimator: estimate.estimator,
        n: digits(estimate.n, 3, f64::round),
        low: digits(interval.low, 2, f64::floor),
        high: digits(interval.high, 2, f64::ceil),
        linkage: (digits(band.0, 2, f64::floor), digits(band.1, 2, f64::ceil)),
    }
}

/// The insider rule withholds large patterns too. A source whose total exceeds its shown patterns by
/// more than small counts, and four standard deviations of the noise, can hold has such a one.
fn small_counts_explain(patterns: &ReleasedPatterns<'_>) -> Result<(), TooLittle> {
    for (list, total) in patterns.sources.iter().enumerate() {
        let Some(total) = total else { return Err(TooLittle::Withheld(list)) };
        let own = || {
            let cells = patterns.counts.iter().enumerate();
            cells.filter(move |(place, _)| (place + 1) >> list & 1 == 1).map(|(_, count)| count)
        };
        let shown: u32 = own().flatten().sum();
        let withheld = own().filter(|count| count.is_none()).count() as u32;
        let noise = patterns.variance * own().count() as f64 + patterns.source_variance;
        let explained = f64::from(shown + withheld * patterns.threshold) + 4.0 * noise.sqrt();
        if f64::from(*total) > explained {
            return Err(TooLittle::Withheld(list));
        }
    }
    Ok(())
}

/// What tells of a withheld count: per number of people the probability that noise puts it under the
/// threshold, up to where that is next to none.
fn under(threshold: u32, variance: f64) -> Vec<f64> {
    let deviation = variance.sqrt().max(1e-9);
    let below = |people: u32| {
        let beyond = (f64::from(people) - f64::from(threshold) + 0.5) / deviation;
        0.5 * erfc(beyond / std::f64::consts::SQRT_2)
    };
    (0..threshold + (5.0 * deviation) as u32).map(below).collect()
}

/// Mean of a Poisson count that was withheld, with those probabilities.
fn mean_under(under: &[f64], mean: f64) -> f64 {
    let mean = mean.max(1e-12);
    let (mut whole, mut sum) = (0.0, 0.0);
    for (people, below) in (0_u32..).map(f64::from).zip(under) {
        let weight = below * (people * mean.ln() - mean - ln_gamma(people + 1.0)).exp();
        whole += weight;
        sum += weight * people;
    }
    if whole > 0.0 { sum / whole } else { under.len() as f64 }
}

/// Withheld cells by expectation–maximisation: first under independence, then under the terms that
/// stepwise selection finds in what that gives.
fn complete(patterns: &ReleasedPatterns<'_>, shown: Histories) -> Histories {
    let withheld = |set: usize| patterns.counts.get(set - 1).copied().flatten().is_none();
    let under = under(patterns.threshold, patterns.variance);
    let settle = |mut histories: Histories, terms: &Terms| {
        for _ in 0..200 {
            let Ok(model) = LogLinear::fit(&histories, terms) else { return histories };
            let expected = model.expected_counts(&histories);
            let cells = expected.into_iter().map(|(set, mean)| {
                let known = shown.count(set);
                (set, if withheld(set) { mean_under(&under, mean) } else { known })
            });
            let Ok(next) = Histories::new(patterns.lists, cells) else { return histories };
            let moved = next.cells().zip(histories.cells()).map(|(a, b)| (a.1 - b.1).abs());
            let most = moved.fold(0.0, f64::max);
            histories = next;
            if most < 1e-6 {
                break;
            }
        }
        histories
    };
    let first = settle(shown.clone(), &Terms::default());
    match stepwise(&first) {
        Ok(model) if !model.terms.pairs.is_empty() => settle(first, &model.terms),
        _ => first,
    }
}

//! Estimators in closed form.

use super::histories::{Histories, both};
use super::interval::{Interval, Z};

/// A point and its 95 % interval, in people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Population {
    /// The estimate.
    pub n: f64,
    /// Its interval.
    pub interval: Interval,
}

/// The interval that Chao (1987) gives: the log of the unseen is normal.
fn log_normal(seen: f64, n: f64, variance: f64) -> Interval {
    let unseen = n - seen;
    if unseen <= 0.0 {
        return Interval { low: seen, high: seen };
    }
    let factor = (Z * (1.0 + variance / unseen.powi(2)).ln().sqrt()).exp();
    Interval { low: seen + unseen / factor, high: seen + unseen * factor }
}

/// Chapman (1951) with the variance of Seber (1970), for two lists; none for more.
#[must_use]
pub fn chapman(histories: &Histories) -> Option<Population> {
    if histories.lists() != 2 {
        return None;
    }
    let (n1, n2, m) = (histories.on_all(1), histories.on_all(2), histories.on_all(3));
    let n = (n1 + 1.0) * (n2 + 1.0) / (m + 1.0) - 1.0;
    let variance = (n1 + 1.0) * (n2 + 1.0) * (n1 - m) * (n2 - m) / ((m + 1.0).powi(2) * (m + 2.0));
    Some(Population { n, interval: log_normal(histories.seen(), n, variance) })
}

/// Chao's lower bound (1987) from the people seen so often, from once; `lists` is none when a person
/// may be seen any number of times. None when nobody was seen twice.
#[must_use]
pub fn chao(frequencies: &[f64], lists: Option<usize>) -> Option<Population> {
    let (f1, f2) = (*frequencies.first()?, *frequencies.get(1)?);
    if f2 <= 0.0 {
        return None;
    }
    let seen: f64 = frequencies.iter().sum();
    let finite = lists.map_or(1.0, |lists| (lists as f64 - 1.0) / lists as f64);
    let ratio = f1 / f2;
    let n = seen + finite * f1 * f1 / (2.0 * f2);
    let c = finite;
    let variance = f2
        * (c * ratio.powi(2) / 2.0 + c.powi(2) * ratio.powi(3) + c.powi(2) * ratio.powi(4) / 4.0);
    Some(Population { n, interval: log_normal(seen, n, variance) })
}

/// Chao's lower bound with the bias of small counts taken out; never fails.
#[must_use]
pub fn chao_bias_corrected(frequencies: &[f64], lists: Option<usize>) -> Population {
    let at = |place: usize| frequencies.get(place).copied().unwrap_or(0.0);
    let (f1, f2) = (at(0), at(1));
    let seen: f64 = frequencies.iter().sum();
    let c = lists.map_or(1.0, |lists| (lists as f64 - 1.0) / lists as f64);
    let pairs = f1 * (f1 - 1.0).max(0.0);
    let n = seen + c * pairs / (2.0 * (f2 + 1.0));
    let variance = c * pairs / (2.0 * (f2 + 1.0))
        + c.powi(2) * f1 * (2.0 * f1 - 1.0).powi(2) / (4.0 * (f2 + 1.0).powi(2))
        + c.powi(2) * f1 * f1 * f2 * (f1 - 1.0).powi(2) / (4.0 * (f2 + 1.0).powi(4));
    Population { n, interval: log_normal(seen, n, variance) }
}

/// Sample-coverage estimates of Chao & Tsay (1998), for three or more lists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// The share of the population that a list's people stand for, 0 to 1.
    pub coverage: f64,
    /// The population if the lists are independent.
    pub independent: f64,
    /// If they depend, for high coverage (55 % and more); of three lists, where the data give one.
    pub high: Option<f64>,
    /// If they depend, in two steps, for low coverage; of three lists.
    pub low: Option<f64>,
}

/// Estimates by sample coverage; none when no list overlaps another.
#[must_use]
pub fn coverage(histories: &Histories) -> Option<Coverage> {
    let lists = histories.lists();
    let t = lists as f64;
    let total = |list: usize| histories.on_all(1 << list);
    let alone = |list: usize| histories.count(1 << list);
    let share = |list: usize| if total(list) > 0.0 { alone(list) / total(list) } else { 1.0 };
    let coverage = 1.0 - (0..lists).map(share).sum::<f64>() / t;
    if lists < 3 || coverage <= 1e-9 {
        return None;
    }
    let independent = (histories.seen() - (0..lists).map(alone).sum::<f64>() / t) / coverage;
    if lists > 3 {
        return Some(Coverage { coverage, independent, high: None, low: None });
    }
    // Per pair: registrations with the two of people whom the third does not know, and the overlap
    // as a share of what independence in a population of one would give.
    let pairs = histories.pairs().into_iter().map(|(a, b)| {
        let third = !both((a, b)) & 0b111;
        let outside = |list: usize| total(list) - histories.on_all(1 << list | third);
        let weight = (outside(a) + outside(b)) / (t * coverage);
        (weight, histories.on_all(both((a, b))) / (total(a) * total(b)))
    });
    let pairs: Vec<_> = pairs.collect();
    let weights: f64 = pairs.iter().map(|(weight, _)| weight).sum();
    let slope: f64 = pairs.iter().map(|(weight, dependence)| weight * dependence).sum();
    let high = (slope < 1.0).then(|| (independent - weights) / (1.0 - slope));
    // One step from independence, and a second from where it leads.
    let step = |n: f64| independent - weights + slope * n;
    let low = Some(step(step(independent)));
    Some(Coverage { coverage, independent, high, low })
}

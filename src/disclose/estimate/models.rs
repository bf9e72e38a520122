//! Several models side by side, and the gates in front of them.

use super::bayes::average;
use super::histories::{Histories, both};
use super::interval::Interval;
use super::linkage::LinkageErrors;
use super::loglinear::{LogLinear, Terms};
use super::select::{heterogeneity, stepwise, two_way};
use super::simple::{Population, chao, chao_bias_corrected, chapman, coverage};

/// One estimator's answer, in people.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Its name.
    pub estimator: &'static str,
    /// The estimate.
    pub n: f64,
    /// Its 95 % interval; none where the estimator has none.
    pub interval: Option<Interval>,
    /// The fitted model, of log-linear estimators.
    pub model: Option<LogLinear>,
}

impl Estimate {
    fn plain(estimator: &'static str, n: f64) -> Self {
        Self { estimator, n, interval: None, model: None }
    }

    fn closed(estimator: &'static str, found: Population) -> Self {
        Self { estimator, n: found.n, interval: Some(found.interval), model: None }
    }

    /// What the same estimator, with the same terms, gives for other histories.
    pub(super) fn again(&self, histories: &Histories) -> Option<f64> {
        let (frequencies, lists) = (histories.frequencies(), Some(histories.lists()));
        if let Some(model) = &self.model {
            return Some(LogLinear::fit(histories, &model.terms).ok()?.population());
        }
        Some(match self.estimator {
            "bma" => average(histories)?.n,
            "chapman" => chapman(histories)?.n,
            "chao" => chao(&frequencies, lists)?.n,
            "chao-bias-corrected" => chao_bias_corrected(&frequencies, lists).n,
            "coverage" => coverage(histories)?.independent,
            "coverage-high" => coverage(histories)?.high?,
            "coverage-low" => coverage(histories)?.low?,
            _ => return None,
        })
    }

    /// Least and largest estimate over linkage errors, each taken out of the histories; the terms of a
    /// model stay. None where the estimator cannot be asked again.
    #[must_use]
    pub fn linkage_band(
        &self,
        histories: &Histories,
        errors: &[LinkageErrors],
    ) -> Option<(f64, f64)> {
        self.again(histories)?;
        let corrected = errors.iter().filter_map(|errors| self.again(&errors.correct(histories)?));
        Some(corrected.fold((self.n, self.n), |(low, high), n| (low.min(n), high.max(n))))
    }

    fn log_linear(estimator: &'static str, model: LogLinear) -> Self {
        let (n, interval) = (model.population(), Some(model.profile()));
        Self { estimator, n, interval, model: Some(model) }
    }
}

/// Every estimate that histories allow:
///
/// | name | what |
/// |---|---|
/// | `independence` | log-linear, no list depends on another; profile interval |
/// | `stepwise` | log-linear, terms chosen as SparseMSE does; profile interval |
/// | `aic`, `bic` | best log-linear model with two-list terms, 3 to 5 lists; profile interval |
/// | `aic-range` | least to largest of the models within 10 AIC of the best; n is the best |
/// | `heterogeneity` | best log-linear model with Darroch's term, 4 lists; profile interval |
/// | `bma` | average over all decomposable graphs, up to 5 lists; posterior median |
/// | `chapman` | two lists |
/// | `chao`, `chao-bias-corrected` | lower bounds |
/// | `coverage`, `coverage-high`, `coverage-low` | sample coverage, 3 lists or more, no interval |
///
/// An estimator whose likelihood has no maximum is absent.
#[must_use]
pub fn estimates(histories: &Histories) -> Vec<Estimate> {
    let mut found = vec![];
    let independence = LogLinear::fit(histories, &Terms::default());
    found.extend(independence.map(|model| Estimate::log_linear("independence", model)));
    if histories.lists() > 2 {
        found.extend(stepwise(histories).map(|model| Estimate::log_linear("stepwise", model)));
    }
    if let Some(models) = two_way(histories) {
        let (low, high) = models.range;
        let interval = Some(Interval { low, high });
        let (n, model) = (models.aic.population(), None);
        found.push(Estimate::log_linear("aic", models.aic));
        found.push(Estimate::log_linear("bic", models.bic));
        found.push(Estimate { estimator: "aic-range", n, interval, model });
    }
    let heterogeneity = heterogeneity(histories);
    found.extend(heterogeneity.map(|model| Estimate::log_linear("heterogeneity", model)));
    found.extend(average(histories).map(|average| Estimate::closed("bma", average)));
    found.extend(chapman(histories).map(|chapman| Estimate::closed("chapman", chapman)));
    let (frequencies, lists) = (histories.frequencies(), Some(histories.lists()));
    found.extend(chao(&frequencies, lists).map(|chao| Estimate::closed("chao", chao)));
    found.push(Estimate::closed("chao-bias-corrected", chao_bias_corrected(&frequencies, lists)));
    if let Some(coverage) = coverage(histories) {
        found.push(Estimate::plain("coverage", coverage.independent));
        found.extend(coverage.high.map(|n| Estimate::plain("coverage-high", n)));
        found.extend(coverage.low.map(|n| Estimate::plain("coverage-low", n)));
    }
    found
}

/// Fewest people on which an estimate may stand.
pub const MIN_SEEN: f64 = 100.0;
/// Fewest people whom a list must share with some other list.
pub const MIN_OVERLAP: f64 = 10.0;
/// An interval whose ends differ by this factor or more carries a lower bound only.
pub const MOST_SPREAD: f64 = 3.0;

/// Why histories carry no estimate, or only a lower bound.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TooLittle {
    /// Too few people altogether.
    #[error("an estimate needs at least {MIN_SEEN} people on the lists together")]
    People,
    /// A list that hardly meets the others says nothing about whom they miss.
    #[error(
        "list {} shares fewer than {MIN_OVERLAP} people with each other list; leave it out or join it \
         to a list of the same kind",
        .0 + 1
    )]
    Overlap(usize),
    /// No estimate stands firm.
    #[error(
        "the interval's ends differ by a factor of {MOST_SPREAD} or more; only a lower bound can be given"
    )]
    Spread,
    /// Too much was withheld for the rest to tell.
    #[error(
        "list {} has more people in withheld patterns than small counts explain; its estimate would \
         rest on numbers that are not there",
        .0 + 1
    )]
    Withheld(usize),
}

/// The first of the gates that histories do not pass: people and overlaps.
pub fn gates(histories: &Histories) -> Result<(), TooLittle> {
    if histories.seen() < MIN_SEEN {
        return Err(TooLittle::People);
    }
    let lists = 0..histories.lists();
    let lonely = |own: &usize| {
        let others = lists.clone().filter(|other| other != own);
        others.map(|other| histories.on_all(both((*own, other)))).fold(0.0, f64::max) < MIN_OVERLAP
    };
    match lists.clone().find(lonely) {
        Some(list) => Err(TooLittle::Overlap(list)),
        None => Ok(()),
    }
}

/// Whether an interval is narrow enough to be more than a lower bound.
pub fn firm(interval: Interval) -> Result<(), TooLittle> {
    if interval.high < MOST_SPREAD * interval.low { Ok(()) } else { Err(TooLittle::Spread) }
}

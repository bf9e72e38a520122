//! Which two-list terms a model should have.

use statrs::function::gamma::gamma_ur;

use super::histories::{Histories, both};
use super::loglinear::{LogLinear, NoEstimate, Terms};

/// A term enters while the tail probability of its overlap is below this (SparseMSE's default).
const ENTER: f64 = 0.02;

/// P(Y ≤ most) for Y ~ Poisson(mean).
fn at_most(most: f64, mean: f64) -> f64 {
    if most < 0.0 { 0.0 } else { gamma_ur(most.floor() + 1.0, mean.max(1e-12)) }
}

/// The smaller tail of a Poisson overlap, observed included.
fn tail(observed: f64, mean: f64) -> f64 {
    at_most(observed, mean).min(1.0 - at_most(observed - 1.0, mean))
}

impl LogLinear {
    /// Every set with the count that the model expects; 0 where an empty overlap rules it out.
    pub(super) fn expected_counts(&self, histories: &Histories) -> Vec<(usize, f64)> {
        let lists = histories.lists();
        let mut expected: Vec<_> = histories.cells().map(|(set, _)| (set, 0.0)).collect();
        // A row of the design names its set by the list columns.
        for (row, mean) in
            self.table.design.rows.chunks(self.table.design.columns).zip(&self.fitted)
        {
            let set: usize = (0..lists).filter(|l| row[1 + l] > 0.0).map(|l| 1 << l).sum();
            expected[set - 1].1 = *mean;
        }
        expected
    }
}

/// Forward selection after Chan, Silverman & Vincent (2021): add the pair whose overlap is least
/// likely under the model so far, until none is below 2 %.
pub fn stepwise(histories: &Histories) -> Result<LogLinear, NoEstimate> {
    let mut model = LogLinear::fit(histories, &Terms::default())?;
    loop {
        let expected = model.expected_counts(histories);
        let outside = histories.pairs().into_iter().filter(|own| !model.terms.pairs.contains(own));
        let tails = outside.map(|pair| {
            let held = expected.iter().filter(|(set, _)| set & both(pair) == both(pair));
            let mean = held.map(|(_, mean)| mean).sum();
            (pair, tail(histories.on_all(both(pair)), mean))
        });
        let mut likely: Vec<_> = tails.filter(|(_, tail)| *tail < ENTER).collect();
        likely.sort_by(|a, b| a.1.total_cmp(&b.1));
        // A term that takes the maximum to infinity does not enter; the next may.
        let larger = likely
            .iter()
            .find_map(|(pair, _)| LogLinear::fit(histories, &with(&model.terms, *pair)).ok());
        match larger {
            Some(larger) => model = larger,
            None => return Ok(model),
        }
    }
}

/// The terms with a pair more.
fn with(terms: &Terms, pair: (usize, usize)) -> Terms {
    let mut terms = terms.clone();
    let place = terms.pairs.partition_point(|own| *own < pair);
    terms.pairs.insert(place, pair);
    terms
}

/// Models with two-list terms, compared by their criteria.
#[derive(Debug, Clone)]
pub struct TwoWay {
    /// Of least AIC.
    pub aic: LogLinear,
    /// Of least BIC.
    pub bic: LogLinear,
    /// Least and largest population of the models within 10 AIC of the best.
    pub range: (f64, f64),
    /// How many models have an estimate.
    pub models: usize,
}

/// Most lists whose 2^(pairs) models are all fitted: 1,024 models.
const MOST_LISTS_FITTED: usize = 5;

fn every_model(histories: &Histories, darroch: bool) -> impl Iterator<Item = LogLinear> {
    let pairs = histories.pairs();
    (0..1_usize << pairs.len()).filter_map(move |chosen| {
        let own = pairs.iter().enumerate().filter(|(place, _)| chosen >> place & 1 == 1);
        let terms = Terms { pairs: own.map(|(_, pair)| *pair).collect(), darroch };
        LogLinear::fit(histories, &terms).ok()
    })
}

/// The model of least AIC among those with two-list terms in which people differ in how easily they
/// are seen; of four lists, because three can hardly tell the two apart.
#[must_use]
pub fn heterogeneity(histories: &Histories) -> Option<LogLinear> {
    let models = (histories.lists() == 4).then(|| every_model(histories, true))?;
    models.min_by(|a, b| a.aic().total_cmp(&b.aic()))
}

/// Fits every model with two-list terms; none beyond five lists, whose models are too many.
#[must_use]
pub fn two_way(histories: &Histories) -> Option<TwoWay> {
    if histories.lists() > MOST_LISTS_FITTED || histories.lists() < 3 {
        return None;
    }
    let models: Vec<LogLinear> = every_model(histories, false).collect();
    let least = |criterion: fn(&LogLinear) -> f64| {
        models.iter().min_by(|a, b| criterion(a).total_cmp(&criterion(b))).cloned()
    };
    let (aic, bic) = (least(LogLinear::aic)?, least(LogLinear::bic)?);
    let near = models.iter().filter(|model| model.aic() <= aic.aic() + 10.0);
    let range = near.fold((f64::INFINITY, 0.0_f64), |(low, high), model| {
        (low.min(model.population()), high.max(model.population()))
    });
    Some(TwoWay { aic, bic, range, models: models.len() })
}

//! Estimates of a population from the lists that know a part of it (capture–recapture, multiple
//! systems estimation).
//!
//! Pure functions from counts to numbers. [`estimates`] puts every model side by side that
//! [`Histories`] allow; [`hidden`] does so for the patterns of a release, behind gates, rounded, with a
//! band for linkage errors. No single number is the population: the models differ by more than their
//! intervals, and `docs/disclosure.md` says how to read them.

mod bayes;
mod histories;
mod interval;
mod linkage;
mod loglinear;
mod models;
mod poisson;
mod register;
mod released;
mod select;
mod simple;

pub use bayes::{MAX_LISTS_AVERAGED, Posterior, Prior, average, wide_grid};
pub use histories::{BadHistories, Histories, MAX_LISTS};
pub use interval::Interval;
pub use linkage::LinkageErrors;
pub use loglinear::{LogLinear, NoEstimate, Terms};
pub use models::{Estimate, MIN_OVERLAP, MIN_SEEN, MOST_SPREAD, TooLittle, estimates, firm, gates};
pub use register::{Heterogeneity, Met, Register, Truncated, occasions};
pub use released::{Hidden, ReleasedPatterns, Rounded, USUAL_ERRORS, hidden};
pub use select::{TwoWay, heterogeneity, stepwise, two_way};
pub use simple::{Coverage, Population, chao, chao_bias_corrected, chapman, coverage};

#[cfg(test)]
mod tests;

//! Candidates, comparison, match weights, clusters and linkage uncertainty, over pseudonyms only.
//!
//! [`link`] is a pure function of its inputs: no clock, no ambient randomness, no I/O. Whatever the
//! order of sources and rows and whatever the number of threads, the same registrations give the
//! same clusters, because all work is done in the order of the records' digests. How it links is
//! described in `docs/linkage-model.md`.

mod births;
mod candidates;
mod chance;
mod cluster;
mod compare;
mod correction;
mod imputed;
#[allow(unsafe_code, reason = "docs/decisions/0005: vector instructions, each call argued for")]
pub mod kernel;
mod members;
mod model;
mod partitions;
mod patterns;
mod population;
mod posterior;
mod run;
mod similar;
mod unseen;

pub use births::contradictory_births;
pub use correction::Codes;
pub use model::{COMPARABLE, Level, Model};
pub use posterior::{Estimate, Posterior};
pub use run::{EXHAUSTIVE, LinkError, Linkage, Options, Progress, Search, Silent, Source, link};
pub use similar::{Filters, FiltersError, Pruning, Similar, similar};

#[cfg(test)]
mod tests;

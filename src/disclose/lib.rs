//! Tables, cell keys, thresholds and releases: the only door through which a number leaves.
//!
//! [`materialise`] counts a closed lattice of questions once, protects every number and consumes the
//! noise key; a [`Release`] then answers each question, always alike. What it answers is
//! [`Released`], which only this room can make. Each rule stands beside its code with its claim, its
//! argument and what it does not protect; `docs/disclosure.md` lists them with their tests.

mod codec;
pub mod compat;
mod contact;
mod counting;
pub mod estimate;
mod frame;
mod frozen;
mod interval;
mod joint;
mod lattice;
mod materialise;
mod measure;
mod noise;
mod people;
mod period;
mod population;
mod ptable;
pub mod quality;
mod release;
mod rules;
mod size;

#[cfg(test)]
mod tests;

pub use codec::DamagedRelease;
pub use contact::{Months, contact_order};
pub use frame::{DimensionList, Frame, RollUpList, Scope};
pub use frozen::frozen_partition;
pub use interval::{STEP as INTERVAL_STEP, linkage_offsets};
pub use joint::{JointNoise, TooManyLooks};
pub use materialise::{Refusal, materialise};
pub use measure::{MAX_PATTERN_SOURCES, Measure, Order, Return};
pub use noise::NoiseKey;
pub use people::Registration;
pub use period::Period;
pub use population::{PopulationTable, Stratum};
pub use ptable::{NoiseError, NoiseShape, PerturbationTable, Transition};
pub use quality::RecordQuality;
pub use release::{Cell, Number, QueryError, Release, Released, Table};
pub use size::{LatticeSize, lattice_cells};

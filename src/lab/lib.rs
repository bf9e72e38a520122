//! Evaluation, synthetic registrations, clkhash's encodings and the demo, on synthetic data only; never
//! deployed.

pub mod attack;
mod cli;
pub mod clkhash;
pub mod coverage;
pub mod demo;
pub mod estimate;
pub mod evaluate;
pub mod installation;
pub mod ptable;
pub mod similar;
pub mod synth;

pub use cli::run;

//! Evaluation, synthetic registrations, clkhash's encodings and the demo, on synthetic data only; never
//! deployed.

mod cli;
pub mod clkhash;
pub mod demo;
pub mod evaluate;
pub mod installation;
pub mod similar;
pub mod synth;

pub use cli::run;

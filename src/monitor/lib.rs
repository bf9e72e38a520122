//! What the monitor runs: query released tables and show them.
//!
//! [`fetch`] asks one question of a released round; [`render`] shows its answer. Nothing here prints
//! but [`run`], which is the `samenloop-monitor` command.

mod command;
mod fetch;
mod population;
mod quality;
pub mod render;
mod report;
mod rounds;
mod words;

pub use command::run;
pub use fetch::{FetchError, fetch};
pub use population::{Estimate, Population, Stratum, fetch_population};
pub use quality::{Part, Quality, SourceQuality, fetch_quality};
pub use report::{
    Correction, Filter, FilterError, Line, Measure, Noise, Number, Order, Per, Period, Question,
    Report, Returned, Row,
};
pub use rounds::{RoundLine, rounds};
pub use words::Language;

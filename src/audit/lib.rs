//! What an auditor runs: fetch, re-check with a verifier of its own, inspect, report.
//!
//! Of the ledger's room only the entry format is used; hashing, proofs and signatures are checked by
//! code of this room.

mod cli;
pub mod finding;
pub mod inspect;
pub mod report;
pub mod scan;
pub mod verify;

pub use cli::run;
pub use finding::{Finding, Place};

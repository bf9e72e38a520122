//! What an auditor runs: fetch, re-check with a verifier of its own, inspect, report.

pub mod finding;
pub mod scan;
pub mod verify;

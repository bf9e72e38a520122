//! The linkage service: ingest, store, runs, releases, roles.

pub mod cert;
pub mod config;
pub mod identity;
pub mod ingest;
pub mod keys;
pub mod round;
pub mod store;
pub mod submission;

pub use config::Config;

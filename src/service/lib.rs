//! The linkage service: ingest, store, runs, releases, roles.

pub mod cert;
pub mod config;
pub mod identity;
pub mod keys;
pub mod store;

pub use config::Config;

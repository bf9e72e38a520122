//! The linkage service: ingest, store, runs, releases, roles.

pub mod access;
mod batches;
pub mod cert;
mod command;
pub mod config;
mod file_error;
#[cfg(test)]
mod fixture;
mod flags;
pub mod identity;
mod incoming;
pub mod ingest;
pub mod keys;
mod maintenance;
mod metrics;
mod roll_up;
pub mod round;
mod round_cli;
mod rpc;
mod run;
mod server;
#[cfg(test)]
mod simulation;
mod status;
pub mod store;
pub mod submission;
mod trust;

pub use command::run;
pub use config::Config;
pub use file_error::FileError;
pub use maintenance::MaintenanceError;
pub use rpc::RequestError;
pub use rpc::release::ReleaseRpcError;
pub use run::{ReleaseError, ReplayError, RunError};
pub use server::{Reloader, ServeError, Server};
pub use trust::TrustError;

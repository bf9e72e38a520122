//! The harness of the end-to-end stories: a real service process, real certificates, a round, and
//! honest records of nobody.

mod cast;
pub mod planted;
mod raw;
mod relay;
mod sample;
mod service;
pub mod store;

pub use cast::{Cast, honest_record};
pub use raw::{query_bytes, upload_bytes};
pub use relay::{Tapped, stall, tap};
pub use samenloop_lab::installation::Installation;
pub use samenloop_service::identity::Role;
pub use sample::{Party, Sample};
pub use service::Service;

/// What a test returns, so that it can use `?`.
pub type Story = anyhow::Result<()>;

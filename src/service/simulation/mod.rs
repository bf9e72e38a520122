//! Trials of the store and the rounds in it: power cuts at every write, a disk that fails, and
//! generated sequences of operations against a model.

mod deletion;
mod disk;
mod faults;
mod model;
mod power_loss;
mod sequences;
mod trial;
pub(crate) mod whole;

use tempfile::TempDir;

/// A directory for keys, in memory where there is such a place: it is synced thousands of times.
fn key_dir() -> TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary directory can be made")
}

/// A number from the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

//! The service under violence: killed at any moment, with real clients at work.

mod kill;
mod life;
mod restore;

const SERVICE: &str = env!("CARGO_BIN_EXE_samenloop-service-under-test");

/// A number from the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

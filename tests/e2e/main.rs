//! Stories end to end: a real service process, mutual TLS, and the programs that people run.

mod crash;
mod demo;
mod leak;
mod malformed;
mod operating;
mod overload;
mod planted;
mod roles;
mod round;
mod studies;
mod witness;

const SERVICE: &str = env!("CARGO_BIN_EXE_samenloop-service-under-test");

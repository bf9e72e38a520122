//! The `samenloop-service` command.

fn main() {}

//! The `samenloop-lab` command.

fn main() {}

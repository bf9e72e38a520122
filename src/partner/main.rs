//! The `samenloop-partner` command.

fn main() {}

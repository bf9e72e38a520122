//! The `samenloop-audit` command.

fn main() {}

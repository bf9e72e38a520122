//! The `samenloop-monitor` command.

fn main() {}

//! The `demo` command.

fn main() {}

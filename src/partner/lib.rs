//! What a partner organisation runs: read, check, encode, submit.

pub mod table;

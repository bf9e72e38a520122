//! What a partner organisation runs: read, check, encode, submit.

mod contact;
pub mod draft;
pub mod mapping;
pub mod table;

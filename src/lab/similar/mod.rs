//! Comparing filters of two files in anonlink's format.

pub(crate) mod command;

//! What a partner organisation runs: read, check, encode, submit.
//!
//! The functions here print nothing; the `samenloop-partner` command is a thin layer over them.

pub mod ceremony;
pub mod check;
mod cli;
pub mod clk_file;
mod contact;
pub mod draft;
mod encode_file;
pub mod extract;
pub mod key_file;
pub mod mapping;
mod private_file;
pub mod quality;
mod spill;
pub mod submissions;
pub mod submit;
pub mod survey;
pub mod table;

pub use cli::run;
pub use encode_file::{
    EncodeError, EncodeJob, EncodeReport, SchemaFileError, encode_file, read_schema,
};
pub use private_file::PrivateFileError;

//! Every parser of the project as a function of bytes that must never panic, and what must hold of
//! what it accepts. libFuzzer runs them for long, the test `fuzz` over the committed corpus.

mod messages;
mod partner;
mod proofs;
mod service;

/// A name, which is that of a folder in `corpus`, and a function that must never panic.
pub type Parser = (&'static str, fn(&[u8]));

/// All of them.
pub const PARSERS: &[Parser] = &[
    ("batch", messages::batch),
    ("messages", messages::messages),
    ("certificate", service::certificate),
    ("configuration", service::configuration),
    ("release", service::release),
    ("schema", service::schema),
    ("manifest", service::manifest),
    ("entry", proofs::entry),
    ("checkpoint", proofs::checkpoint),
    ("bundle", proofs::bundle),
    ("scan", proofs::scan),
    ("extract", partner::extract),
    ("table", partner::table),
    ("person", partner::person),
    ("keys", partner::keys),
    ("clks", partner::clks),
    ("clkhash", partner::clkhash),
];

/// Runs `use_it` on a private file that holds the bytes, for parsers that open files themselves.
fn with_file<T>(bytes: &[u8], use_it: impl FnOnce(&std::path::Path) -> T) -> T {
    use std::io::Write as _;
    // Files of this form have mode 0600, as the keys need.
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for a file");
    use_it(file.path())
}

/// Two texts out of one input: what is before its first NUL, and the rest.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let middle = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (&bytes[..middle], bytes.get(middle + 1..).unwrap_or_default())
}

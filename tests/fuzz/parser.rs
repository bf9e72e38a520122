//! The libFuzzer program: the parser that `SAMENLOOP_PARSER` names (docs/fuzzing.md).

#![no_main]

#[path = "parsers/mod.rs"]
mod parsers;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static PARSER: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("SAMENLOOP_PARSER").expect("SAMENLOOP_PARSER names a parser");
        let known = parsers::PARSERS.iter().find(|parser| parser.0 == name);
        PARSER.get_or_init(|| known.expect("one of tests/fuzz/parsers").1);
    },
    |bytes: &[u8]| PARSER.get().expect("init has run")(bytes)
);

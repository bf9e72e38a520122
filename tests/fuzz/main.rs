//! Every parser over the committed corpus and over small changes to it, the same each time. The long,
//! coverage-guided run is a command (docs/fuzzing.md).

mod parsers;

use std::fs;
use std::path::Path;

use samenloop_schema::Digest;

/// Changed inputs tried for each parser, unless `SAMENLOOP_FUZZ` says another number.
const CHANGES: u64 = 400;

/// Inputs longer than this are only tried as they are, so that the test stays short.
const LONGEST_CHANGED: usize = 16 << 10;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<_> =
        fs::read_dir(&folder).expect("a corpus").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("an input")).collect()
}

/// Bytes that hang on a seed only.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 += 1;
        let digest = Digest::of(&self.0.to_be_bytes()).0;
        let number = u64::from_be_bytes(*digest.first_chunk().expect("a digest is longer"));
        number as usize % bound.max(1)
    }
}

/// An input with one to four changes: a byte, a stretch left out, doubled, or put in from another.
fn changed(inputs: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = inputs[chance.below(inputs.len())].clone();
    for _ in 0..=chance.below(4) {
        let at = chance.below(input.len() + 1);
        let end = (at + 1 + chance.below(64)).min(input.len());
        match chance.below(5) {
            0 => input.truncate(at),
            1 if at < end => drop(input.drain(at..end)),
            2 if at < end => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            3 => {
                let other = &inputs[chance.below(inputs.len())];
                let from = chance.below(other.len() + 1);
                let stretch = &other[from..(from + 64).min(other.len())];
                input.splice(at..at, stretch.iter().copied());
            }
            _ if at < input.len() => input[at] ^= 1 << chance.below(8),
            _ => {}
        }
    }
    input
}

#[test]
fn no_parser_panics_on_its_corpus_or_near_it() {
    let changes = std::env::var("SAMENLOOP_FUZZ").ok().and_then(|count| count.parse().ok());
    for (name, parser) in parsers::PARSERS {
        let inputs = corpus(name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        inputs.iter().for_each(|input| parser(input));
        let short: Vec<_> =
            inputs.into_iter().filter(|input| input.len() <= LONGEST_CHANGED).collect();
        let mut chance = Chance(0);
        for _ in 0..changes.unwrap_or(CHANGES) {
            let input = changed(&short, &mut chance);
            // What fails is kept where it can be looked at.
            let found = std::panic::catch_unwind(|| parser(&input));
            assert!(found.is_ok(), "{name} panics on {}", input.escape_ascii());
        }
    }
}

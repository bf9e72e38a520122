//! Known identities, searched in every usual coding at once.

use aho_corasick::{AhoCorasick, BuildError};
use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use serde::Serialize;

/// Shortest marker, in bytes: a shorter one can stand in random bytes by chance.
pub const MIN_MARKER_LEN: usize = 12;

/// How a marker was written where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Coding {
    /// UTF-8 (and so ASCII).
    Utf8,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
    /// Windows-1252 where that differs from UTF-8.
    Windows1252,
    /// Hexadecimal, in lower or upper case.
    Hex,
    /// Base64 or base64url, at any of the three alignments.
    Base64,
}

/// A marker that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// Which marker, in the order given.
    pub marker: usize,
    /// How it was written.
    pub coding: Coding,
    /// Byte at which it begins.
    pub offset: usize,
    /// Bytes of the form that was found.
    pub len: usize,
}

/// Markers that cannot be searched for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarkerError {
    /// One is so short that chance could write it.
    #[error("marker {place} has fewer than {MIN_MARKER_LEN} bytes: chance could write it")]
    Short {
        /// Which, from 1.
        place: usize,
    },
    /// There are more than can be searched for at once.
    #[error("there are too many markers: {0}")]
    Many(Box<BuildError>),
}

/// Markers and all their codings. Its memory grows with their total length, the time of a search
/// only with what is searched.
pub struct Markers {
    automaton: AhoCorasick,
    /// Marker and coding of each pattern of the automaton.
    patterns: Vec<(usize, Coding)>,
    markers: usize,
}

impl Markers {
    /// Takes markers as text; each is searched as it is and in lower and upper case.
    pub fn new<T: AsRef<str>>(markers: impl IntoIterator<Item = T>) -> Result<Self, MarkerError> {
        let mut codings: Vec<(Vec<u8>, usize, Coding)> = vec![];
        let mut count = 0;
        for (place, marker) in markers.into_iter().enumerate() {
            let marker = marker.as_ref();
            if marker.len() < MIN_MARKER_LEN {
                return Err(MarkerError::Short { place: place + 1 });
            }
            for form in [marker.to_owned(), marker.to_lowercase(), marker.to_uppercase()] {
                let written = written(&form).into_iter();
                codings.extend(written.map(|(coding, bytes)| (bytes, place, coding)));
            }
            count = place + 1;
        }
        codings.sort();
        codings.dedup();
        let automaton = AhoCorasick::new(codings.iter().map(|(bytes, ..)| bytes))
            .map_err(|error| MarkerError::Many(Box::new(error)))?;
        let patterns = codings.into_iter().map(|(_, marker, coding)| (marker, coding)).collect();
        Ok(Self { automaton, patterns, markers: count })
    }

    /// How many markers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.markers
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.markers == 0
    }

    /// Length in bytes of the longest form: parts of a whole that is searched in parts must overlap
    /// by one less.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.automaton.max_pattern_len()
    }

    /// Every place at which a marker stands, by its end.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Vec<Hit> {
        let found = self.automaton.find_overlapping_iter(bytes);
        let hit = |at: aho_corasick::Match| {
            let (marker, coding) = self.patterns[at.pattern().as_usize()];
            Hit { marker, coding, offset: at.start(), len: at.len() }
        };
        found.map(hit).collect()
    }
}

/// The codings of one form. Base64 depends on the bytes before and after, so only the characters
/// that the marker alone decides are searched: at least 14 for 12 bytes.
fn written(form: &str) -> Vec<(Coding, Vec<u8>)> {
    let units = |bytes: fn(u16) -> [u8; 2]| form.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    let little = units(u16::to_le_bytes);
    let mut all = vec![
        (Coding::Utf8, form.as_bytes().to_vec()),
        (Coding::Utf16Be, units(u16::to_be_bytes)),
        (Coding::Hex, HEXLOWER.encode(form.as_bytes()).into()),
        (Coding::Hex, HEXUPPER.encode(form.as_bytes()).into()),
    ];
    // Letters from 0xa0 on have the same number in Windows-1252 and in Unicode.
    let single: Option<Vec<u8>> = form.chars().map(|c| u8::try_from(c).ok()).collect();
    if let Some(single) = single.filter(|single| single != form.as_bytes()) {
        all.push((Coding::Windows1252, single));
    }
    for bytes in [form.as_bytes(), &little] {
        for before in 0..3 {
            let padded = [&[0; 2][..before], bytes].concat();
            let decided = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
            for encoding in [BASE64, BASE64URL] {
                let encoded = encoding.encode(&padded);
                all.push((Coding::Base64, encoded.as_bytes()[decided.clone()].to_vec()));
            }
        }
    }
    all.push((Coding::Utf16Le, little));
    all
}

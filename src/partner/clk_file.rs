//! A file of CLKs as clkhash's tools write it: `{"clks": ["...", ...]}`, each in base64, its first bit
//! the highest of its first byte.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use zeroize::Zeroizing;

/// Why a file of CLKs cannot be used. No CLK is named, only its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClkFileError {
    /// The system does not give the file.
    #[error("{}: cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: io::Error,
    },
    /// It is no such file.
    #[error("{}: is no file of CLKs, {{\"clks\": [\"...\", ...]}} in JSON: {reason}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// A CLK of another length than the schema's.
    #[error("{}: CLK {place} has {found} bits, and the schema takes CLKs of {expected} (filter_bits)", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// From 1.
        place: u64,
        /// Its bits.
        found: usize,
        /// The schema's.
        expected: u32,
    },
}

/// Hands over the CLKs of a file one by one, each of `bits` bits, and gives their number; without
/// `bits` any length goes that is a multiple of 64. Bit i of a CLK is bit i % 64 of word i / 64. Stops at
/// the first error of the sink.
pub fn each<E: From<ClkFileError>>(
    path: &Path,
    bits: Option<u32>,
    mut sink: impl FnMut(Zeroizing<Vec<u64>>) -> Result<(), E>,
) -> Result<u64, E> {
    let file =
        File::open(path).map_err(|reason| ClkFileError::Read { path: path.to_owned(), reason })?;
    let (mut stopped, mut place) = (None, 0);
    let mut take = |clk: &str| {
        place += 1;
        let stop = match decode(path, place, bits, clk) {
            Ok(Some(clk)) => sink(clk).err(),
            Ok(None) => return Err("is not base64"),
            Err(error) => Some(error.into()),
        };
        match stop {
            Some(error) => {
                stopped = Some(error);
                Err("stopped")
            }
            None => Ok(()),
        }
    };
    let mut document =
        serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, file));
    let outcome = document.deserialize_map(Document(&mut take)).and_then(|()| document.end());
    match (stopped, outcome) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => {
            Err(ClkFileError::Form { path: path.to_owned(), reason: error.to_string() }.into())
        }
        (None, Ok(())) => Ok(place),
    }
}

/// None if it is no base64.
fn decode(
    path: &Path,
    place: u64,
    bits: Option<u32>,
    clk: &str,
) -> Result<Option<Zeroizing<Vec<u64>>>, ClkFileError> {
    let Ok(bytes) = data_encoding::BASE64.decode(clk.as_bytes()) else { return Ok(None) };
    let bytes = Zeroizing::new(bytes);
    let found = 8 * bytes.len();
    let expected = bits.unwrap_or(found.next_multiple_of(64).max(64) as u32);
    if found != expected as usize {
        return Err(ClkFileError::Length { path: path.to_owned(), place, found, expected });
    }
    // clkhash counts bits from the highest of a byte, a word here from the lowest.
    let words =
        bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(word.map(u8::reverse_bits)));
    Ok(Some(Zeroizing::new(words.collect())))
}

type Take<'t> = dyn FnMut(&str) -> Result<(), &'static str> + 't;

struct Document<'t>(&'t mut Take<'t>);
struct List<'t, 'u>(&'u mut Take<'t>);
struct Item<'t, 'u>(&'u mut Take<'t>);

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"clks\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "clks" && !found {
                found = true;
                map.next_value_seed(List(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::missing_field("clks")) }
    }
}

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of CLKs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Item(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Item<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Item<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CLK in base64")
    }

    fn visit_str<E: serde::de::Error>(self, clk: &str) -> Result<(), E> {
        (self.0)(clk).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, bits: Option<u32>) -> Result<Vec<Vec<u64>>, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("a file");
        let mut clks = vec![];
        let outcome = each::<ClkFileError>(file.path(), bits, |clk| {
            clks.push(clk.to_vec());
            Ok(())
        });
        outcome
            .map(|count| assert_eq!(count, clks.len() as u64))
            .map_err(|error| error.to_string())?;
        Ok(clks)
    }

    #[test]
    fn bit_0_is_the_highest_of_the_first_byte() {
        let clks = read(r#"{"clks": ["gAAAAAAAAAE=", "AAAAAAAAAAA="]}"#, Some(64)).expect("CLKs");
        assert_eq!(clks[0], [1 | 1 << 63]);
        assert_eq!(clks[1], [0]);
        assert_eq!(read(r#"{"x": {"clks": 1}, "clks": [], "y": 2}"#, Some(64)), Ok(vec![]));
    }

    #[test]
    fn what_is_no_file_of_clks_is_refused_by_place() {
        for (text, rule) in [
            ("", "EOF"),
            ("[]", "an object with"),
            (r#"{"clk": []}"#, "missing field `clks`"),
            (r#"{"clks": "gAAAAAAAAAE="}"#, "a list of CLKs"),
            (r#"{"clks": [1]}"#, "a CLK in base64"),
            (r#"{"clks": ["gAAAAAAAAAE"]}"#, "is not base64 at line 1 column"),
            (
                r#"{"clks": ["gAAAAAAAAAE=", "gAAA"]}"#,
                "CLK 2 has 24 bits, and the schema takes CLKs of 64",
            ),
            (r#"{"clks": []} x"#, "trailing characters"),
            (r#"{"clks": ["gAAAAAAAAAE=""#, "EOF"),
        ] {
            let error = read(text, Some(64)).expect_err(text);
            assert!(error.contains(rule), "{text}: {error}");
        }
        let error = read(r#"{"clks": ["gAAA"]}"#, None).expect_err("no whole word");
        assert!(error.contains("takes CLKs of 64"), "{error}");
    }
}

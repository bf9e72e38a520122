//! Rows that wait on disk until the whole file has been seen: which match keys are common is known
//! only then, and memory must not grow with the file.
//!
//! Both files lie beside the extract, without a name and readable by nobody else; they hold what the
//! extract will hold, and the system removes them when they are closed.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Rows of a fixed length, each with the line of the file on which it begins.
pub(crate) struct Rows {
    file: BufWriter<File>,
    row_len: usize,
    count: u64,
}

impl Rows {
    pub(crate) fn new(directory: &Path, row_len: usize) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 16, tempfile::tempfile_in(directory)?);
        Ok(Self { file, row_len, count: 0 })
    }

    /// Appends a row and gives its place.
    pub(crate) fn push(&mut self, line: u64, row: &[u8]) -> io::Result<u64> {
        debug_assert_eq!(row.len(), self.row_len);
        self.file.write_all(&line.to_le_bytes())?;
        self.file.write_all(row)?;
        self.count += 1;
        Ok(self.count - 1)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Goes through all rows in their order: place, line, row.
    pub(crate) fn each<E: From<io::Error>>(
        &mut self,
        mut sink: impl FnMut(u64, u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.file.flush()?;
        let file = self.file.get_mut();
        file.rewind()?;
        let mut source = BufReader::with_capacity(1 << 16, file);
        let (mut line, mut row) = ([0; 8], vec![0; self.row_len]);
        for place in 0..self.count {
            source.read_exact(&mut line)?;
            source.read_exact(&mut row)?;
            sink(place, u64::from_le_bytes(line), &mut row)?;
        }
        Ok(())
    }
}

/// Parts into which values are sorted; one at a time is counted in memory.
const PARTS: usize = 256;
/// Values of a part that are written at a time.
const BLOCK: usize = 128;
/// Bytes of a written value: what tells it from others, its kind, its row.
const VALUE: usize = 24;

/// A value as it is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Of a match key, which is a pseudorandom value: half of it is enough.
    pub(crate) fn of_match_key(key: &[u8; 32]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&key[..16]);
        Self(half)
    }

    /// Of other content: 64 bits, good enough to count for a report and for nothing else.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let mut half = [0; 16];
        half[..8].copy_from_slice(&hasher.finish().to_le_bytes());
        Self(half)
    }
}

/// Counts how many rows share a value of a kind, however many there are.
pub(crate) struct Tally {
    file: File,
    parts: Vec<Part>,
    written: u64,
}

#[derive(Default)]
struct Part {
    buffer: Vec<u8>,
    /// Where its blocks are in the file.
    blocks: Vec<u64>,
}

impl Tally {
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        let parts = (0..PARTS).map(|_| Part::default()).collect();
        Ok(Self { file: tempfile::tempfile_in(directory)?, parts, written: 0 })
    }

    pub(crate) fn add(&mut self, kind: u16, value: Fingerprint, row: u64) -> io::Result<()> {
        let part = &mut self.parts[usize::from(value.0[0])];
        part.buffer.extend(value.0);
        part.buffer.extend((u64::from(kind) << 48 | row).to_le_bytes());
        if part.buffer.len() == BLOCK * VALUE {
            self.file.write_all(&part.buffer)?;
            part.buffer.clear();
            part.blocks.push(self.written);
            self.written += (BLOCK * VALUE) as u64;
        }
        Ok(())
    }

    /// Goes through every value that was added, those of one row's kind in their order. Memory is that of
    /// the different values of a part, however many rows share them.
    pub(crate) fn each(mut self, mut sink: impl FnMut(Counted)) -> io::Result<()> {
        let mut counts: HashMap<(Fingerprint, u16), (u64, bool)> = HashMap::new();
        for part in std::mem::take(&mut self.parts) {
            counts.clear();
            self.read(&part, |value, kind, _| counts.entry((value, kind)).or_default().0 += 1)?;
            self.read(&part, |value, kind, row| {
                let (rows, seen) = counts.entry((value, kind)).or_default();
                let first = !std::mem::replace(seen, true);
                sink(Counted { kind, row, rows: *rows, first });
            })?;
        }
        Ok(())
    }

    /// Goes through the values of a part: value, kind, row.
    fn read(&mut self, part: &Part, mut sink: impl FnMut(Fingerprint, u16, u64)) -> io::Result<()> {
        let mut each = |bytes: &[u8]| {
            for value in bytes.chunks_exact(VALUE) {
                let (mut half, mut place) = ([0; 16], [0; 8]);
                half.copy_from_slice(&value[..16]);
                place.copy_from_slice(&value[16..]);
                let place = u64::from_le_bytes(place);
                sink(Fingerprint(half), (place >> 48) as u16, place & ((1 << 48) - 1));
            }
        };
        let mut block = [0; BLOCK * VALUE];
        for at in &part.blocks {
            self.file.seek(SeekFrom::Start(*at))?;
            self.file.read_exact(&mut block)?;
            each(&block);
        }
        each(&part.buffer);
        Ok(())
    }
}

/// A value of a row, and how many rows have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counted {
    pub(crate) kind: u16,
    pub(crate) row: u64,
    /// Rows that have the value for the same kind.
    pub(crate) rows: u64,
    /// Whether no row before has it.
    pub(crate) first: bool,
}

/// One bit for each of many.
#[derive(Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn with_len(len: u64) -> Self {
        Self(vec![0; len.div_ceil(64) as usize])
    }

    pub(crate) fn set(&mut self, at: u64) {
        self.0[at as usize / 64] |= 1 << (at % 64);
    }

    pub(crate) fn get(&self, at: u64) -> bool {
        self.0[at as usize / 64] >> (at % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_come_back_in_their_order_as_often_as_wanted() -> io::Result<()> {
        let mut rows = Rows::new(&std::env::temp_dir(), 3)?;
        for line in 0..5_000_u64 {
            assert_eq!(rows.push(line * 2, &[line as u8, 7, (line >> 8) as u8])?, line);
        }
        for _ in 0..2 {
            let mut next = 0;
            rows.each::<io::Error>(|place, line, row| {
                assert_eq!((place, line), (next, 2 * next));
                assert_eq!(row, [next as u8, 7, (next >> 8) as u8]);
                next += 1;
                Ok(())
            })?;
            assert_eq!(next, rows.count());
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn every_value_is_counted_with_its_rows(values in prop::collection::vec((0_u16..3, 0_u8..40), 0..20_000)) {
            let mut tally = Tally::new(&std::env::temp_dir())?;
            let mut expected: BTreeMap<(u16, u8), Vec<u64>> = BTreeMap::new();
            for (row, (kind, value)) in (0..).zip(&values) {
                // Few first bytes, so that parts have more than a block.
                let mut key = [*value; 32];
                key[0] = value % 4;
                tally.add(*kind, Fingerprint::of_match_key(&key), row)?;
                expected.entry((*kind, *value)).or_default().push(row);
            }
            let mut found = vec![];
            tally.each(|counted| found.push(counted))?;
            let mut expected: Vec<Counted> = expected
                .iter()
                .flat_map(|((kind, _), rows)| {
                    let of = |row: &u64| Counted {
                        kind: *kind,
                        row: *row,
                        rows: rows.len() as u64,
                        first: *row == rows[0],
                    };
                    rows.iter().map(of)
                })
                .collect();
            found.sort();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }
}

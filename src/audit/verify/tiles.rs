//! A ledger as static files that any web server can serve and any tlog client can check: the layout
//! of C2SP tlog-tiles (<https://c2sp.org/tlog-tiles>).
//!
//! A log entry is a leaf's 32 bytes, the salted digest of what the ledger says; no body and no salt
//! is written, so that the files may be shown to anyone who may see the checkpoint.

use samenloop_schema::Digest;

use super::bundle::Bundle;
use super::merkle::{leaf_hash, root};

/// Hashes of a full tile.
const WIDTH: usize = 256;

/// The file of the checkpoint, the one file that changes; it is to be written last.
pub const CHECKPOINT: &str = "checkpoint";

/// A tile's index as directories of three digits; all but the last begin with `x`.
fn index_path(index: usize) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

/// Place of the tile `index` of a level (`entries` for the leaves themselves) that holds `width`.
fn place(level: &str, index: usize, width: usize) -> String {
    let partial = if width == WIDTH { String::new() } else { format!(".p/{width}") };
    format!("tile/{level}/{}{partial}", index_path(index))
}

/// Every file but the checkpoint, with its place below the mirror's directory.
#[must_use]
pub fn files(bundle: &Bundle) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![];
    for (index, leaves) in bundle.entries.chunks(WIDTH).enumerate() {
        let entry = |leaf: &Digest| [&(leaf.0.len() as u16).to_be_bytes()[..], &leaf.0].concat();
        let data = leaves.iter().flat_map(|leaf| entry(&leaf.leaf)).collect();
        files.push((place("entries", index, leaves.len()), data));
    }
    let mut hashes: Vec<Digest> = bundle.entries.iter().map(|e| leaf_hash(&e.leaf.0)).collect();
    for level in 0.. {
        for (index, tile) in hashes.chunks(WIDTH).enumerate() {
            let data = tile.iter().flat_map(|hash| hash.0).collect();
            files.push((place(&level.to_string(), index, tile.len()), data));
        }
        // A hash of the next level stands for a full tile of this one.
        hashes = hashes.chunks_exact(WIDTH).map(root).collect();
        if hashes.is_empty() {
            break;
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::verify::BundledEntry;

    fn of_size(size: u64) -> Bundle {
        let entry = |index: u64| BundledEntry {
            index,
            leaf: Digest::of(&index.to_be_bytes()),
            salt: None,
            body: None,
        };
        Bundle { checkpoint: String::new(), entries: (0..size).map(entry).collect() }
    }

    /// The examples of the specification.
    #[test]
    fn places_are_those_of_the_specification() {
        assert_eq!(place("0", 1_234_067, 256), "tile/0/x001/x234/067");
        let files: BTreeMap<String, Vec<u8>> = files(&of_size(70_000)).into_iter().collect();
        let count = |level: &str| files.keys().filter(|name| name.starts_with(level)).count();
        assert_eq!([count("tile/0/"), count("tile/1/"), count("tile/2/")], [274, 2, 1]);
        for (name, width) in [
            ("tile/0/272", 256),
            ("tile/0/273.p/112", 112),
            ("tile/1/000", 256),
            ("tile/1/001.p/17", 17),
            ("tile/2/000.p/1", 1),
        ] {
            assert_eq!(files.get(name).map(Vec::len), Some(32 * width), "{name}");
        }
        assert_eq!(files["tile/entries/273.p/112"].len(), 112 * 34);
        assert_eq!(files.len(), 274 + 274 + 2 + 1);
    }

    /// A client's way: the root from the rightmost tiles of every level alone.
    fn root_by_tiles(files: &BTreeMap<String, Vec<u8>>, size: usize) -> Digest {
        let (mut below, mut level): (Option<Digest>, usize) = (None, 0);
        while size >> (8 * level) > 0 {
            let width = (size >> (8 * level)) % WIDTH;
            let index = (size >> (8 * level)) / WIDTH;
            let tile = files.get(&place(&level.to_string(), index, width));
            let mut hashes: Vec<Digest> = tile.map_or(vec![], |data| {
                data.chunks_exact(32).filter_map(Digest::from_slice).collect()
            });
            hashes.extend(below);
            below = (!hashes.is_empty()).then(|| root(&hashes));
            level += 1;
        }
        below.unwrap_or_else(|| root(&[]))
    }

    #[test]
    fn a_client_finds_the_root_from_the_tiles() {
        for size in [0, 1, 2, 43, 255, 256, 257, 511, 512, 600, 65_535, 65_536, 65_537, 66_049] {
            let bundle = of_size(size);
            let files: BTreeMap<String, Vec<u8>> = files(&bundle).into_iter().collect();
            let all: Vec<Digest> = bundle.entries.iter().map(|e| leaf_hash(&e.leaf.0)).collect();
            assert_eq!(root_by_tiles(&files, size as usize), root(&all), "{size}");
        }
    }
}

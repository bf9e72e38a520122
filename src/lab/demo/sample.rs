//! Four partners' exports, as untidy as they come: separators, character sets, date notations and
//! headers differ. All people in them are invented.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The partners, in the order of every table.
pub const PARTIES: [&str; 4] = ["ggd", "ggz", "opvang", "politie"];

/// The column that tells who is who. It is never encoded.
pub(super) const TRUTH: &str = "waarheid";

const FILES: [&[u8]; 4] = [
    include_bytes!("../sample/ggd.csv"),
    include_bytes!("../sample/ggz.csv"),
    include_bytes!("../sample/opvang.csv"),
    include_bytes!("../sample/politie.csv"),
];

/// Writes each partner's file into a folder of its own, and returns the files.
pub(super) fn write(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let files = PARTIES.iter().zip(FILES).map(|(party, content)| {
        let home = folder.join("partners").join(party);
        fs::create_dir_all(&home)?;
        let path = home.join("clients.csv");
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    });
    files.collect()
}

//! A copy of the store that can be restored.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use samenloop_schema::Digest;
use samenloop_wire::store;
use sha2::{Digest as _, Sha256};

use super::{MaintenanceError, with_store};
use crate::config::Config;
use crate::file_error::FileError;
use crate::store::sync_dir;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackedUp {
    /// Entries of its ledger, and their root.
    pub(crate) entries: u64,
    pub(crate) root: Digest,
    /// SHA-256 of the file.
    pub(crate) digest: Digest,
}

/// Checks the whole store and copies it into a new file, while no service can open it.
pub(crate) fn backup(config: &Config, out: &Path) -> Result<BackedUp, MaintenanceError> {
    if out.exists() {
        return Err(MaintenanceError::Exists { path: out.to_owned() });
    }
    if !config.data_dir.join(store::FILE).exists() {
        let what = "its database file: there is nothing to back up";
        return Err(crate::store::StoreError::Missing { what }.into());
    }
    with_store(config, |rounds| {
        let (entries, root) = rounds.store().head();
        let digest = copy(&config.data_dir.join(store::FILE), out)?;
        Ok(BackedUp { entries, root, digest })
    })?
}

/// Copies durably into a new file that only its owner may read, and reads the copy back.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Digest, MaintenanceError> {
    let mut source = File::open(from).map_err(FileError::of("read", from))?;
    let mut options = OpenOptions::new();
    let target = options.write(true).create_new(true).mode(0o600).open(to);
    let mut target = target.map_err(FileError::of("write", to))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    let copied = loop {
        match source.read(&mut buffer).map_err(FileError::of("read", from))? {
            0 => break Digest(hash.finalize().into()),
            len => {
                hash.update(&buffer[..len]);
                target.write_all(&buffer[..len]).map_err(FileError::of("write", to))?;
            }
        }
    };
    target.sync_all().map_err(FileError::of("write", to))?;
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_dir(dir).map_err(FileError::of("write", dir))?;
    let mut again = Sha256::new();
    let mut written = File::open(to).map_err(FileError::of("read", to))?;
    std::io::copy(&mut written, &mut HashWriter(&mut again)).map_err(FileError::of("read", to))?;
    if Digest(again.finalize().into()) != copied {
        fs::remove_file(to).map_err(FileError::of("remove", to))?;
        return Err(MaintenanceError::Copy { path: to.to_owned() });
    }
    Ok(copied)
}

struct HashWriter<'h>(&'h mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

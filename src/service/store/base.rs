//! What a store rests on: a file, or in tests a disk that can fail.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Builder, Database};
use samenloop_wire::store;

use super::StoreError;

/// Opens the database, at the start and again after the disk has failed.
pub(crate) struct Base(Box<Open>);

type Open = dyn Fn() -> Result<Database, StoreError> + Send + Sync;

/// The wall clock, in seconds since 1970.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

pub(crate) fn wall_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    })
}

/// Bytes of pages that are kept in memory; redb's own default is a gigabyte.
const CACHE: usize = 256 << 20;

/// Every page is checked against its checksum before the store is trusted.
fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_check_integrity_on_open(true).set_cache_size(CACHE);
    builder
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

impl Base {
    /// The one file of a data directory, made if it is not there.
    pub(crate) fn directory(data_dir: PathBuf) -> Self {
        Self(Box::new(move || {
            let failed = |reason| StoreError::Directory { path: data_dir.clone(), reason };
            let mut dirs = std::fs::DirBuilder::new();
            dirs.recursive(true).mode(0o700).create(&data_dir).map_err(failed)?;
            let database = builder().create(data_dir.join(store::FILE))?;
            // A new file is there after a power cut only once its name is.
            sync_dir(&data_dir).map_err(failed)?;
            if let Some(parent) = data_dir.parent().filter(|dir| !dir.as_os_str().is_empty()) {
                sync_dir(parent).map_err(failed)?;
            }
            Ok(database)
        }))
    }

    /// Another kind of disk, opened afresh by `disk` each time.
    #[cfg(test)]
    pub(crate) fn disk<B: redb::StorageBackend>(
        disk: impl Fn() -> B + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(move || Ok(builder().create_with_backend(disk())?)))
    }

    pub(super) fn open(&self) -> Result<Database, StoreError> {
        (self.0)()
    }
}

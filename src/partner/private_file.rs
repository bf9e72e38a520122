//! Files that only their owner can read and that are written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why a file was not written. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateFileError {
    /// There is a file of that name.
    #[error("{}: exists already; choose another name{}", path.display(), if *force { ", or replace it with --force" } else { "" })]
    Exists {
        /// The file.
        path: PathBuf,
        /// Whether it may be replaced if that is asked for.
        force: bool,
    },
    /// The system refuses.
    #[error("{}: cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: io::Error,
    },
}

/// Removes a temporary file that did not get its name.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Once it has its name there is nothing left to remove.
        let _ = fs::remove_file(&self.0);
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Fails if there is something of that name, so that long work need not be done for nothing.
pub(crate) fn refuse_existing(path: &Path) -> Result<(), PrivateFileError> {
    match path.symlink_metadata() {
        Ok(_) => Err(PrivateFileError::Exists { path: path.to_owned(), force: true }),
        Err(_) => Ok(()),
    }
}

/// Writes a file of mode 0600 by way of a temporary one beside it, durable before it has its name.
pub(crate) fn write(
    path: &Path,
    replace: bool,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), PrivateFileError> {
    let failed = |reason| PrivateFileError::Write { path: path.to_owned(), reason };
    if !replace {
        refuse_existing(path)?;
    }
    let name = path.file_name().ok_or_else(|| {
        failed(io::Error::new(io::ErrorKind::InvalidInput, "this is no file name"))
    })?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.tmp", std::process::id()));
    let temporary = Temporary(path.with_file_name(hidden));
    // What a killed process of the same number has left.
    let _ = fs::remove_file(&temporary.0);
    let mut file = BufWriter::new(create(&temporary.0).map_err(failed)?);
    content(&mut file).map_err(failed)?;
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    if replace {
        fs::rename(&temporary.0, path).map_err(failed)?;
    } else {
        // Unlike a rename, a link does not replace a file that has come there meanwhile.
        fs::hard_link(&temporary.0, path).map_err(|reason| match reason.kind() {
            io::ErrorKind::AlreadyExists => {
                PrivateFileError::Exists { path: path.to_owned(), force: true }
            }
            _ => failed(reason),
        })?;
    }
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    }
    Ok(())
}

/// Writes a small file of mode 0600 that must not exist; it is never replaced.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), PrivateFileError> {
    write(path, false, |file| file.write_all(content)).map_err(|error| match error {
        PrivateFileError::Exists { path, .. } => PrivateFileError::Exists { path, force: false },
        other => other,
    })
}

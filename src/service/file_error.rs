//! What every command says of a file that it cannot use.

use std::path::{Path, PathBuf};

/// A file or directory cannot be read, made, written or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}: {reason}", path.display())]
pub struct FileError {
    /// What was tried.
    pub verb: &'static str,
    /// The file.
    pub path: PathBuf,
    /// The system's word.
    pub reason: std::io::Error,
}

impl FileError {
    /// From the system's word.
    pub(crate) fn of<'p>(
        verb: &'static str,
        path: &'p Path,
    ) -> impl Fn(std::io::Error) -> FileError + 'p {
        move |reason| FileError { verb, path: path.to_owned(), reason }
    }
}

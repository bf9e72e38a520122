//! The last checkpoint that was found good, kept by the auditor.

use std::path::{Path, PathBuf};

/// The kept checkpoint cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the kept checkpoint {}: {reason}", path.display())]
pub struct StateError {
    /// The file.
    pub path: PathBuf,
    /// The system's word.
    pub reason: std::io::Error,
}

/// The file with the last good checkpoint.
#[derive(Debug, Clone)]
pub struct Kept {
    path: PathBuf,
}

impl Kept {
    /// At a path, where nothing needs to be yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn error(&self) -> impl Fn(std::io::Error) -> StateError {
        |reason| StateError { path: self.path.clone(), reason }
    }

    /// The signed note; none the first time.
    pub fn read(&self) -> Result<Option<String>, StateError> {
        match std::fs::read_to_string(&self.path) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error()(error)),
        }
    }

    /// Replaces the note, in one step.
    pub fn write(&self, note: &str) -> Result<(), StateError> {
        self.put(&self.path, note)
    }

    /// Keeps a note that contradicts the kept one beside it: the two together prove that the service
    /// signed two histories. Returns the path.
    pub fn write_contradiction(&self, note: &str) -> Result<PathBuf, StateError> {
        let mut path = self.path.clone().into_os_string();
        path.push(".contradiction");
        let path = PathBuf::from(path);
        self.put(&path, note)?;
        Ok(path)
    }

    fn put(&self, path: &Path, note: &str) -> Result<(), StateError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        std::fs::write(&beside, note)
            .and_then(|()| std::fs::File::open(&beside)?.sync_all())
            .and_then(|()| std::fs::rename(&beside, path))
            .map_err(self.error())
    }
}

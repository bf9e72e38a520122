//! The linkage key in a file that only its owner can read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use samenloop_encode::{KeyError, LinkageKey};
use zeroize::Zeroizing;

use crate::private_file::{self, PrivateFileError};

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The system does not give the file.
    #[error("{}: cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: io::Error,
    },
    /// Others than its owner can read it.
    #[error("{0}: others can read this key file; run `chmod 600 {0}` and ask who has read it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// What it holds is no key.
    #[error("{}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The rule.
        reason: KeyError,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] PrivateFileError),
}

/// Draws a new key and writes it to a new file; an existing file is never replaced.
pub fn create(path: &Path) -> Result<LinkageKey, KeyFileError> {
    let key = LinkageKey::generate()
        .map_err(|reason| KeyFileError::Key { path: path.to_owned(), reason })?;
    write(path, &key)?;
    Ok(key)
}

/// Writes a key to a new file; an existing file is never replaced.
pub fn write(path: &Path, key: &LinkageKey) -> Result<(), KeyFileError> {
    let mut line = key.to_hex();
    line.push('\n');
    Ok(private_file::write_new(path, line.as_bytes())?)
}

/// Reads a text that only its owner may read.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let failed = |reason| KeyFileError::Read { path: path.to_owned(), reason };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed { path: path.to_owned() });
        }
    }
    Ok(Zeroizing::new(fs::read_to_string(path).map_err(failed)?))
}

/// Reads a key. On Unix the file must not be readable by others.
pub fn read(path: &Path) -> Result<LinkageKey, KeyFileError> {
    LinkageKey::from_hex(&read_private(path)?)
        .map_err(|reason| KeyFileError::Key { path: path.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_private_and_never_replaced() -> Result<(), KeyFileError> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("round.key");
        let key = create(&path)?;
        assert_eq!(*read(&path)?.to_hex(), *key.to_hex());
        let error = create(&path).map(|_| ()).expect_err("it exists");
        assert!(error.to_string().contains("exists already"), "{error}");
        assert_eq!(*read(&path)?.to_hex(), *key.to_hex());
        assert_eq!(
            fs::read_dir(dir.path()).map(Iterator::count).unwrap_or(0),
            1,
            "no other file is left"
        );
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("round.key");
        create(&path).expect("a key");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("our own file");
        assert!(matches!(read(&path), Err(KeyFileError::Exposed { .. })));
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let dir = tempfile::tempdir().expect("a directory");
        for (place, content) in
            ["", "secret", &"0".repeat(64), &"ab".repeat(31), &"zz".repeat(32)].iter().enumerate()
        {
            let path = dir.path().join(format!("{place}.key"));
            private_file::write_new(&path, content.as_bytes()).expect("a file");
            let error = read(&path).map(|_| ()).expect_err("no key").to_string();
            assert!(content.is_empty() || !error.contains(content), "{error}");
        }
    }
}

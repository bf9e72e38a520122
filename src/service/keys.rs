//! Secret key files: 32 bytes as hexadecimal, for the owner's eyes only, away from the data.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

/// Why a key file cannot be used or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("cannot {verb} the key file {}: {reason}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: std::io::Error,
    },
    /// Others than the owner may read or write it.
    #[error("the key file {} is open to others than its owner: chmod 600 it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// It lies where the data lies, so that one copy would hold both.
    #[error("the key file {} lies in the data directory: move it elsewhere", path.display())]
    BesideData {
        /// The file.
        path: PathBuf,
    },
    /// It does not hold a key.
    #[error("the key file {} must hold 64 hexadecimal characters", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
    /// No randomness.
    #[error("the system gives no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// Fresh random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Reads a key, after checking that nobody else can and that it does not lie in `data_dir`.
pub fn read(path: &Path, data_dir: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let io = |reason| KeyFileError::Io { verb: "read", path: path.to_owned(), reason };
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.to_owned() });
    }
    let real = path.canonicalize().map_err(io)?;
    if data_dir.canonicalize().is_ok_and(|data| real.starts_with(data)) {
        return Err(KeyFileError::BesideData { path: path.to_owned() });
    }
    let content = || KeyFileError::Content { path: path.to_owned() };
    let mut text = Zeroizing::new(String::with_capacity(128));
    file.take(128).read_to_string(&mut text).map_err(|_| content())?;
    let mut key = Zeroizing::new([0; 32]);
    let digits = text.trim().as_bytes();
    if digits.len() != 64 || HEXLOWER_PERMISSIVE.decode_mut(digits, &mut *key) != Ok(32) {
        return Err(content());
    }
    Ok(key)
}

/// Makes a new key file. An existing file is never overwritten.
pub fn create(path: &Path) -> Result<(), KeyFileError> {
    write(path, &Zeroizing::new(random::<32>().map_err(KeyFileError::Randomness)?))
}

/// Writes a key into a new file.
pub(crate) fn write(path: &Path, key: &Zeroizing<[u8; 32]>) -> Result<(), KeyFileError> {
    let mut text = Zeroizing::new(HEXLOWER_PERMISSIVE.encode(&**key));
    text.push('\n');
    write_secret(path, text.as_bytes())
}

/// Writes a file that only its owner may read, durably with its name. An existing file is never
/// overwritten.
pub(crate) fn write_secret(path: &Path, content: &[u8]) -> Result<(), KeyFileError> {
    let io = |reason| KeyFileError::Io { verb: "write", path: path.to_owned(), reason };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(io)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new("."))).and_then(|dir| dir.sync_all()).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_private_and_lies_apart() -> Result<(), Box<dyn std::error::Error>> {
        let (keys, data) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let good = keys.path().join("wrapping.key");
        create(&good)?;
        let key = read(&good, data.path())?;
        assert_eq!(*key, *read(&good, data.path())?);
        assert!(matches!(create(&good), Err(KeyFileError::Io { verb: "write", .. })));
        assert!(matches!(read(&good, keys.path()), Err(KeyFileError::BesideData { .. })));

        let beside = data.path().join("wrapping.key");
        create(&beside)?;
        assert!(matches!(read(&beside, data.path()), Err(KeyFileError::BesideData { .. })));
        let link = keys.path().join("link.key");
        std::os::unix::fs::symlink(&beside, &link)?;
        assert!(matches!(read(&link, data.path()), Err(KeyFileError::BesideData { .. })));

        let bad = keys.path().join("bad.key");
        write_secret(&bad, "0".repeat(63).as_bytes())?;
        assert!(matches!(read(&bad, data.path()), Err(KeyFileError::Content { .. })));
        std::fs::set_permissions(&good, std::fs::Permissions::from_mode(0o640))?;
        assert!(matches!(read(&good, data.path()), Err(KeyFileError::Open { .. })));
        Ok(())
    }
}

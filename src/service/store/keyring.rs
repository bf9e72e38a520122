//! The file that holds the wrapping key, and how another key takes its place.
//!
//! Beside `wrapping.key` may lie `wrapping.key.next`, while a change that rotates the key becomes
//! durable, and `wrapping.key.survivors`: every data key that outlived the last rotation, wrapped
//! under the key of now and bound to its place. A backup from before that rotation is opened with it.
//! A power cut between any two of these steps is resolved by [`Keyring::settle`]: the key that opens
//! the store's key check is the one that holds.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use super::base::sync_dir;
use super::{StoreError, WrappingKey};
use crate::keys::{self, KeyFileError, write_secret};

/// A data key that outlived a rotation: its place in the store, and the key wrapped for it.
pub(crate) type Survivor = (Vec<u8>, Vec<u8>);

/// Where the wrapping key lies.
pub struct Keyring {
    path: PathBuf,
    data_dir: PathBuf,
}

impl Keyring {
    /// The key file at `path`, which must not lie in `data_dir`.
    #[must_use]
    pub fn new(path: &Path, data_dir: &Path) -> Self {
        Self { path: path.to_owned(), data_dir: data_dir.to_owned() }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(ending);
        path.into()
    }

    fn next(&self) -> PathBuf {
        self.beside(".next")
    }

    fn survivors_file(&self) -> PathBuf {
        self.beside(".survivors")
    }

    fn next_survivors(&self) -> PathBuf {
        self.beside(".survivors.next")
    }

    fn read(&self, path: &Path) -> Result<WrappingKey, KeyFileError> {
        Ok(WrappingKey::new(keys::read(path, &self.data_dir)?))
    }

    fn io<'p>(
        &self,
        verb: &'static str,
        path: &'p Path,
    ) -> impl Fn(io::Error) -> KeyFileError + 'p {
        move |reason| KeyFileError::Io { verb, path: path.to_owned(), reason }
    }

    fn sync(&self) -> Result<(), KeyFileError> {
        let dir = match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        sync_dir(dir).map_err(self.io("write", dir))
    }

    /// The key of today where no store tells which one that is: the one whose turn it is, or the next
    /// where that one is erased already.
    pub(super) fn present(&self) -> Result<WrappingKey, KeyFileError> {
        self.read(&self.path).or_else(|error| self.read(&self.next()).map_err(|_| error))
    }

    /// The key that `holds` tells to be the store's, after ending what a crash left half done. No
    /// file is touched unless one of the keys is the store's.
    pub(super) fn settle(
        &self,
        holds: impl Fn(&WrappingKey) -> bool,
    ) -> Result<WrappingKey, StoreError> {
        let next = self.next();
        if next.exists()
            && let Ok(key) = self.read(&next)
            && holds(&key)
        {
            self.finish()?;
            return Ok(key);
        }
        let key = self.read(&self.path)?;
        if !holds(&key) {
            return Err(StoreError::WrappingKey);
        }
        self.withdraw()?;
        Ok(key)
    }

    /// Takes back what [`prepare`](Self::prepare) wrote for a change that never became durable.
    fn withdraw(&self) -> Result<(), KeyFileError> {
        let (next, survivors) = (self.next(), self.next_survivors());
        remove(&survivors).map_err(self.io("erase", &survivors))?;
        if next.exists() {
            overwrite(&next).and_then(|()| remove(&next)).map_err(self.io("erase", &next))?;
        }
        self.sync()
    }

    /// Makes the next key and the sheet of survivors durable beside the present key, before the
    /// change that needs them.
    pub(super) fn prepare(
        &self,
        next: &Zeroizing<[u8; 32]>,
        survivors: &[Survivor],
    ) -> Result<(), KeyFileError> {
        self.withdraw()?;
        let lines = survivors.iter().map(|(place, wrapped)| {
            format!("{} {}\n", HEXLOWER.encode(place), HEXLOWER.encode(wrapped))
        });
        write_secret(&self.next_survivors(), lines.collect::<String>().as_bytes())?;
        keys::write(&self.next(), next)?;
        self.sync()
    }

    /// Puts the next key in the place of the present one, whose bytes are overwritten on the disk
    /// first. What a disk with wear levelling or snapshots keeps of them is beyond a program's reach.
    pub(super) fn finish(&self) -> Result<(), KeyFileError> {
        let (next, survivors) = (self.next(), self.next_survivors());
        rename(&survivors, &self.survivors_file()).map_err(self.io("write", &survivors))?;
        self.sync()?;
        if self.path.exists() {
            overwrite(&self.path).map_err(self.io("erase", &self.path))?;
        }
        rename(&next, &self.path).map_err(self.io("write", &next))?;
        self.sync()
    }

    /// The data keys that outlived the last rotation; none before the first.
    pub(crate) fn survivors(&self) -> Result<Vec<Survivor>, KeyFileError> {
        let path = self.survivors_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(self.io("read", &path)(error)),
        };
        let content = || KeyFileError::Content { path: path.clone() };
        let line = |line: &str| -> Option<Survivor> {
            let (place, wrapped) = line.split_once(' ')?;
            let bytes = |text: &str| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
            Some((bytes(place)?, bytes(wrapped)?))
        };
        text.lines().map(line).collect::<Option<_>>().ok_or_else(content)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Replaces every byte of a file by a hyphen, durably.
fn overwrite(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let blank = vec![b'-'; file.metadata()?.len() as usize];
    file.write_all(&blank)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DataKey;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// A rotation that a crash cut off after so many of its steps, on either side of the change's
    /// becoming durable, ends as if it had been whole or had not begun.
    #[test]
    fn a_rotation_that_a_crash_interrupts_is_ended_or_taken_back() -> Outcome {
        let place = b"place";
        for durable in [false, true] {
            for step in 0..6 {
                let dir = tempfile::tempdir()?;
                let ring = Keyring::new(&dir.path().join("wrapping.key"), &dir.path().join("data"));
                keys::create(&ring.path)?;
                let data = DataKey::generate()?;
                let before = ring.read(&ring.path)?.wrap(&data, place)?;
                let bytes = Zeroizing::new([step; 32]);
                let after = WrappingKey::new(bytes.clone()).wrap(&data, place)?;
                ring.prepare(&bytes, &[(place.to_vec(), after.clone())])?;
                match (durable, step) {
                    // Writing the next key broke off.
                    (false, 1) => fs::write(ring.next(), "12")?,
                    (false, 2) => fs::remove_file(ring.next())?,
                    (false, 3) => fs::remove_file(ring.next_survivors())?,
                    // Putting it in place broke off.
                    (true, 1) => fs::rename(ring.next_survivors(), ring.survivors_file())?,
                    (true, 2) => {
                        fs::rename(ring.next_survivors(), ring.survivors_file())?;
                        fs::write(&ring.path, "-".repeat(20))?;
                    }
                    (true, 3) => {
                        fs::rename(ring.next_survivors(), ring.survivors_file())?;
                        overwrite(&ring.path)?;
                    }
                    (true, 4) => {
                        fs::rename(ring.next_survivors(), ring.survivors_file())?;
                        fs::remove_file(&ring.path)?;
                    }
                    (true, 5) => ring.finish()?,
                    _ => {}
                }
                let check = if durable { &after } else { &before };
                let settled = ring.settle(|key| key.unwrap(check, place).is_ok())?;
                assert!(settled.unwrap(check, place).is_ok(), "{durable} {step}");
                assert!(ring.read(&ring.path)?.unwrap(check, place).is_ok(), "{durable} {step}");
                assert!(!ring.next().exists() && !ring.next_survivors().exists());
                let survivors = if durable { vec![(place.to_vec(), after)] } else { vec![] };
                assert_eq!(ring.survivors()?, survivors, "{durable} {step}");
            }
        }
        Ok(())
    }

    #[test]
    fn nothing_is_erased_when_no_key_is_the_stores() -> Outcome {
        let dir = tempfile::tempdir()?;
        let ring = Keyring::new(&dir.path().join("wrapping.key"), &dir.path().join("data"));
        keys::create(&ring.path)?;
        ring.prepare(&Zeroizing::new([1; 32]), &[])?;
        assert!(matches!(ring.settle(|_| false), Err(StoreError::WrappingKey)));
        assert!(ring.read(&ring.path).is_ok() && ring.read(&ring.next()).is_ok());
        Ok(())
    }
}

//! Drawing the linkage key together, by mail.
//!
//! Each partner draws a share and commits to it before it has seen another's; then each share goes to
//! the other partners, encrypted to each of them (HPKE, RFC 9180: X25519, HKDF-SHA-256,
//! ChaCha20-Poly1305). The key is [`LinkageKey::from_shares`] of all shares. Nobody can steer it, as long
//! as one partner draws its share at random; nobody but the partners can compute it, as long as their
//! commitments have reached each other unchanged, which [`Commitments::digest`] lets them find out.
//!
//! `docs/encoding.md` has every step to the byte.

mod commitments;
mod sealed;
mod share;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use samenloop_encode::LinkageKey;

use crate::key_file::KeyFileError;
use crate::private_file::PrivateFileError;

pub use commitments::{Commitment, Commitments};
pub use sealed::seal;
pub use share::Share;

use sealed::Sealed;

/// What a ceremony lacks, or who spoils it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// The system does not give a file.
    #[error("{}: cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: io::Error,
    },
    /// A file of one's own that others can read, or that cannot be written.
    #[error(transparent)]
    Private(#[from] KeyFileError),
    /// A line that is not what it should be.
    #[error("{}, line {line}: {rule}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The rule, and what to do.
        rule: String,
    },
    /// Something between files.
    #[error("{0}")]
    Rule(String),
}

impl From<PrivateFileError> for CeremonyError {
    fn from(error: PrivateFileError) -> Self {
        Self::Private(error.into())
    }
}

/// Checks every share against its commitment and makes the key.
pub fn combine(
    share: &Share,
    commitments: &Commitments,
    sealed: &[PathBuf],
) -> Result<LinkageKey, CeremonyError> {
    commitments.check_own(share)?;
    let mut shares = vec![share.secret().clone()];
    let mut from: Vec<(String, PathBuf)> = vec![];
    for path in sealed {
        for Sealed { sender, share: opened } in sealed::open(path, share, commitments)? {
            if let Some((_, first)) = from.iter().find(|(known, _)| *known == sender) {
                return Err(CeremonyError::Rule(format!(
                    "two shares of {sender}: {} and {}; give each partner's file once",
                    first.display(),
                    path.display()
                )));
            }
            from.push((sender, path.clone()));
            shares.push(opened);
        }
    }
    let missing: Vec<&str> = commitments
        .names()
        .filter(|name| *name != share.name() && !from.iter().any(|(sender, _)| sender == name))
        .collect();
    if !missing.is_empty() {
        return Err(CeremonyError::Rule(format!(
            "no share of {}: ask for the file that `key share seal` made there",
            missing.join(", ")
        )));
    }
    Ok(LinkageKey::from_shares(&mut shares, share.round()))
}

/// The lines of a file that are neither blank nor a comment, each with its number and its words.
fn lines(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    (1..).zip(text.lines()).filter_map(|(number, line)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let telling = words.first().is_some_and(|word| !word.starts_with('#'));
        telling.then_some((number, words))
    })
}

fn read(path: &Path) -> Result<String, CeremonyError> {
    std::fs::read_to_string(path)
        .map_err(|reason| CeremonyError::Read { path: path.to_owned(), reason })
}

/// 32 bytes in hexadecimal.
fn bytes(text: &str) -> Option<[u8; 32]> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

//! Shares on their way: each encrypted to one recipient.

use std::path::Path;

use data_encoding::HEXLOWER;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{
    Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _, single_shot_open,
    single_shot_seal,
};
use zeroize::Zeroizing;

use super::share::{self, Public, Share};
use super::{CeremonyError, Commitment, Commitments, lines, read};

const MARK: &str = "samenloop-sealed-share-1";

/// Bytes of an encapsulated key.
const ENCAPPED: usize = 32;

/// A share that has been opened and fits its commitment.
pub(super) struct Sealed {
    pub(super) sender: String,
    pub(super) share: Zeroizing<[u8; 32]>,
}

/// What binds a ciphertext to one ceremony, one sender and one recipient.
fn info(commitments: &Commitments, sender: &str, recipient: &str) -> Vec<u8> {
    let digest = commitments.digest();
    let parts: [&[u8]; 4] =
        [b"samenloop/v1/sealed-share", digest.as_bytes(), sender.as_bytes(), recipient.as_bytes()];
    parts.join(&0)
}

/// The partner's share, encrypted to each of the others: a text that may be mailed to all.
pub fn seal(share: &Share, commitments: &Commitments) -> Result<String, CeremonyError> {
    commitments.check_own(share)?;
    seal_unchecked(share, commitments)
}

pub(super) fn seal_unchecked(
    share: &Share,
    commitments: &Commitments,
) -> Result<String, CeremonyError> {
    let sender = share.name();
    let mut text = String::new();
    for Commitment { name, public, .. } in commitments.all() {
        if name == sender {
            continue;
        }
        let failed = |_| CeremonyError::Rule(format!("the share cannot be encrypted to {name}"));
        let public = Public::from_bytes(public).map_err(failed)?;
        let info = info(commitments, sender, name);
        let (encapped, sealed) =
            single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &public,
                &info,
                &**share.secret(),
                &[],
            )
            .map_err(failed)?;
        let bytes = [&encapped.to_bytes()[..], &sealed].concat();
        text += &format!(
            "{MARK} {} {sender} {name} {} {}\n",
            share.round(),
            commitments.digest(),
            HEXLOWER.encode(&bytes)
        );
    }
    Ok(text)
}

/// The shares in a file that are for this partner.
pub(super) fn open(
    path: &Path,
    share: &Share,
    commitments: &Commitments,
) -> Result<Vec<Sealed>, CeremonyError> {
    let text = read(path)?;
    let digest = commitments.digest().to_string();
    let mut found = vec![];
    let mut any = false;
    for (line, words) in lines(&text) {
        let fault = |rule: String| CeremonyError::Line { path: path.to_owned(), line, rule };
        let [MARK, round, sender, recipient, ceremony, sealed] = words[..] else {
            return Err(fault("this is no sealed share; use the file as it was mailed".to_owned()));
        };
        any = true;
        if recipient != share.name() || sender == share.name() {
            continue;
        }
        if round != share.round() {
            return Err(fault(format!(
                "{sender} sealed this for the round \"{round}\", and yours is \"{}\"",
                share.round()
            )));
        }
        let Some(commitment) = commitments.all().iter().find(|known| known.name == sender) else {
            return Err(fault(format!("{sender} is not among the commitments")));
        };
        if ceremony != digest {
            return Err(fault(format!(
                "{sender} sealed this with other commitments than yours; compare them by telephone"
            )));
        }
        let opened = unseal(share, commitments, commitment, sealed).ok_or_else(|| {
            fault(format!("the share of {sender} is damaged or not for you; ask for it again"))
        })?;
        let expected = share::digest(share.round(), sender, &commitment.public, &opened);
        if expected != commitment.digest {
            return Err(fault(format!(
                "the share of {sender} is not the one that it committed to: {sender} must send the right \
                 one, or all begin again"
            )));
        }
        found.push(Sealed { sender: sender.to_owned(), share: opened });
    }
    if !any {
        return Err(CeremonyError::Rule(format!("{}: no sealed share is in it", path.display())));
    }
    Ok(found)
}

fn unseal(
    share: &Share,
    commitments: &Commitments,
    commitment: &Commitment,
    sealed: &str,
) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(sealed.as_bytes()).ok()?;
    let (encapped, sealed) = bytes.split_at_checked(ENCAPPED)?;
    let encapped = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapped).ok()?;
    let info = info(commitments, &commitment.name, share.name());
    let opened = single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        share.identity(),
        &encapped,
        &info,
        sealed,
        &[],
    );
    let opened = Zeroizing::new(opened.ok()?);
    let mut bytes = Zeroizing::new([0; 32]);
    if opened.len() != bytes.len() {
        return None;
    }
    bytes.copy_from_slice(&opened);
    Some(bytes)
}

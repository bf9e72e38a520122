//! Who takes part, and what each is bound to.

use std::fmt;
use std::path::Path;

use data_encoding::HEXLOWER;
use hpke::Deserializable as _;
use samenloop_schema::{Digest, PartyId};

use super::share::{Public, Share};
use super::{CeremonyError, bytes, lines, read};

const MARK: &str = "samenloop-commitment-1";

/// One line that a partner mails to all others: its public key and its commitment to its share. It is no
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    pub(super) round: String,
    pub(super) name: String,
    pub(super) public: [u8; 32],
    pub(super) digest: Digest,
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = HEXLOWER.encode(&self.public);
        write!(f, "{MARK} {} {} {public} {}", self.round, self.name, self.digest)
    }
}

/// The commitments of all partners of a round, by name.
#[derive(Debug)]
pub struct Commitments(Vec<Commitment>);

impl Commitments {
    /// Reads a file of commitments, one a line, in any order.
    pub fn read(path: &Path) -> Result<Self, CeremonyError> {
        let text = read(path)?;
        let mut all: Vec<Commitment> = vec![];
        for (line, words) in lines(&text) {
            let fault =
                |rule: String| Err(CeremonyError::Line { path: path.to_owned(), line, rule });
            let [MARK, round, name, public, digest] = words[..] else {
                return fault(
                    "this is no commitment; copy the whole line that `key share new` prints"
                        .to_owned(),
                );
            };
            let (Ok(_), Some(public), Some(digest)) =
                (name.parse::<PartyId>(), bytes(public), bytes(digest))
            else {
                return fault("this commitment is damaged; ask for it again".to_owned());
            };
            let new = Commitment {
                round: round.to_owned(),
                name: name.to_owned(),
                public,
                digest: Digest(digest),
            };
            if Public::from_bytes(&public).is_err() {
                return fault(format!("the public key of {name} is none; ask for it again"));
            }
            if let Some(first) = all.first().filter(|first| first.round != new.round) {
                return fault(format!(
                    "{name} commits to the round \"{round}\", and {} to \"{}\"",
                    first.name, first.round
                ));
            }
            if let Some(known) = all.iter().find(|known| known.name == new.name) {
                return fault(match *known == new {
                    true => format!("the commitment of {name} stands twice; leave one out"),
                    false => format!(
                        "{name} has two different commitments; ask by telephone which is theirs"
                    ),
                });
            }
            if let Some(known) = all.iter().find(|known| known.public == new.public) {
                return fault(format!("{name} has the public key of {}", known.name));
            }
            all.push(new);
        }
        if all.len() < 2 {
            return Err(CeremonyError::Rule(format!(
                "{}: a key is drawn by two partners or more, and {} commitments are there",
                path.display(),
                all.len()
            )));
        }
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(Self(all))
    }

    /// Equal for two partners exactly when they have the same commitments of the same partners. They
    /// compare it by telephone: a mail that was changed on its way shows here and nowhere else.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let lines: Vec<String> = self.0.iter().map(Commitment::to_string).collect();
        let parts: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
        Digest::of_parts("samenloop/v1/key-ceremony", &parts)
    }

    /// The partners, in the order of their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|commitment| commitment.name.as_str())
    }

    pub(super) fn all(&self) -> &[Commitment] {
        &self.0
    }

    /// Fails unless the partner's own commitment is there as it made it.
    pub(super) fn check_own(&self, share: &Share) -> Result<(), CeremonyError> {
        let own = share.commitment();
        match self.0.iter().find(|commitment| commitment.name == own.name) {
            Some(found) if *found == own => Ok(()),
            Some(_) => Err(CeremonyError::Rule(format!(
                "the commitment of {} is not that of your share: it was changed, or it is of an older \
                 share; begin again together",
                own.name
            ))),
            None => Err(CeremonyError::Rule(format!(
                "your own commitment ({}) is not among the commitments; add the line that `key share new` \
                 printed",
                own.name
            ))),
        }
    }
}

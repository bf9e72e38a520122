//! What the service writes down about what it did.

use samenloop_schema::{Digest, DisclosurePolicy, KeyCheckValue, RoundId, SubmissionId};
use serde::{Deserialize, Serialize};

use crate::canonical::{Canonical, EntryError, Rest, Role, Rounded};

/// Version of the encoding, the first byte of every entry.
const VERSION: u8 = 1;

/// An entry of the ledger: when, and what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in seconds since 1970, by the service's clock.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

impl Entry {
    /// The event's kind, such as `batch_accepted`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.event.kind()
    }

    /// The canonical bytes: version, kind, time as `u64`, then the event's fields in their order,
    /// integers big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.event.code()];
        self.at.write(&mut out);
        self.event.write(&mut out);
        out
    }

    /// Reads canonical bytes; anything that [`to_bytes`](Self::to_bytes) would not write is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        let mut rest = Rest(bytes);
        let [version, code] = rest.take()?;
        if version != VERSION {
            return Err(EntryError::Version { found: version });
        }
        let entry = Self { at: u64::read(&mut rest)?, event: Event::read(code, &mut rest)? };
        match rest.0.len() {
            0 => Ok(entry),
            surplus => Err(EntryError::Surplus { surplus }),
        }
    }
}

macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $code:literal $name:ident $kind:literal {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    )*) => {
        /// What happened. A party is its place in the manifest; a rule is the service's code for it.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
        pub enum Event {
            $($(#[$doc])* $name { $($(#[$field_doc])* $field: $type,)* },)*
        }

        impl Event {
            /// Every kind with its code, the second byte of an entry.
            pub const KINDS: &[(u8, &'static str)] = &[$(($code, $kind)),*];

            /// The kind, such as `batch_accepted`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $kind,)*
                }
            }

            fn code(&self) -> u8 {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name { $($field),* } => { $($field.write(out);)* })*
                }
            }

            fn read(code: u8, from: &mut Rest<'_>) -> Result<Self, EntryError> {
                match code {
                    $($code => Ok(Self::$name { $($field: Canonical::read(from)?),* }),)*
                    found => Err(EntryError::Kind { found }),
                }
            }
        }
    };
}

events! {
    /// The service started.
    1 ServiceStarted "service_started" {
        /// SHA-256 of the program that runs.
        software: Digest,
    }
    /// The service found that it had not been stopped in order, and checked what it holds.
    2 Recovered "recovered" {}
    /// A coordinator announced a round: draft.
    3 RoundCreated "round_created" {
        /// The manifest's hash.
        round: RoundId,
        /// Hash of the linkage schema.
        schema: Digest,
        /// Parties in the manifest.
        parties: u16,
        /// Parties whose sealed submissions a release needs.
        min_parties: u16,
        /// Days until submissions are deleted.
        retention_days: u32,
        /// How numbers will leave.
        policy: DisclosurePolicy,
    }
    /// A partner announced its key check value; a later one replaces it.
    4 KeyAnnounced "key_announced" {
        /// The round.
        round: RoundId,
        /// Who.
        party: u16,
        /// Tells keys apart, and nothing about the key.
        key_check_value: KeyCheckValue,
    }
    /// The key check values agree: open.
    5 RoundOpened "round_opened" {
        /// The round.
        round: RoundId,
    }
    /// A partner began a submission.
    6 SubmissionOpened "submission_opened" {
        /// The round.
        round: RoundId,
        /// Whose.
        party: u16,
        /// The submission.
        submission: SubmissionId,
    }
    /// A batch is durable.
    7 BatchAccepted "batch_accepted" {
        /// The round.
        round: RoundId,
        /// Whose.
        party: u16,
        /// The submission.
        submission: SubmissionId,
        /// Number of the batch, from 0.
        number: u32,
        /// Records in it, rounded.
        records: Rounded,
        /// SHA-256 over the batch's content salt and its digest.
        content: Digest,
    }
    /// A batch broke a rule; nothing of it was kept.
    8 BatchRefused "batch_refused" {
        /// The round.
        round: RoundId,
        /// Whose.
        party: u16,
        /// The submission, if the batch named one of this party.
        submission: Option<SubmissionId>,
        /// Number that the batch gave itself.
        number: u32,
        /// The rule.
        rule: u16,
    }
    /// A submission is complete and takes the place of the party's earlier one.
    9 SubmissionSealed "submission_sealed" {
        /// The round.
        round: RoundId,
        /// Whose.
        party: u16,
        /// The submission.
        submission: SubmissionId,
        /// Batches in it.
        batches: u32,
        /// Records in it, rounded.
        records: Rounded,
        /// SHA-256 over the contents of its batches' entries, in order.
        content: Digest,
    }
    /// A newer submission took this one's place; its data key is destroyed.
    10 SubmissionReplaced "submission_replaced" {
        /// The round.
        round: RoundId,
        /// Whose.
        party: u16,
        /// The submission.
        submission: SubmissionId,
    }
    /// A partner withdrew a submission; its data key is destroyed.
    11 SubmissionWithdrawn "submission_withdrawn" {
        /// The round.
        round: RoundId,
        /// Whose.
        party: u16,
        /// The submission.
        submission: SubmissionId,
    }
    /// A partner left an unsealed submission for another, or the round was frozen before it was
    /// sealed; its data key is destroyed.
    12 SubmissionAbandoned "submission_abandoned" {
        /// The round.
        round: RoundId,
        /// Whose.
        party: u16,
        /// The submission.
        submission: SubmissionId,
    }
    /// The inputs are fixed.
    13 RoundFrozen "round_frozen" {
        /// The round.
        round: RoundId,
        /// Sealed submissions.
        submissions: u16,
        /// RFC 6962 root over the contents of the sealed submissions, in the order of the parties.
        inputs_root: Digest,
    }
    /// A linkage run began.
    14 RunStarted "run_started" {
        /// The round.
        round: RoundId,
        /// Number of the run in its round, from 0.
        run: u32,
        /// SHA-256 of everything that decides its result besides the inputs.
        parameters: Digest,
    }
    /// A run ended well: linked.
    15 RunFinished "run_finished" {
        /// The round.
        round: RoundId,
        /// Number of the run.
        run: u32,
        /// As when it began.
        parameters: Digest,
        /// SHA-256 over a salt and the digest of the partition that it found.
        partition: Digest,
    }
    /// A run broke off; the round stays frozen.
    16 RunFailed "run_failed" {
        /// The round.
        round: RoundId,
        /// Number of the run.
        run: u32,
        /// Why.
        rule: u16,
    }
    /// A coordinator stopped a run; the round stays frozen.
    17 RunCancelled "run_cancelled" {
        /// The round.
        round: RoundId,
        /// Number of the run.
        run: u32,
    }
    /// The closed lattice is materialised and its noise key is gone.
    18 Released "released" {
        /// The round.
        round: RoundId,
        /// How its numbers are protected.
        policy: DisclosurePolicy,
        /// SHA-256 of the released tables.
        release: Digest,
    }
    /// A release was asked for and refused.
    19 ReleaseRefused "release_refused" {
        /// The round.
        round: RoundId,
        /// Why.
        rule: u16,
    }
    /// A released table was asked for.
    20 Queried "queried" {
        /// The round.
        round: RoundId,
        /// By whom.
        role: Role,
        /// What was counted, by its number in `release.proto`.
        measure: u16,
        /// Places of the dimensions in the linkage schema, and after them of the manifest's roll-ups,
        /// in the order asked.
        by: Vec<u16>,
    }
    /// A call that its certificate does not allow.
    21 AccessRefused "access_refused" {
        /// Who called.
        role: Role,
        /// Why.
        rule: u16,
    }
    /// The round is over; its submissions' data keys are destroyed.
    22 RoundClosed "round_closed" {
        /// The round.
        round: RoundId,
    }
    /// The release is taken back to be corrected, once at most: the round is linked and released anew.
    23 CorrectionBegun "correction_begun" {
        /// The round.
        round: RoundId,
        /// The release that was wrong.
        release: Digest,
        /// What was wrong, by its number in `round.proto`.
        reason: u16,
    }
    /// The store was taken back to a backup. Of the entries after it only deletions and corrections
    /// still hold, and a round that was released among them is not released again.
    29 Restored "restored" {
        /// Entries that the backup held.
        size: u64,
    }
    /// A data key was destroyed: another wrapping key wraps the others, and the one that could open
    /// the destroyed key is erased.
    30 WrappingKeyRotated "wrapping_key_rotated" {}
    /// The retention that the manifest states is over, so the round is closed with this entry's change.
    31 RetentionEnded "retention_ended" {
        /// The round.
        round: RoundId,
    }
    /// The certificates by which the service trusts and is trusted, at its start and whenever they
    /// changed.
    32 CertificatesLoaded "certificates_loaded" {
        /// SHA-256 of the service's own certificate.
        service: Digest,
        /// SHA-256 over the certificates of the authorities that clients are trusted by.
        authorities: Digest,
        /// Client certificates that are revoked.
        revoked: u32,
    }
    /// A certificate's first call of the day.
    33 CertificateUsed "certificate_used" {
        /// In which role.
        role: Role,
        /// SHA-256 of the certificate.
        certificate: Digest,
    }
    /// A witness of the round found that the ledger only grew, and signed a checkpoint.
    34 Cosigned "cosigned" {
        /// The round.
        round: RoundId,
        /// Place of the witness in the manifest.
        witness: u16,
        /// Entries under the checkpoint.
        size: u64,
    }
}

impl Event {
    /// The round that the event belongs to; none for what concerns the whole service.
    #[must_use]
    pub fn round(&self) -> Option<RoundId> {
        match self {
            Self::ServiceStarted { .. }
            | Self::Recovered {}
            | Self::AccessRefused { .. }
            | Self::WrappingKeyRotated {}
            | Self::Restored { .. }
            | Self::CertificatesLoaded { .. }
            | Self::CertificateUsed { .. } => None,
            Self::RoundCreated { round, .. }
            | Self::KeyAnnounced { round, .. }
            | Self::RoundOpened { round }
            | Self::SubmissionOpened { round, .. }
            | Self::BatchAccepted { round, .. }
            | Self::BatchRefused { round, .. }
            | Self::SubmissionSealed { round, .. }
            | Self::SubmissionReplaced { round, .. }
            | Self::SubmissionWithdrawn { round, .. }
            | Self::SubmissionAbandoned { round, .. }
            | Self::RoundFrozen { round, .. }
            | Self::RunStarted { round, .. }
            | Self::RunFinished { round, .. }
            | Self::RunFailed { round, .. }
            | Self::RunCancelled { round, .. }
            | Self::Released { round, .. }
            | Self::ReleaseRefused { round, .. }
            | Self::Queried { round, .. }
            | Self::CorrectionBegun { round, .. }
            | Self::RetentionEnded { round }
            | Self::Cosigned { round, .. }
            | Self::RoundClosed { round } => Some(*round),
        }
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;

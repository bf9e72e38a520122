//! Names and layouts in the data directory, shared by the service that writes and the auditor who
//! reads. Values are the messages of `store.proto`; keys are as their comments say.

use samenloop_schema::{RoundId, SubmissionId};

/// The one database file of a data directory.
pub const FILE: &str = "samenloop.redb";

/// `StoredRound` by round id.
pub const ROUNDS: &str = "rounds";
/// `StoredKeyAnnouncement` by round id and party place.
pub const KEY_ANNOUNCEMENTS: &str = "key_announcements";
/// `StoredSubmission` by round id, party place and submission id.
pub const SUBMISSIONS: &str = "submissions";
/// `StoredBatch` by round id, submission id and number.
pub const BATCHES: &str = "batches";
/// Encrypted rows by round id, submission id and number.
pub const BLOBS: &str = "blobs";
/// What a finished run found, by round id and number ([`partition_key`]): number 0 holds the
/// clusters, a u32 (little-endian) per record in the order of parties and rows, number 1 the draws from
/// the linkage posterior beside them, as [`Draws::to_bytes`](samenloop_schema::Draws::to_bytes)
/// writes them. Each is encrypted under the round's partition key and bound to its key here: nonce,
/// ciphertext, tag.
pub const PARTITIONS: &str = "partitions";
/// The released tables by round id, as `disclose` writes them.
pub const RELEASES: &str = "releases";
/// `StoredEntry` by index.
pub const ENTRIES: &str = "entries";
/// Facts about the store itself, by the names below.
pub const META: &str = "meta";

/// Version of these tables and layouts.
pub const VERSION: u32 = 2;
/// In [`META`]: the version, u32 big-endian.
pub const META_VERSION: &str = "version";
/// In [`META`]: a data key that encrypts nothing, wrapped and bound to this name. It tells whether
/// the wrapping key is the right one.
pub const META_KEY_CHECK: &str = "key_check";
/// In [`META`]: one byte, 1 after a clean stop and 0 while the service runs or after a crash.
pub const META_CLEAN_STOP: &str = "clean_stop";

/// Every table; keys and values are bytes.
pub const TABLES: [&str; 9] =
    [ROUNDS, KEY_ANNOUNCEMENTS, SUBMISSIONS, BATCHES, BLOBS, PARTITIONS, RELEASES, ENTRIES, META];

/// Bytes before the ciphertext of a blob or a wrapped key (AES-256-GCM).
pub const NONCE_LEN: usize = 12;
/// Bytes after it.
pub const TAG_LEN: usize = 16;

/// Length of the blob of `rows` rows.
#[must_use]
pub const fn blob_len(rows: usize, row_len: usize) -> usize {
    NONCE_LEN + rows * row_len + TAG_LEN
}

/// Key of a batch and of its blob, and the data that its encryption is bound to.
#[must_use]
pub fn batch_key(round: &RoundId, submission: &SubmissionId, number: u32) -> [u8; 52] {
    let mut key = [0; 52];
    key[..32].copy_from_slice(&round.0);
    key[32..48].copy_from_slice(&submission.0);
    key[48..].copy_from_slice(&number.to_be_bytes());
    key
}

/// Key of a party's announcement.
#[must_use]
pub fn party_key(round: &RoundId, party: u32) -> [u8; 36] {
    let mut key = [0; 36];
    key[..32].copy_from_slice(&round.0);
    key[32..].copy_from_slice(&party.to_be_bytes());
    key
}

/// Key of a part of a partition, and the data that its encryption is bound to.
#[must_use]
pub fn partition_key(round: &RoundId, number: u32) -> [u8; 36] {
    party_key(round, number)
}

/// Key of a submission, and the data that the wrapping of its data key is bound to.
#[must_use]
pub fn submission_key(round: &RoundId, party: u32, submission: &SubmissionId) -> [u8; 52] {
    let mut key = [0; 52];
    key[..36].copy_from_slice(&party_key(round, party));
    key[36..].copy_from_slice(&submission.0);
    key
}

//! Every table read, every value decoded as the message that it must be, every byte counted.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use prost::Message;
use redb::{ReadTransaction, ReadableTable as _, TableDefinition, TableError, TableHandle as _};
use samenloop_ledger::Entry;
use samenloop_schema::{LinkageSchema, RecordShape, RoundId, RoundManifest, SubmissionId};
use samenloop_wire::v1::{
    StoredBatch, StoredEntry, StoredKeyAnnouncement, StoredRound, StoredSubmission,
};
use samenloop_wire::{store, strict};
use serde::Serialize;

use super::{Bytes, OpenError, Pages};
use crate::finding::{Finding, Place};
use crate::scan::{Kind, suspects};

/// A table of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableSeen {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// A round and its files.
pub(super) struct RoundSeen {
    pub(super) stored: StoredRound,
    pub(super) manifest: RoundManifest,
    pub(super) schema: LinkageSchema,
    pub(super) shape: RecordShape,
}

/// A submission and the place of its party.
pub(super) struct SubmissionSeen {
    pub(super) party: u32,
    pub(super) stored: StoredSubmission,
}

/// Everything but ciphertext.
#[derive(Default)]
pub(super) struct Metadata {
    pub(super) tables: Vec<TableSeen>,
    pub(super) bytes: Bytes,
    /// Without what no table explains.
    pub(super) pages: Pages,
    pub(super) rounds: BTreeMap<RoundId, RoundSeen>,
    pub(super) announcements: BTreeMap<(RoundId, u32), StoredKeyAnnouncement>,
    pub(super) submissions: BTreeMap<(RoundId, SubmissionId), SubmissionSeen>,
    pub(super) batches: BTreeMap<(RoundId, SubmissionId, u32), StoredBatch>,
    /// Lengths of the blobs.
    pub(super) blobs: BTreeMap<(RoundId, SubmissionId, u32), usize>,
    /// Lengths of the parts of partitions.
    pub(super) partitions: BTreeMap<(RoundId, u32), usize>,
    pub(super) releases: BTreeMap<RoundId, Vec<u8>>,
    /// The entries that can be read and hash to their leaf; none for one that does not.
    pub(super) entries: BTreeMap<u64, Option<Entry>>,
    pub(super) meta: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Place of a row.
pub(super) fn row(table: &str, key: &[u8]) -> Place {
    Place::Table { name: table.to_owned(), key: Some(HEXLOWER.encode(key)) }
}

/// A table whose keys and values are bytes.
pub(super) fn table(name: &str) -> TableDefinition<'_, &'static [u8], &'static [u8]> {
    TableDefinition::new(name)
}

fn round_and_number(key: &[u8]) -> Option<(RoundId, u32)> {
    let (round, number) = key.split_first_chunk::<32>()?;
    Some((RoundId(*round), u32::from_be_bytes(number.try_into().ok()?)))
}

fn batch(key: &[u8]) -> Option<(RoundId, SubmissionId, u32)> {
    let (round, rest) = key.split_first_chunk::<32>()?;
    let (submission, number) = rest.split_first_chunk::<16>()?;
    Some((RoundId(*round), SubmissionId(*submission), u32::from_be_bytes(number.try_into().ok()?)))
}

/// A row as its table's reader takes it: what of it is not plain metadata, or why it is refused.
type Taken = Result<Share, &'static str>;

/// Bytes of a value that are not plain metadata.
#[derive(Default)]
struct Share {
    public_files: usize,
    ciphertext: usize,
    released: usize,
}

impl Metadata {
    pub(super) fn read(
        read: &ReadTransaction,
        findings: &mut Vec<Finding>,
    ) -> Result<Self, OpenError> {
        let mut metadata = Self::default();
        for name in store::TABLES {
            metadata.read_table(read, name, findings)?;
        }
        let whole = |name: &str| Place::Table { name: name.to_owned(), key: None };
        for unknown in read.list_tables()?.filter(|known| !store::TABLES.contains(&known.name())) {
            let evidence = "no rule explains what is in it";
            findings.push(Finding::new(whole(unknown.name()), KNOWN_TABLES, evidence));
            let name = unknown.name().to_owned();
            let opened = read.open_untyped_table(unknown)?;
            let bytes = redb::ReadableTableMetadata::stats(&opened)?.stored_bytes();
            metadata.bytes.unexplained += bytes;
            let rows = redb::ReadableTableMetadata::len(&opened)?;
            metadata.tables.push(TableSeen { name, rows, bytes });
        }
        for unknown in read.list_multimap_tables()? {
            let name = redb::MultimapTableHandle::name(&unknown);
            findings.push(Finding::new(whole(name), KNOWN_TABLES, "it holds lists"));
        }
        Ok(metadata)
    }

    fn read_table(
        &mut self,
        read: &ReadTransaction,
        name: &'static str,
        findings: &mut Vec<Finding>,
    ) -> Result<(), OpenError> {
        let place = Place::Table { name: name.to_owned(), key: None };
        let opened = match read.open_table(table(name)) {
            Ok(opened) => opened,
            Err(TableError::TableDoesNotExist(_)) => {
                findings.push(Finding::new(place, "a store has every table", "it is missing"));
                return Ok(());
            }
            Err(error @ TableError::Storage(_)) => return Err(error.into()),
            Err(error) => {
                let rule = "keys and values of a table are bytes";
                findings.push(Finding::new(place, rule, error.to_string()));
                return Ok(());
            }
        };
        let mut seen = TableSeen { name: name.to_owned(), rows: 0, bytes: 0 };
        for pair in opened.iter()? {
            let (key, value) = pair?;
            let (key, value) = (key.value(), value.value());
            seen.rows += 1;
            seen.bytes += (key.len() + value.len()) as u64;
            match self.take(name, key, value) {
                Ok(share) => {
                    let plain =
                        value.len() - share.public_files - share.ciphertext - share.released;
                    self.bytes.keys += key.len() as u64;
                    self.bytes.metadata += plain as u64;
                    self.bytes.public_files += share.public_files as u64;
                    self.bytes.ciphertext += share.ciphertext as u64;
                    self.bytes.released += share.released as u64;
                }
                Err(rule) => {
                    self.bytes.unexplained += (key.len() + value.len()) as u64;
                    let evidence = format!("{} bytes under {}", value.len(), key.len());
                    let place = match (name, key.try_into().map(u64::from_be_bytes)) {
                        (store::ENTRIES, Ok(index)) => Place::Entry { index, kind: None },
                        _ => row(name, key),
                    };
                    findings.push(Finding::new(place, rule, evidence));
                }
            }
        }
        self.tables.push(seen);
        let stats = redb::ReadableTableMetadata::stats(&opened)?;
        self.pages.stored += stats.stored_bytes();
        self.pages.structure += stats.metadata_bytes();
        self.pages.unused += stats.fragmented_bytes();
        Ok(())
    }

    /// Kinds of what looks like personal data in the public files themselves, such as an address to
    /// write to: in the database these prove nothing.
    pub(super) fn public_kinds(&self) -> BTreeSet<Kind> {
        let files = self.rounds.values().map(|round| &round.stored);
        let texts = files.flat_map(|stored| [&stored.manifest_toml[..], &stored.schema_toml]);
        let texts = texts.chain(self.releases.values().map(Vec::as_slice));
        let seen =
            texts.flat_map(|text| suspects(text).seen().map(|(kind, _)| kind).collect::<Vec<_>>());
        // The files themselves are text.
        seen.chain([Kind::Text]).collect()
    }

    fn take(&mut self, name: &str, key: &[u8], value: &[u8]) -> Taken {
        match name {
            store::ROUNDS => self.take_round(key, value),
            store::KEY_ANNOUNCEMENTS => {
                let key = round_and_number(key).ok_or(KEY)?;
                self.announcements.insert(key, message(value)?);
                Ok(Share::default())
            }
            store::SUBMISSIONS => {
                let (head, id) = key.split_last_chunk::<16>().ok_or(KEY)?;
                let (round, party) = round_and_number(head).ok_or(KEY)?;
                let stored: StoredSubmission = message(value)?;
                let ciphertext = stored.wrapped_data_key.len();
                let seen = SubmissionSeen { party, stored };
                let twice = self.submissions.insert((round, SubmissionId(*id)), seen).is_some();
                if twice { Err("a submission has one party") } else { Ok(encrypted(ciphertext)) }
            }
            store::BATCHES => {
                let key = batch(key).ok_or(KEY)?;
                self.batches.insert(key, message(value)?);
                Ok(Share::default())
            }
            store::BLOBS => {
                self.blobs.insert(batch(key).ok_or(KEY)?, value.len());
                Ok(encrypted(value.len()))
            }
            store::PARTITIONS => {
                self.partitions.insert(round_and_number(key).ok_or(KEY)?, value.len());
                Ok(encrypted(value.len()))
            }
            store::RELEASES => {
                let round = RoundId::from_slice(key).ok_or(KEY)?;
                self.releases.insert(round, value.to_vec());
                Ok(Share { released: value.len(), ..Share::default() })
            }
            store::ENTRIES => self.take_entry(key, value),
            _ => {
                self.meta.insert(key.to_vec(), value.to_vec());
                let known = [store::META_VERSION, store::META_KEY_CHECK, store::META_CLEAN_STOP];
                if !known.iter().any(|name| name.as_bytes() == key) {
                    return Err("a fact about the store is one of those known");
                }
                let check = key == store::META_KEY_CHECK.as_bytes();
                Ok(if check { encrypted(value.len()) } else { Share::default() })
            }
        }
    }

    fn take_round(&mut self, key: &[u8], value: &[u8]) -> Taken {
        let round = RoundId::from_slice(key).ok_or(KEY)?;
        let stored: StoredRound = message(value)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| PUBLIC_FILES);
        let (manifest, schema) = (text(&stored.manifest_toml)?, text(&stored.schema_toml)?);
        if RoundManifest::round_id(&manifest) != round {
            return Err("a round's id is the hash of its manifest");
        }
        let manifest = RoundManifest::from_toml(&manifest).map_err(|_| PUBLIC_FILES)?;
        let schema = LinkageSchema::from_toml(&schema).map_err(|_| PUBLIC_FILES)?;
        if schema.hash() != manifest.schema_hash {
            return Err("the linkage schema is the one that the manifest names");
        }
        let share = Share {
            public_files: stored.manifest_toml.len() + stored.schema_toml.len(),
            ciphertext: stored.wrapped_partition_key.len(),
            released: 0,
        };
        let shape = schema.shape();
        self.rounds.insert(round, RoundSeen { stored, manifest, schema, shape });
        Ok(share)
    }

    fn take_entry(&mut self, key: &[u8], value: &[u8]) -> Taken {
        let index = u64::from_be_bytes(key.try_into().map_err(|_| KEY)?);
        self.entries.insert(index, None);
        let stored: StoredEntry = message(value)?;
        let hash = samenloop_schema::Digest::of(&[&stored.salt[..], &stored.body].concat());
        if stored.salt.len() != 16 || hash.0[..] != stored.leaf {
            return Err("an entry hashes to its leaf");
        }
        let entry = Entry::from_bytes(&stored.body).map_err(|_| "an entry can be read")?;
        self.entries.insert(index, Some(entry));
        Ok(Share::default())
    }
}

fn encrypted(ciphertext: usize) -> Share {
    Share { ciphertext, ..Share::default() }
}

fn message<T: Message + Default>(value: &[u8]) -> Result<T, &'static str> {
    strict::decode(value).map_err(|_| "a value is exactly its table's message")
}

const KEY: &str = "a key has the length of its table";
const PUBLIC_FILES: &str = "a round's manifest and linkage schema can be read";
const KNOWN_TABLES: &str = "a store has the tables that are known and no other";

//! A store written by hand from the layouts of `wire::store`, for tests to spoil.

use std::collections::BTreeMap;
use std::path::Path;

use prost::Message;
use redb::{Database, TableDefinition};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use samenloop_ledger::{Entry, Event, Rounded, commit, inputs_root, leaf, submission_content};
use samenloop_schema::{
    Clk, Digest, DisclosurePolicy, Draws, KeyCheckValue, LinkageSchema, MatchKeyValue, Record,
    RecordShape, RoundId, RoundManifest, SubmissionId,
};
use samenloop_wire::store::{self, batch_key, partition_key, party_key, submission_key};
use samenloop_wire::{Batch, v1};

pub(super) const WRAPPING_KEY: [u8; 32] = [42; 32];
const DATA_KEY: [u8; 32] = [43; 32];
const KCV: [u8; 16] = [9; 16];
pub(super) const ROWS: u32 = 120;

const SCHEMA: &str = r#"
version = 1
round = "sample"
field = [
    { name = "surname", kind = "surname", columns = ["naam"] },
    { name = "birth", kind = "birth_date", columns = ["geb"] },
]
dimension = [{ name = "sex", columns = ["geslacht"], codes = ["m", "v"] }]
match_key = [{ name = "person", parts = ["surname", "birth"] }]

[[encoding]]
name = "person"
bits = 1024
filter_bits = 1024
diffusion = 8
features = [
    { field = "surname", tokens = "bigrams", hashes = 10 },
    { field = "birth", tokens = "date_parts", hashes = 10 },
]
"#;

/// Tables by name, rows by key.
pub(super) struct Sample {
    pub(super) tables: BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>,
    pub(super) round: RoundId,
    pub(super) shape: RecordShape,
    entries: u64,
}

pub(super) fn submission(party: u16) -> SubmissionId {
    SubmissionId([party as u8 + 1; 16])
}

fn seal(key: &[u8; 32], plain: &[u8], place: &[u8]) -> Vec<u8> {
    let nonce = Digest::of_parts("nonce", &[place, plain]).0;
    let nonce = nonce.first_chunk().expect("a digest is longer");
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("of its length"));
    let (unique, mut sealed) = (Nonce::assume_unique_for_key(*nonce), plain.to_vec());
    let done = cipher.seal_in_place_append_tag(unique, Aad::from(place), &mut sealed);
    done.expect("short enough");
    [&nonce[..], &sealed].concat()
}

/// Bytes that look random and are the same in every run.
fn noise<const N: usize>(seed: &[u8]) -> [u8; N] {
    let blocks = (0..N.div_ceil(32) as u64)
        .flat_map(|block| Digest::of_parts("noise", &[seed, &block.to_be_bytes()]).0);
    let bytes: Vec<u8> = blocks.take(N).collect();
    bytes.try_into().expect("as many as were taken")
}

fn record(party: u16, row: u32) -> Record {
    let seed = [&party.to_be_bytes()[..], &row.to_be_bytes()].concat();
    Record {
        encodings: vec![Clk::from_bytes(&noise::<128>(&seed))],
        match_keys: vec![(!row.is_multiple_of(5)).then(|| MatchKeyValue(noise(&seed)))],
        codes: vec![Some((row % 2) as u16)],
        start: None,
        end: None,
    }
}

impl Sample {
    /// A released round of three parties.
    pub(super) fn new() -> Self {
        let schema = LinkageSchema::from_toml(SCHEMA).expect("the schema is legal");
        let parties = ["ggd", "ggz", "opvang"]
            .map(|id| format!("[[party]]\nid = \"{id}\"\nmax_records = 1000\n"))
            .concat();
        let hash = schema.hash();
        let manifest = format!(
            "purpose = \"How many people\"\nschema_hash = \"{hash}\"\nretention_days = 90\n{parties}"
        );
        let round = RoundManifest::round_id(&manifest);
        let (tables, shape) = (BTreeMap::new(), schema.shape());
        let mut sample = Self { tables, round, shape, entries: 0 };
        for name in store::TABLES {
            sample.tables.insert(name.to_owned(), BTreeMap::new());
        }
        sample.put(store::META, b"version", store::VERSION.to_be_bytes());
        sample.put(store::META, b"clean_stop", [1]);
        let check = seal(&WRAPPING_KEY, &[1; 32], b"key_check");
        sample.put(store::META, b"key_check", check);

        let policy = DisclosurePolicy::default();
        sample.log(Event::ServiceStarted { software: Digest::of(b"program") });
        sample.log(Event::RoundCreated {
            round,
            schema: hash,
            parties: 3,
            min_parties: 3,
            retention_days: 90,
            policy: policy.clone(),
        });
        let key_check_value = KeyCheckValue(KCV);
        for party in 0..3 {
            sample.log(Event::KeyAnnounced { round, party, key_check_value });
            let stored = v1::StoredKeyAnnouncement { key_check_value: KCV.to_vec().into() };
            sample.put_message(store::KEY_ANNOUNCEMENTS, &party_key(&round, party.into()), &stored);
        }
        sample.log(Event::RoundOpened { round });
        let contents: Vec<Digest> = (0..3).map(|party| sample.submit(party)).collect();
        let inputs_root = inputs_root(contents);
        sample.log(Event::RoundFrozen { round, submissions: 3, inputs_root });
        let (parameters, partition) = (Digest::of(b"parameters"), Digest::of(b"partition"));
        sample.log(Event::RunStarted { round, run: 0, parameters });
        let committed = commit(&[5; 16], &partition);
        let finished = Event::RunFinished { round, run: 0, parameters, partition: committed };
        sample.log(finished);
        let labels: Vec<u32> = (0..6 * ROWS).map(|row| row / 2).collect();
        let draws = Draws::of_partitions(&labels, &[(0..6 * ROWS).collect()]);
        let labels = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        for (number, part) in (0..).zip([labels, draws.to_bytes()]) {
            let place = partition_key(&round, number);
            sample.put(store::PARTITIONS, &place, seal(&DATA_KEY, &part, &place));
        }
        let body = b"the released tables";
        let release = Digest::of_parts("samenloop/v1/release", &[body]);
        sample.put(store::RELEASES, &round.0, [&body[..], &release.0].concat());
        sample.log(Event::Released { round, policy, release });
        let stored = v1::StoredRound {
            state: v1::RoundState::Released.into(),
            manifest_toml: manifest.into(),
            schema_toml: SCHEMA.into(),
            created_at: 1,
            inputs_root: inputs_root.0.to_vec().into(),
            partition_digest: partition.0.to_vec().into(),
            partition_salt: vec![5; 16].into(),
            release_digest: release.0.to_vec().into(),
            wrapped_partition_key: seal(&WRAPPING_KEY, &DATA_KEY, &round.0).into(),
            runs: 1,
            ..v1::StoredRound::default()
        };
        sample.put_message(store::ROUNDS, &round.0, &stored);
        sample
    }

    /// Two batches of a party, sealed. Returns the submission's content.
    fn submit(&mut self, party: u16) -> Digest {
        let (round, submission) = (self.round, submission(party));
        self.log(Event::SubmissionOpened { round, party, submission });
        let contents = [0, 1].map(|number| {
            let rows = (number * ROWS..(number + 1) * ROWS).map(|row| record(party, row));
            self.put_batch(party, number, &rows.collect::<Vec<_>>())
        });
        let content = submission_content(contents);
        let records = Rounded::up(2 * u64::from(ROWS));
        let batches = 2;
        let sealed =
            Event::SubmissionSealed { round, party, submission, batches, records, content };
        let ledger_index = self.log(sealed);
        let place = submission_key(&round, party.into(), &submission);
        let stored = v1::StoredSubmission {
            state: v1::SubmissionState::Sealed.into(),
            batches,
            records: 2 * u64::from(ROWS),
            expected_records: 2 * u64::from(ROWS),
            wrapped_data_key: seal(&WRAPPING_KEY, &DATA_KEY, &place).into(),
            content: content.0.to_vec().into(),
            ledger_index,
            ..v1::StoredSubmission::default()
        };
        self.put_message(store::SUBMISSIONS, &place, &stored);
        content
    }

    fn put_batch(&mut self, party: u16, number: u32, records: &[Record]) -> Digest {
        let (round, submission) = (self.round, submission(party));
        let mut rows = vec![];
        records.iter().for_each(|record| self.shape.write_row(record, &mut rows));
        let ids = (&round, &submission, &KeyCheckValue(KCV));
        let batch = Batch::of_rows(&self.shape, ids, number, &rows).expect("good rows");
        let digest = batch.digest();
        let content = commit(&[7; 16], &digest);
        let count = records.len() as u32;
        let records_rounded = Rounded::up(count.into());
        let ledger_index = self.log(Event::BatchAccepted {
            round,
            party,
            submission,
            number,
            records: records_rounded,
            content,
        });
        let stored = v1::StoredBatch {
            records: count,
            digest: digest.0.to_vec().into(),
            ledger_index,
            content_salt: vec![7; 16].into(),
        };
        self.put_message(store::BATCHES, &batch_key(&round, &submission, number), &stored);
        self.put_rows(party, number, &rows);
        content
    }

    /// The plain rows of a batch.
    pub(super) fn rows(&self, party: u16, number: u32) -> Vec<u8> {
        let mut rows = vec![];
        for row in number * ROWS..(number + 1) * ROWS {
            self.shape.write_row(&record(party, row), &mut rows);
        }
        rows
    }

    /// Encrypts rows in the place of a batch's.
    pub(super) fn put_rows(&mut self, party: u16, number: u32, rows: &[u8]) {
        let place = batch_key(&self.round, &submission(party), number);
        self.put(store::BLOBS, &place, seal(&DATA_KEY, rows, &place));
    }

    pub(super) fn put(&mut self, table: &str, key: &[u8], value: impl AsRef<[u8]>) {
        let table = self.tables.entry(table.to_owned()).or_default();
        table.insert(key.to_vec(), value.as_ref().to_vec());
    }

    pub(super) fn put_message(&mut self, table: &str, key: &[u8], value: &impl Message) {
        self.put(table, key, value.encode_to_vec());
    }

    /// The value of the first row of a table.
    pub(super) fn first(&mut self, table: &str) -> &mut Vec<u8> {
        let rows = self.tables.get_mut(table).expect("the sample has every table");
        rows.values_mut().next().expect("every table has a row")
    }

    /// Decodes, changes and writes back the first row of a table.
    pub(super) fn change<T: Message + Default>(&mut self, table: &str, change: impl Fn(&mut T)) {
        let value = self.first(table);
        let mut message = T::decode(value.as_slice()).expect("the sample is well formed");
        change(&mut message);
        *value = message.encode_to_vec();
    }

    fn log(&mut self, event: Event) -> u64 {
        let index = self.entries;
        let body = Entry { at: index, event }.to_bytes();
        let stored = v1::StoredEntry {
            leaf: leaf(&[3; 16], &body).0.to_vec().into(),
            salt: vec![3; 16].into(),
            body: body.into(),
        };
        self.put_message(store::ENTRIES, &index.to_be_bytes(), &stored);
        self.entries += 1;
        index
    }

    /// Writes the database of a data directory and returns it still open.
    pub(super) fn write(&self, data_dir: &Path) -> Result<Database, redb::Error> {
        let database = Database::create(data_dir.join(store::FILE))?;
        let change = database.begin_write()?;
        for (name, rows) in &self.tables {
            let definition = TableDefinition::<&[u8], &[u8]>::new(name);
            let mut table = change.open_table(definition)?;
            for (key, value) in rows {
                table.insert(key.as_slice(), value.as_slice())?;
            }
        }
        change.commit()?;
        Ok(database)
    }
}

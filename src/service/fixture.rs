//! A small round for this room's tests: three parties, one encoding, one match key, one dimension.

use std::sync::{Arc, LazyLock};

use samenloop_schema::{
    Clk, Digest, KeyCheckValue, LinkageSchema, MatchKeyValue, Month, Record, RecordShape, RoundId,
    SubmissionId,
};
use samenloop_wire::{Batch, v1};
use tempfile::TempDir;

use crate::identity::{Caller, Role};
use crate::ingest::IngestError;
use crate::keys;
use crate::round::Rounds;
use crate::store::{Base, Clock, Keyring, Store, StoreError};

pub(crate) const PARTIES: [&str; 3] = ["ggd", "ggz", "opvang"];
pub(crate) const KEY: KeyCheckValue = KeyCheckValue([0x5a; 16]);

pub(crate) const SCHEMA: &str = r#"
version = 1
round = "fixture"
max_key_multiplicity = 2
[[field]]
name = "surname"
kind = "surname"
columns = ["achternaam"]
[[field]]
name = "birth"
kind = "birth_date"
columns = ["geboortedatum"]
[[encoding]]
name = "person"
bits = 256
filter_bits = 256
diffusion = 8
features = [
    { field = "surname", tokens = "bigrams", hashes = 4 },
    { field = "birth", tokens = "date_parts", hashes = 4 },
]
[[match_key]]
name = "surname-birth"
parts = ["surname", "birth"]
[[dimension]]
name = "gemeente"
columns = ["gemeente"]
codes = ["Groningen", "Haren"]
"#;

pub(crate) fn manifest(purpose: &str) -> String {
    let hash = LinkageSchema::from_toml(SCHEMA).expect("the fixture's schema is one").hash();
    let parties = PARTIES.map(|id| format!("[[party]]\nid = \"{id}\"\nmax_records = 500\n"));
    format!(
        "purpose = \"{purpose}\"\nschema_hash = \"{hash}\"\nretention_days = 90\n{}",
        parties.concat()
    )
}

/// A store in a directory of its own.
pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) rounds: Arc<Rounds>,
}

/// The wrapping key of a fixture, made the first time.
pub(crate) fn keyring(dir: &TempDir) -> Keyring {
    let key = dir.path().join("wrapping.key");
    if !key.exists() {
        keys::create(&key).expect("a key can be made");
    }
    Keyring::new(&key, &dir.path().join("data"))
}

pub(crate) fn open(dir: &TempDir) -> Result<Arc<Rounds>, StoreError> {
    let store = Store::open(&dir.path().join("data"), keyring(dir))?;
    Ok(Arc::new(Rounds::new(Arc::new(store))))
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let rounds = open(&dir).expect("a new store opens");
        Self { dir, rounds }
    }

    /// The same on another kind of disk; the wrapping key lies in `dir`.
    pub(crate) fn on(dir: TempDir, base: Base, clock: Clock) -> Result<Self, StoreError> {
        let store = Store::on(base, keyring(&dir), clock)?;
        Ok(Self { dir, rounds: Arc::new(Rounds::new(Arc::new(store))) })
    }

    /// A round that takes submissions.
    pub(crate) fn open_round(&self) -> RoundId {
        let rounds = &self.rounds;
        let round = rounds.create(manifest("Testing").as_bytes(), SCHEMA.as_bytes());
        let round = round.expect("the fixture's round is one");
        for party in PARTIES {
            let member = rounds.member(&partner(party), &round).expect("a party of the round");
            rounds.announce_key(&member, KEY).expect("a draft round takes announcements");
        }
        rounds.open(&round).expect("the values agree");
        round
    }

    /// A sealed submission of a party, in batches of at most 50 records.
    pub(crate) fn submit(&self, round: &RoundId, party: &str, id: u8, people: &[u64]) {
        let (rounds, caller) = (&self.rounds, partner(party));
        let member = rounds.member(&caller, round).expect("a party of the round");
        let (submission, count) = (SubmissionId([id; 16]), people.len() as u64);
        rounds.open_submission(&member, submission, KEY, count).expect("the round is open");
        let mut number = 0;
        for people in people.chunks(50) {
            let records = people.iter().map(|person| record(*person)).collect::<Vec<_>>();
            let batch = batch(round, submission, number, &records);
            rounds.accept_batch(&caller, &batch).expect("a good batch");
            number += 1;
        }
        rounds.seal_submission(&member, submission, number, count).expect("complete");
    }
}

impl Rounds {
    /// A batch by itself.
    pub(crate) fn accept_batch(
        &self,
        caller: &Caller,
        batch: &Batch,
    ) -> Result<v1::BatchAcknowledgement, IngestError> {
        let prepared = self.prepare_batch(caller, batch)?;
        match self.hold_batches(&[prepared]) {
            (_, Some(error)) => Err(error),
            (held, None) => Ok(*held.first().expect("what is not refused is acknowledged")),
        }
    }
}

pub(crate) fn caller(role: Role, name: &str) -> Caller {
    let name = name.parse().expect("fixture names are slugs");
    Caller { role, name, certificate: Digest::of(b"certificate") }
}

pub(crate) fn partner(name: &str) -> Caller {
    caller(Role::Partner, name)
}

/// The registration of a person: the same pseudonyms for the same person.
pub(crate) fn record(person: u64) -> Record {
    let hash = |purpose: &str| Digest::of_parts(purpose, &[&person.to_be_bytes()]).0;
    Record {
        encodings: vec![Clk::from_bytes(&hash("encoding"))],
        match_keys: vec![Some(MatchKeyValue(hash("match key")))],
        codes: vec![Some((person % 2) as u16)],
        start: Month::of(2025, 1 + (person % 12) as u32).ok(),
        end: None,
    }
}

pub(crate) fn batch(
    round: &RoundId,
    submission: SubmissionId,
    number: u32,
    records: &[Record],
) -> Batch {
    static SHAPE: LazyLock<RecordShape> = LazyLock::new(|| {
        LinkageSchema::from_toml(SCHEMA).expect("the fixture's schema is one").shape()
    });
    let mut rows = vec![];
    records.iter().for_each(|record| SHAPE.write_row(record, &mut rows));
    let ids = (round, &submission, &KEY);
    Batch::of_rows(&SHAPE, ids, number, &rows).expect("records that fit the schema")
}

//! The service's own code on a disk in memory, asked as a model says, and compared with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prost::Message as _;
use samenloop_ledger::{SigningKey, Tree};
use samenloop_schema::{Digest, KeyCheckValue, RoundId, SubmissionId};
use samenloop_wire::store::party_key;
use samenloop_wire::v1::releases_server::Releases as _;
use samenloop_wire::v1::{Correction, Measure, QueryTableRequest};
use tempfile::TempDir;
use tonic::{Code, Request, Status};

use super::disk::{Disk, Fate};
use super::model::{Answer, Model, Op, Round};
use super::{key_dir, whole};
use crate::config::Limits;
use crate::fixture::{KEY, PARTIES, SCHEMA, batch, caller, keyring, manifest, partner, record};
use crate::identity::Role;
use crate::round::{Rounds, state, submissions};
use crate::rpc::release::ReleasesHandler;
use crate::run::tests::run_once;
use crate::store::{Access as _, Base, Clock, KEY_ANNOUNCEMENTS, ROUNDS, Store, StoreError};

/// A service that can be killed, on a disk that can fail, under a clock that can jump.
pub(crate) struct Service {
    pub(crate) disk: Disk,
    dir: TempDir,
    pub(crate) clock: Arc<AtomicU64>,
    running: Option<Running>,
    runtime: tokio::runtime::Runtime,
    rows: u64,
    answer: Option<Vec<u8>>,
    acknowledged: (u64, Digest),
}

struct Running {
    rounds: Arc<Rounds>,
    releases: ReleasesHandler,
}

fn id_of(party: u16, number: u8) -> SubmissionId {
    SubmissionId([party as u8 * 16 + number + 1; 16])
}

fn text() -> String {
    manifest("Simulated")
}

impl Service {
    /// A service that was just installed; `rows` is the size of every batch.
    pub(crate) fn new(rows: u64) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let mut service = Self {
            disk: Disk::default(),
            dir: key_dir(),
            clock: Arc::new(AtomicU64::new(1_764_000_000)),
            running: None,
            runtime: runtime.map_err(|error| error.to_string())?,
            rows,
            answer: None,
            acknowledged: (0, Tree::new().root()),
        };
        service.start()?;
        Ok(service)
    }

    /// Starts the process; the last one must be gone.
    pub(crate) fn start(&mut self) -> Result<(), String> {
        let (disk, clock) = (self.disk.clone(), Arc::clone(&self.clock));
        let base = Base::disk(move || disk.handle());
        let clock: Clock = Arc::new(move || clock.load(Ordering::Relaxed));
        let told = |error: StoreError| error.to_string();
        let store = Store::on(base, keyring(&self.dir), clock).map_err(told)?;
        store.announce(Digest([7; 32])).map_err(told)?;
        let rounds = Arc::new(Rounds::new(Arc::new(store)));
        let key = SigningKey::from_seed("samenloop.invalid/test", &[7; 32]);
        let key = Arc::new(key.map_err(|error| error.to_string())?);
        let releases = ReleasesHandler::new(Arc::clone(&rounds), key, &Limits::default());
        self.running = Some(Running { rounds, releases });
        self.promise();
        Ok(())
    }

    /// Ends the process at once; `fate` decides about what no sync made durable.
    pub(crate) fn cut(&mut self, fate: Fate<'_>) {
        self.disk.cut(fate);
        self.running = None;
    }

    /// Ends the process in order.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        if let Some(running) = self.running.take() {
            running.rounds.store().stop_cleanly().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn rounds(&self) -> &Rounds {
        &self.running.as_ref().expect("the process runs").rounds
    }

    /// What has been answered so far may not be forgotten.
    pub(crate) fn promise(&mut self) {
        self.acknowledged = self.rounds().store().head();
    }

    fn round(&self) -> RoundId {
        samenloop_schema::RoundManifest::round_id(&text())
    }

    /// Asks the service. An answer of a failing disk is none; a failure of the program is an error.
    pub(crate) fn ask(&mut self, op: &Op) -> Result<Option<Answer>, String> {
        match self.perform(op) {
            Ok(()) => Ok(Some(Answer::Done)),
            Err(status) => match status.code() {
                Code::Unavailable => Ok(None),
                Code::Internal | Code::Unknown => Err(format!("{op:?}: {status}")),
                _ => Ok(Some(Answer::Refused)),
            },
        }
    }

    fn perform(&mut self, op: &Op) -> Result<(), Status> {
        let round = self.round();
        if *op == Op::Query {
            return self.query(&round);
        }
        let rounds = self.rounds();
        let member = |party: u16| rounds.member(&partner(PARTIES[usize::from(party)]), &round);
        match *op {
            Op::Create => {
                rounds.create(text().as_bytes(), SCHEMA.as_bytes())?;
            }
            Op::Announce { party, right } => {
                let value = if right { KEY } else { KeyCheckValue([9; 16]) };
                rounds.announce_key(&member(party)?, value)?;
            }
            Op::Open => rounds.open(&round)?,
            Op::OpenSubmission { party, number, batches } => {
                let records = u64::from(batches) * self.rows;
                rounds.open_submission(&member(party)?, id_of(party, number), KEY, records)?;
            }
            Op::Batch { party, number, batch: place, other } => {
                let from = u64::from(place) * self.rows + if other { 10_000 } else { 0 };
                let from = from + u64::from(party) * self.rows;
                let records: Vec<_> = (from..from + self.rows).map(record).collect();
                let batch = batch(&round, id_of(party, number), place, &records);
                rounds.accept_batch(&partner(PARTIES[usize::from(party)]), &batch)?;
            }
            Op::Seal { party, number } => {
                // As the party's own file says: what it opened the submission with.
                let member = member(party)?;
                let id = id_of(party, number);
                let (own, _) = rounds.own_submissions(&member)?;
                let opened = own.iter().find(|placed| placed.id == id);
                let records = opened.map_or(0, |placed| placed.stored.expected_records);
                let batches = (records / self.rows) as u32;
                rounds.seal_submission(&member, id, batches, records)?;
            }
            Op::Withdraw { party, number } => {
                rounds.withdraw_submission(&member(party)?, id_of(party, number))?;
            }
            Op::Freeze => {
                rounds.freeze(&round)?;
            }
            Op::Run { cancelled } => run_once(rounds, &round, cancelled)?,
            Op::Release => {
                rounds.release(&round)?;
            }
            Op::Correct => rounds.correct(&round, Correction::Tables)?,
            Op::Close => rounds.close(&round)?,
            Op::Expire => {
                rounds.enforce_retention()?;
            }
            Op::Query => {}
        }
        Ok(())
    }

    /// The same question has the same answer, byte for byte, until the release is corrected.
    fn query(&mut self, round: &RoundId) -> Result<(), Status> {
        let releases = &self.running.as_ref().expect("the process runs").releases;
        let mut request = Request::new(QueryTableRequest {
            round_id: round.0.to_vec().into(),
            measure: Measure::Unique.into(),
            by: vec![],
        });
        request.extensions_mut().insert(caller(Role::Monitor, "monitor"));
        let table = self.runtime.block_on(releases.query_table(request))?.into_inner();
        let bytes = table.encode_to_vec();
        match &self.answer {
            Some(before) if *before != bytes => Err(Status::internal("another answer")),
            _ => {
                self.answer = Some(bytes);
                Ok(())
            }
        }
    }

    /// A correction has taken the release back, so that another answer may follow.
    pub(crate) fn forget_answer(&mut self) {
        self.answer = None;
    }

    /// The service as the model tells it.
    pub(crate) fn view(&self) -> Result<Model, String> {
        let rounds = self.rounds();
        let told = |error: StoreError| error.to_string();
        let read = rounds.store().read().map_err(told)?;
        let id = self.round();
        let entries = rounds.store().head().0;
        let Some(stored) = read.get(ROUNDS, id.as_bytes()).map_err(told)? else {
            return Ok(Model { entries, ..Model::default() });
        };
        let mut announced = BTreeMap::new();
        for party in 0..PARTIES.len() as u16 {
            let value = read.get(KEY_ANNOUNCEMENTS, &party_key(&id, party.into())).map_err(told)?;
            if let Some(value) = value {
                announced.insert(party, value.key_check_value[..] == KEY.0);
            }
        }
        let mut held = BTreeMap::new();
        for placed in submissions(&read, id.as_bytes()).map_err(told)? {
            let number = placed.id.0[0] - placed.party as u8 * 16 - 1;
            let expected = (placed.stored.expected_records / self.rows) as u32;
            held.insert(
                (placed.party, number),
                super::model::Submission {
                    state: placed.stored.state(),
                    expected,
                    batches: placed.stored.batches,
                },
            );
        }
        let round = Round {
            state: state(&stored).map_err(told)?,
            created_at: stored.created_at,
            announced,
            submissions: held,
            barred: stored.release_barred,
            corrected: stored.correction() != Correction::Unspecified,
            partition: !stored.wrapped_partition_key.is_empty(),
            release: Digest::from_slice(&stored.release_digest),
        };
        Ok(Model { round: Some(round), entries, reopened: false })
    }

    /// What must hold whatever was asked: the ledger goes on from what was acknowledged, and every
    /// row, release and batch is whole.
    pub(crate) fn check(&self) -> Result<(), String> {
        let store = self.rounds().store();
        let (size, root) = self.acknowledged;
        if store.head().0 < size {
            return Err(format!("the ledger regressed from {size} to {}", store.head().0));
        }
        let entries = store.entries(0, size).map_err(|error| error.to_string())?;
        let tree = samenloop_ledger::Tree::from_leaves(entries.iter().map(|served| served.leaf));
        if tree.root() != root {
            return Err("the ledger tells another story".to_owned());
        }
        whole::check(self.rounds())
    }
}

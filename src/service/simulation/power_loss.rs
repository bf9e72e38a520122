//! The power goes at every point at which something is written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use samenloop_ledger::Event;
use samenloop_schema::{Digest, RoundId, SubmissionId};
use samenloop_wire::store::submission_key;
use samenloop_wire::v1::SubmissionState;
use tempfile::TempDir;

use super::disk::{Disk, Kept, Op, apply};
use super::{key_dir, setting, whole};
use crate::fixture::{Fixture, KEY, PARTIES, batch, partner, record};
use crate::store::{Access as _, Base, SUBMISSIONS, wall_clock};

/// The key files by name.
type Keys = BTreeMap<String, Vec<u8>>;

fn keys_of(dir: &Path) -> Keys {
    let files = std::fs::read_dir(dir).expect("the key directory is there");
    let files = files.map(|file| file.expect("readable").path()).filter(|path| path.is_file());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, std::fs::read(&path).expect("readable"))
    };
    files.map(read).collect()
}

fn put_keys(keys: &Keys) -> TempDir {
    let dir = key_dir();
    for (name, bytes) in keys {
        crate::keys::write_secret(&dir.path().join(name), bytes).expect("writable");
    }
    dir
}

/// One write, length or sync, and the key files just before it.
struct Moment {
    op: Op,
    keys: Keys,
}

/// What the service had answered when so many moments had passed.
#[derive(Clone)]
struct Promise {
    moments: usize,
    size: u64,
    root: Digest,
    /// Acknowledged batches of submissions that nobody has asked to delete.
    held: BTreeMap<(u16, SubmissionId), u32>,
    /// Submissions whose deletion is acknowledged.
    deleted: Vec<(u16, SubmissionId)>,
}

/// A round's life as its parties see it, with a promise after each answer.
struct Story {
    fixture: Fixture,
    disk: Disk,
    log: Arc<Mutex<Vec<Moment>>>,
    round: RoundId,
    promises: Vec<Promise>,
    held: BTreeMap<(u16, SubmissionId), u32>,
    unsealed: BTreeMap<u16, SubmissionId>,
    deleted: Vec<(u16, SubmissionId)>,
}

impl Story {
    fn promise(&mut self) {
        let (size, root) = self.fixture.rounds.store().head();
        self.promises.push(Promise {
            moments: self.log.lock().expect("whole").len(),
            size,
            root,
            held: self.held.clone(),
            deleted: self.deleted.clone(),
        });
    }

    fn submit(&mut self, party: u16, id: u8, batches: u32, seal: bool) {
        let (submission, name) = (SubmissionId([id; 16]), PARTIES[usize::from(party)]);
        let rounds = Arc::clone(&self.fixture.rounds);
        let member = rounds.member(&partner(name), &self.round).expect("a party");
        let records = u64::from(batches) * 4;
        if let Some(left) = self.unsealed.insert(party, submission) {
            // From the moment of asking on, a power cut may find the one left deleted.
            self.held.remove(&(party, left));
            self.promise();
        }
        rounds.open_submission(&member, submission, KEY, records).expect("open");
        // The first by itself, the others together.
        for numbers in [0..batches.min(1), 1..batches] {
            let prepared = numbers.clone().map(|number| {
                let people = u64::from(number) * 4..u64::from(number) * 4 + 4;
                let records: Vec<_> = people.map(record).collect();
                let batch = batch(&self.round, submission, number, &records);
                rounds.prepare_batch(&partner(name), &batch).expect("a good batch")
            });
            let (held, error) = rounds.hold_batches(&prepared.collect::<Vec<_>>());
            assert!(error.is_none() && held.len() == numbers.len(), "{error:?}");
            self.held.insert((party, submission), numbers.end);
            self.promise();
        }
        if seal {
            let replaced: Vec<_> = self
                .held
                .keys()
                .filter(|(by, other)| *by == party && *other != submission)
                .copied()
                .collect();
            for key in &replaced {
                self.held.remove(key);
            }
            self.promise();
            rounds.seal_submission(&member, submission, batches, records).expect("complete");
            self.unsealed.remove(&party);
            self.deleted.extend(replaced);
            self.promise();
        }
    }

    fn withdraw(&mut self, party: u16, id: u8) {
        let (submission, name) = (SubmissionId([id; 16]), PARTIES[usize::from(party)]);
        let rounds = Arc::clone(&self.fixture.rounds);
        let member = rounds.member(&partner(name), &self.round).expect("a party");
        self.held.remove(&(party, submission));
        self.promise();
        rounds.withdraw_submission(&member, submission).expect("held");
        self.deleted.push((party, submission));
        self.promise();
    }
}

fn story() -> Story {
    let (disk, dir) = (Disk::default(), key_dir());
    let log = Arc::new(Mutex::new(vec![]));
    let (moments, path) = (Arc::clone(&log), dir.path().to_owned());
    disk.watch(move |op| {
        let keys = keys_of(&path);
        moments.lock().expect("whole").push(Moment { op: op.clone(), keys });
    });
    let handles = disk.clone();
    let base = Base::disk(move || handles.handle());
    let fixture = Fixture::on(dir, base, wall_clock()).expect("a new store opens");
    let round = fixture.open_round();
    let (held, unsealed, deleted) = (BTreeMap::new(), BTreeMap::new(), vec![]);
    let mut story = Story { fixture, disk, log, round, promises: vec![], held, unsealed, deleted };
    story.promise();
    story.submit(0, 1, 3, true);
    story.submit(1, 2, 2, false);
    story.submit(0, 3, 2, true);
    story.submit(2, 4, 2, true);
    story.withdraw(2, 4);
    story.submit(2, 5, 1, true);
    story.submit(1, 6, 2, true);
    story.fixture.rounds.freeze(&round).expect("three parties have sealed");
    story.promise();
    crate::run::tests::run_now(&story.fixture.rounds, &round);
    story.promise();
    story.held.clear();
    story.promise();
    story.fixture.rounds.close(&round).expect("it can be closed");
    story.promise();
    story.fixture.rounds.store().stop_cleanly().expect("it stops");
    story.promise();
    story
}

/// Opens what a power cut left, and checks it against what had been promised.
fn check(image: Vec<u8>, keys: &Keys, round: &RoundId, promise: &Promise) -> Result<(), String> {
    let (disk, dir) = (Disk::with(image), put_keys(keys));
    let base = Base::disk(move || disk.handle());
    let opened = Fixture::on(dir, base, wall_clock()).map_err(|error| error.to_string())?;
    let (rounds, store) = (&opened.rounds, opened.rounds.store());
    let size = store.head().0;
    if size < promise.size {
        return Err(format!("the ledger regressed from {} to {size}", promise.size));
    }
    let entries = store.entries(0, promise.size).map_err(|error| error.to_string())?;
    let tree = samenloop_ledger::Tree::from_leaves(entries.iter().map(|served| served.leaf));
    if tree.root() != promise.root {
        return Err("the ledger tells another story".to_owned());
    }
    whole::check(rounds)?;
    let read = store.read().map_err(|error| error.to_string())?;
    let stored = |(party, id): &(u16, SubmissionId)| {
        let key = submission_key(round, u32::from(*party), id);
        read.get(SUBMISSIONS, &key).map_err(|error| error.to_string())
    };
    for (place, batches) in &promise.held {
        let found = stored(place)?.ok_or(format!("{} is gone", place.1))?;
        if found.batches < *batches || found.wrapped_data_key.is_empty() {
            return Err(format!("{}: {batches} acknowledged, {} held", place.1, found.batches));
        }
    }
    for place in &promise.deleted {
        let gone = stored(place)?.is_some_and(|found| {
            !matches!(found.state(), SubmissionState::Open | SubmissionState::Sealed)
        });
        if !gone {
            return Err(format!("{} is back", place.1));
        }
    }
    let index = store.record(Event::Recovered {}).map_err(|error| error.to_string())?;
    if index == size { Ok(()) } else { Err(format!("entry {index} follows {size}")) }
}

/// Writes, lengths and syncs at which the power went, images opened, and what was broken.
fn trial(fates: u64, seed: u64) -> (usize, usize, Vec<String>) {
    trial_on(fates, seed, false)
}

/// The same with a disk that keeps nothing of what it was told to sync in the story's second half.
pub(super) fn trial_on_a_liar() -> (usize, usize, Vec<String>) {
    trial_on(0, 1, true)
}

fn trial_on(fates: u64, seed: u64, lies: bool) -> (usize, usize, Vec<String>) {
    let Story { fixture, disk, log, round, promises, .. } = story();
    let last_keys = keys_of(fixture.dir.path());
    disk.watch(|_| {});
    drop(fixture);
    let log = std::mem::take(&mut *log.lock().expect("whole"));
    let mut random = StdRng::seed_from_u64(seed);
    let (mut durable, mut pending, mut images, mut broken) = (vec![], vec![], 0, vec![]);
    for point in 0..=log.len() {
        let before = point.checked_sub(1).map_or(&log[0].keys, |last| &log[last].keys);
        let after = log.get(point).map_or(&last_keys, |next| &next.keys);
        let kept = promises.iter().rev().find(|promise| promise.moments <= point);
        let Some(promise) = kept else {
            // Nothing is promised before the store has told that it is open.
            step(&log, point, lies, &mut durable, &mut pending);
            continue;
        };
        for fate in 0..fates + 2 {
            let image = match fate {
                0 => durable.clone(),
                1 => left(&durable, &pending, |_| Kept::Whole),
                _ => {
                    let mut order: Vec<&Op> = pending.clone();
                    order.shuffle(&mut random);
                    left(&durable, &order, |op| match (random.random_range(0..3), op) {
                        (0, _) => Kept::Nothing,
                        (1, Op::Write { data, .. }) => {
                            Kept::Torn(random.random_range(0..=data.len()))
                        }
                        _ => Kept::Whole,
                    })
                }
            };
            let both = if before == after { vec![after] } else { vec![before, after] };
            for keys in both {
                images += 1;
                if let Err(error) = check(image.clone(), keys, &round, promise) {
                    broken.push(format!("point {point}, fate {fate}: {error}"));
                }
            }
        }
        step(&log, point, lies, &mut durable, &mut pending);
    }
    (log.len(), images, broken)
}

fn left(durable: &[u8], pending: &[&Op], mut fate: impl FnMut(&Op) -> Kept) -> Vec<u8> {
    let mut image = durable.to_vec();
    for op in pending {
        let kept = fate(op);
        apply(&mut image, op, kept);
    }
    image
}

fn step<'l>(
    log: &'l [Moment],
    point: usize,
    lies: bool,
    durable: &mut Vec<u8>,
    pending: &mut Vec<&'l Op>,
) {
    match log.get(point).map(|moment| &moment.op) {
        Some(Op::Sync) if lies && point > log.len() / 2 => pending.clear(),
        Some(Op::Sync) => {
            for op in pending.drain(..) {
                apply(durable, op, Kept::Whole);
            }
        }
        Some(op) => pending.push(op),
        None => {}
    }
}

/// `SAMENLOOP_POWER_CUTS` sets how many random fates of the unsynced writes are tried at each point,
/// besides all and nothing; `SAMENLOOP_SEED` the seed.
#[test]
fn a_power_cut_at_any_write_loses_nothing_that_was_acknowledged() {
    let (fates, seed) = (setting("SAMENLOOP_POWER_CUTS", 1), setting("SAMENLOOP_SEED", 1));
    let (points, images, broken) = trial(fates, seed);
    println!("{points} writes, lengths and syncs; {images} images opened; {} broken", broken.len());
    assert!(points > 200, "{points}");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

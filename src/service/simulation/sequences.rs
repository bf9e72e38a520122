//! Generated sequences of operations, lost answers, failing disks, power cuts and clock jumps.

use std::sync::atomic::Ordering;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use samenloop_schema::RoundState;
use samenloop_wire::v1::SubmissionState;

use super::disk::{Kept, Op as DiskOp};
use super::model::{Answer, Model, Op, PARTIES, Round};
use super::setting;
use super::trial::Service;

/// Steps of one sequence.
const STEPS: usize = 60;

/// What a sensible caller would ask next; none where nothing is left to ask.
fn sensible(model: &Model, random: &mut StdRng) -> Op {
    let party = random.random_range(0..PARTIES);
    let Some(round) = &model.round else { return Op::Create };
    match round.state {
        RoundState::Draft if random.random_bool(0.3) => Op::Open,
        RoundState::Draft => Op::Announce { party, right: true },
        RoundState::Open => {
            let all = (0..PARTIES).all(|party| {
                round
                    .submissions
                    .iter()
                    .any(|((by, _), held)| *by == party && held.state == SubmissionState::Sealed)
            });
            if all && random.random_bool(0.5) { Op::Freeze } else { submit(round, party, random) }
        }
        RoundState::Frozen => Op::Run { cancelled: false },
        RoundState::Linked => Op::Release,
        RoundState::Released if random.random_bool(0.2) => Op::Correct,
        RoundState::Released | RoundState::Closed => Op::Query,
    }
}

fn submit(round: &Round, party: u16, random: &mut StdRng) -> Op {
    let own = round.submissions.iter().filter(|((by, _), _)| *by == party);
    let open = own.clone().find(|(_, held)| held.state == SubmissionState::Open);
    match open {
        Some(((party, number), held)) if held.batches < held.expected => {
            let (party, number) = (*party, *number);
            Op::Batch { party, number, batch: held.batches, other: false }
        }
        Some(((party, number), _)) => Op::Seal { party: *party, number: *number },
        None => {
            let (number, batches) = (own.count() as u8 % 8, random.random_range(1..=3));
            Op::OpenSubmission { party, number, batches }
        }
    }
}

/// Anything at all.
fn wild(random: &mut StdRng) -> Op {
    let (party, number) = (random.random_range(0..PARTIES), random.random_range(0..3));
    match random.random_range(0..16) {
        0 => Op::Create,
        1 => Op::Announce { party, right: random.random_bool(0.8) },
        2 => Op::Open,
        3 | 4 => Op::OpenSubmission { party, number, batches: random.random_range(1..=3) },
        5..=7 => {
            let (batch, other) = (random.random_range(0..3), random.random_bool(0.2));
            Op::Batch { party, number, batch, other }
        }
        8 | 9 => Op::Seal { party, number },
        10 => Op::Withdraw { party, number },
        11 => Op::Freeze,
        12 => Op::Run { cancelled: random.random_bool(0.5) },
        13 => Op::Query,
        14 => Op::Expire,
        _ => match random.random_range(0..6) {
            0 => Op::Close,
            1 | 2 => Op::Correct,
            _ => Op::Release,
        },
    }
}

/// A first batch of other records would be as good as any: only one that is held can differ.
fn known(model: &Model, op: Op) -> Op {
    let Op::Batch { party, number, batch, other: true } = op else { return op };
    let round = model.round.as_ref();
    let held = round.and_then(|round| round.submissions.get(&(party, number)));
    let other = held.is_some_and(|held| batch < held.batches);
    Op::Batch { party, number, batch, other }
}

/// The states in which a request may leave the service when its answer never came.
fn possible(before: &Model, op: &Op, now: u64) -> Vec<Model> {
    let mut after = before.clone();
    let answer = after.ask(op, now);
    let mut all = vec![before.clone()];
    if matches!(op, Op::Run { .. }) && after != *before {
        // It had begun and its end was not written.
        let mut begun = before.clone();
        begun.entries += 1 + u64::from(std::mem::take(&mut begun.reopened));
        all.push(begun);
    }
    if answer == Answer::Either {
        let mut refused = before.clone();
        refused.entries = after.entries;
        all.push(refused);
    }
    all.push(after);
    all
}

/// Takes over what only the service knows: the digest of a release.
fn adopt(model: &mut Model, seen: &Model) {
    let (Some(own), Some(theirs)) = (&mut model.round, &seen.round) else { return };
    if own.state == RoundState::Released && own.release.is_none() {
        own.release = theirs.release;
    }
}

fn agree(model: &mut Model, service: &Service) -> Result<(), String> {
    let seen = service.view()?;
    adopt(model, &seen);
    let reopened = std::mem::take(&mut model.reopened);
    let same = *model == seen;
    let told = if same { Ok(()) } else { Err(format!("model {model:?}\nservice {seen:?}")) };
    model.reopened = reopened;
    told
}

/// Finds the one of the possible states that the service is in.
fn settle(mut candidates: Vec<Model>, service: &Service) -> Result<Model, String> {
    let mut told = String::new();
    for model in &mut candidates {
        match agree(model, service) {
            Ok(()) => return Ok(model.clone()),
            Err(error) => told = error,
        }
    }
    Err(format!("half done; the last of {} possible states:\n{told}", candidates.len()))
}

struct Sequence {
    random: StdRng,
    service: Service,
    model: Model,
    told: Vec<String>,
}

impl Sequence {
    fn now(&self) -> u64 {
        self.service.clock.load(Ordering::Relaxed)
    }

    fn step(&mut self) -> Result<(), String> {
        match self.random.random_range(0..100) {
            0..3 => self.jump(),
            3..8 => return self.restart(),
            8..16 => return self.disaster(),
            _ => {}
        }
        let op = if self.random.random_bool(0.65) {
            sensible(&self.model, &mut self.random)
        } else {
            known(&self.model, wild(&mut self.random))
        };
        self.ask(&op)?;
        // The answer was lost, so the caller asks again.
        if self.random.random_bool(0.15) {
            self.ask(&op)?;
        }
        Ok(())
    }

    fn jump(&mut self) {
        let days = self.random.random_range(-40..=50_i64);
        let now = self.now().saturating_add_signed(days * 86_400);
        self.told.push(format!("clock {days} days"));
        self.service.clock.store(now, Ordering::Relaxed);
    }

    fn ask(&mut self, op: &Op) -> Result<(), String> {
        self.told.push(format!("{op:?}"));
        let now = self.now();
        let before = self.model.clone();
        let expected = self.model.ask(op, now);
        let answer = self.service.ask(op)?.ok_or("the disk fails by itself")?;
        if *op == Op::Correct && answer == Answer::Done {
            self.service.forget_answer();
        }
        match (expected, answer) {
            (Answer::Either, Answer::Refused) => {
                let entries = self.model.entries;
                self.model = Model { entries, reopened: false, ..before };
            }
            (Answer::Either, _) => {}
            (expected, answer) if expected != answer => {
                return Err(format!("{op:?} is {answer:?}, expected {expected:?}"));
            }
            _ => {}
        }
        agree(&mut self.model, &self.service)?;
        self.service.promise();
        Ok(())
    }

    fn restart(&mut self) -> Result<(), String> {
        self.told.push("restart".to_owned());
        if self.random.random_bool(0.5) {
            let owed = u64::from(std::mem::take(&mut self.model.reopened));
            self.service.stop()?;
            self.model.entries += owed;
        } else {
            self.cut();
            self.model.entries += 1;
            self.model.reopened = false;
        }
        self.service.start()?;
        self.model.entries += 1;
        self.service.check()?;
        agree(&mut self.model, &self.service)
    }

    /// The process dies, and of what no sync made durable only a part is left.
    fn cut(&mut self) {
        let random = &mut self.random;
        self.service.cut(&mut |_, op: &DiskOp| match (random.random_range(0..3), op) {
            (0, _) => Kept::Nothing,
            (1, DiskOp::Write { data, .. }) => Kept::Torn(random.random_range(0..=data.len())),
            _ => Kept::Whole,
        });
    }

    /// The disk fails in the middle of a request: it is full for a while, or the power goes.
    fn disaster(&mut self) -> Result<(), String> {
        let op = sensible(&self.model, &mut self.random);
        let writes = self.random.random_range(0..14);
        self.told.push(format!("{op:?} with {writes} writes left"));
        let now = self.now();
        self.service.disk.limit(Some(writes));
        let answer = self.service.ask(&op)?;
        let failed = answer.is_none();
        let mut candidates = if failed {
            possible(&self.model, &op, now)
        } else {
            self.service.disk.limit(None);
            let mut after = self.model.clone();
            if after.ask(&op, now) == Answer::Either && answer == Some(Answer::Refused) {
                let entries = after.entries;
                after = Model { entries, reopened: false, ..self.model.clone() };
            }
            vec![after]
        };
        if op == Op::Correct {
            self.service.forget_answer();
        }
        if failed && self.random.random_bool(0.5) {
            // Another request finds the disk full too, and leaves nothing.
            let again = self.service.ask(&Op::Withdraw { party: 0, number: 7 })?;
            if again == Some(Answer::Done) {
                return Err("a request is answered by a full disk".to_owned());
            }
        }
        let cut = self.random.random_bool(0.5);
        if cut {
            self.cut();
            self.service.start()?;
            for model in &mut candidates {
                model.entries += 2;
                model.reopened = false;
            }
        } else {
            self.service.disk.limit(None);
            if failed {
                candidates.iter_mut().for_each(|model| model.reopened = true);
            }
        }
        self.told.push(if cut { "power cut" } else { "space again" }.to_owned());
        self.service.check()?;
        self.model = settle(candidates, &self.service)?;
        self.service.promise();
        Ok(())
    }
}

/// Runs one sequence; an error tells what was asked up to the violation.
pub(super) fn run(seed: u64) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(seed);
    let rows = if random.random_bool(0.015) { 60 } else { 2 };
    let service = Service::new(rows)?;
    let model = Model { entries: 1, ..Model::default() };
    let mut sequence = Sequence { random, service, model, told: vec![] };
    for _ in 0..STEPS {
        if let Err(error) = sequence.step() {
            let told = sequence.told.join("\n  ");
            return Err(format!("SAMENLOOP_SEED={seed} SAMENLOOP_SEEDS=1:\n  {told}\n{error}"));
        }
    }
    sequence.service.check().map_err(|error| format!("seed {seed}: {error}"))
}

/// `SAMENLOOP_SEEDS` sets how many sequences, `SAMENLOOP_SEED` the first seed.
#[test]
fn the_service_does_what_the_model_says_whatever_goes_wrong() {
    let (count, first) = (setting("SAMENLOOP_SEEDS", 200), setting("SAMENLOOP_SEED", 1));
    for seed in first..first + count {
        if let Err(error) = run(seed) {
            panic!("{error}");
        }
    }
    println!("{count} seeds from {first} without a violation");
}

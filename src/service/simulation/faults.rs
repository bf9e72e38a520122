//! A disk that is full, that lies about syncing, or that gives back other bytes than were written.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use samenloop_schema::SubmissionId;
use tonic::{Code, Status};

use super::disk::Disk;
use super::{key_dir, setting, whole};
use crate::fixture::{Fixture, KEY, batch, partner, record};
use crate::store::{Access as _, Base, StoreError, wall_clock};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn on(disk: &Disk) -> Result<Fixture, StoreError> {
    let handles = disk.clone();
    Fixture::on(key_dir(), Base::disk(move || handles.handle()), wall_clock())
}

#[test]
fn a_full_disk_acknowledges_nothing_and_the_service_goes_on_once_there_is_room() -> Outcome {
    let disk = Disk::default();
    let fixture = on(&disk)?;
    let round = fixture.open_round();
    let (rounds, caller) = (&fixture.rounds, partner("ggd"));
    let member = rounds.member(&caller, &round)?;
    let id = SubmissionId([1; 16]);
    rounds.open_submission(&member, id, KEY, 30)?;
    let people = |number: u64| (number * 10..number * 10 + 10).map(record).collect::<Vec<_>>();
    let send = |number: u32| {
        let batch = batch(&round, id, number, &people(u64::from(number)));
        rounds.accept_batch(&caller, &batch)
    };
    send(0)?;
    let head = rounds.store().head();
    disk.limit(Some(0));
    for _ in 0..2 {
        let status = Status::from(send(1).err().ok_or("a full disk takes a batch")?);
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("nothing of this request is acknowledged"), "{status}");
        assert_eq!(rounds.store().head(), head);
    }
    let withdrawn = rounds.withdraw_submission(&member, id);
    assert!(withdrawn.is_err(), "a deletion that is not durable is none");
    disk.limit(None);
    // Reading heals it too: what was acknowledged is there.
    let (own, _) = rounds.own_submissions(&member)?;
    assert_eq!(own[0].stored.batches, 1);
    for number in [1, 2] {
        assert_eq!(send(number)?.number, number);
    }
    rounds.seal_submission(&member, id, 3, 30)?;
    let entries = rounds.store().entries(head.0, u64::MAX)?;
    let kinds: Vec<_> = entries.iter().map(|served| served.entry.kind()).collect();
    let expected = ["recovered", "batch_accepted", "batch_accepted", "submission_sealed"];
    assert_eq!(kinds, expected);
    Ok(whole::check(rounds)?)
}

#[test]
fn a_disk_that_fails_under_several_batches_at_once_holds_none_of_them() -> Outcome {
    let disk = Disk::default();
    let fixture = on(&disk)?;
    let round = fixture.open_round();
    let (rounds, caller) = (&fixture.rounds, partner("ggd"));
    let member = rounds.member(&caller, &round)?;
    let id = SubmissionId([1; 16]);
    rounds.open_submission(&member, id, KEY, 30)?;
    let prepared = || -> Result<Vec<_>, _> {
        let people = |number: u64| (number * 10..number * 10 + 10).map(record).collect::<Vec<_>>();
        let batches = (0..3).map(|number| batch(&round, id, number as u32, &people(number)));
        batches.map(|batch| rounds.prepare_batch(&caller, &batch)).collect()
    };
    let head = rounds.store().head();
    // From the first write of the change to the last one before it is durable.
    let mut failures = 0;
    for writes in 0.. {
        let batches = prepared()?;
        disk.limit(Some(writes));
        let (held, error) = rounds.hold_batches(&batches);
        disk.limit(None);
        if error.is_none() {
            assert_eq!(held.len(), 3);
            break;
        }
        failures += 1;
        assert!(held.is_empty(), "{writes} writes");
        // It may have become durable all the same, and then wholly.
        let next = rounds.open_submission(&member, id, KEY, 30)?.next_batch;
        assert!(next == 0 || next == 3, "{writes} writes: {next}");
        whole::check(rounds)?;
    }
    assert!(failures > 3, "{failures}");
    assert!(rounds.store().head().0 > head.0);
    rounds.seal_submission(&member, id, 3, 30)?;
    Ok(whole::check(rounds)?)
}

/// Found by the sequences: the file had to grow before the commit, so that nothing marked the disk as
/// failed, and the first request after there was room again was refused.
#[test]
fn a_write_that_fails_before_its_commit_does_not_fail_the_next_request() -> Outcome {
    let disk = Disk::default();
    let fixture = on(&disk)?;
    let store = fixture.rounds.store();
    disk.limit(Some(0));
    let change = store.change()?;
    let large = vec![7; 8 << 20];
    let refused = change.put_bytes(crate::store::BLOBS, b"large", &large);
    assert!(matches!(refused, Err(StoreError::Disk { .. })), "{refused:?}");
    drop(change);
    disk.limit(None);
    assert!(store.read()?.keys(crate::store::BLOBS, &[])?.is_empty());
    store.record(samenloop_ledger::Event::Recovered {})?;
    Ok(())
}

#[test]
fn a_key_file_that_cannot_be_replaced_keeps_a_deletion_from_being_acknowledged() -> Outcome {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    fixture.submit(&round, "ggd", 1, &(0..20).collect::<Vec<_>>());
    let (rounds, dir) = (&fixture.rounds, fixture.dir.path());
    let member = rounds.member(&partner("ggd"), &round)?;
    // A directory where the next key would be written.
    let obstacle = dir.join("wrapping.key.next");
    std::fs::create_dir(&obstacle)?;
    let size = rounds.store().head().0;
    let refused = rounds.withdraw_submission(&member, SubmissionId([1; 16]));
    let told = refused.map_err(|error| error.to_string());
    assert!(told.as_ref().is_err_and(|told| told.contains("wrapping.key.next")), "{told:?}");
    assert_eq!(rounds.store().head().0, size);
    std::fs::remove_dir(&obstacle)?;
    rounds.withdraw_submission(&member, SubmissionId([1; 16]))?;
    Ok(whole::check(rounds)?)
}

/// The control of the power-loss trial: it must see what a disk does that forgets synced bytes.
#[test]
fn a_disk_that_lies_about_syncing_is_found_out() {
    let (points, _, broken) = super::power_loss::trial_on_a_liar();
    assert!(broken.len() > points / 10, "{} of {points}", broken.len());
    assert!(broken.iter().any(|told| told.contains("regressed")), "{broken:?}");
}

/// Flips one bit of the closed file, everywhere at random: the service refuses to start and says
/// that the file is damaged, or the bit was one that nothing is read from.
/// `SAMENLOOP_FLIPS` sets how often.
#[test]
fn a_damaged_page_keeps_the_store_shut_or_was_never_read() -> Outcome {
    let disk = Disk::default();
    let fixture = on(&disk)?;
    let round = fixture.open_round();
    for (place, party) in (0..).zip(crate::fixture::PARTIES) {
        let people = (place * 30..place * 30 + 60).collect::<Vec<_>>();
        fixture.submit(&round, party, place as u8 + 1, &people);
    }
    fixture.rounds.freeze(&round)?;
    crate::run::tests::run_now(&fixture.rounds, &round);
    let head = fixture.rounds.store().head();
    fixture.rounds.store().stop_cleanly()?;
    let Fixture { dir, rounds } = fixture;
    drop(rounds);
    let image = disk.image();
    let used: Vec<usize> = (0..image.len()).filter(|at| image[*at] != 0).collect();
    let mut random = StdRng::seed_from_u64(setting("SAMENLOOP_SEED", 1));
    let flips = setting("SAMENLOOP_FLIPS", 100);
    let (mut refused, mut unread) = (0, 0);
    for _ in 0..flips {
        let at = used[random.random_range(0..used.len())];
        let bit = random.random_range(0..8);
        let mut damaged = image.clone();
        damaged[at] ^= 1 << bit;
        let disk = Disk::with(damaged);
        let base = Base::disk(move || disk.handle());
        let keyring = crate::fixture::keyring(&dir);
        let opened = crate::store::Store::on(base, keyring, wall_clock());
        match opened {
            Err(error) => {
                let told = error.to_string();
                assert!(!told.is_empty());
                refused += 1;
            }
            Ok(store) => {
                assert_eq!(store.head(), head, "byte {at}, bit {bit}: another ledger");
                let rounds = crate::round::Rounds::new(Arc::new(store));
                whole::check(&rounds).map_err(|told| format!("byte {at}, bit {bit}: {told}"))?;
                unread += 1;
            }
        }
    }
    println!("{flips} flips: {refused} refused, {unread} in bytes that nothing reads");
    assert!(refused > 0);
    Ok(())
}

/// What becomes of a batch whose write was torn is covered by the power-loss trial; this one damages
/// rows while the service runs, so that no check at the start could have seen it.
#[test]
fn rows_that_are_damaged_while_the_service_runs_are_not_linked() -> Outcome {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    for (place, party) in (0..).zip(crate::fixture::PARTIES) {
        fixture.submit(&round, party, place + 1, &(0..40).collect::<Vec<_>>());
    }
    let rounds = &fixture.rounds;
    rounds.freeze(&round)?;
    let change = rounds.store().change()?;
    let place = samenloop_wire::store::batch_key(&round, &SubmissionId([2; 16]), 0);
    let mut blob = crate::store::Access::bytes(&change, crate::store::BLOBS, &place)?
        .ok_or("a batch has rows")?;
    let middle = blob.len() / 2;
    blob[middle] ^= 1;
    change.put_bytes(crate::store::BLOBS, &place, &blob)?;
    change.commit()?;
    let run = crate::run::tests::run_once(rounds, &round, false);
    let told = run.map_err(|error| error.to_string());
    assert!(told.as_ref().is_err_and(|told| told.contains("do not authenticate")), "{told:?}");
    Ok(())
}

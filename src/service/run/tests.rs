use samenloop_schema::{RoundState, SubmissionId};
use samenloop_wire::v1::Correction;

use super::*;
use crate::fixture::{Fixture, KEY, PARTIES, batch, partner, record};
use crate::round::{CorrectError, state};
use crate::store::{Access as _, PARTITIONS, RELEASES};

fn run(cancelled: bool) -> Run {
    Run {
        seen: watch::Sender::new(Seen::Percent(0)),
        cancelled: AtomicBool::new(cancelled),
        stopping: AtomicBool::new(false),
    }
}

/// Runs the round's linkage to its end.
pub(crate) fn run_now(rounds: &Rounds, round: &RoundId) {
    run_once(rounds, round, false).expect("a frozen round is linked");
}

/// Runs the round's linkage, or one that is cancelled at once.
pub(crate) fn run_once(rounds: &Rounds, round: &RoundId, cancelled: bool) -> Result<(), RunError> {
    rounds.run(&*rounds.facts(round)?, &run(cancelled)).map(|_| ())
}

fn last_kind(rounds: &Rounds) -> &'static str {
    let store = rounds.store();
    let last = store.entries(store.head().0 - 1, u64::MAX).expect("the ledger can be read");
    last[0].entry.kind()
}

/// A frozen round whose party `n` knows the people from `step * n` on.
fn frozen(step: u64, people: u64, first_id: u8) -> (Fixture, RoundId) {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    for (place, party) in (0_u64..).zip(PARTIES) {
        let known: Vec<u64> = (step * place..step * place + people).collect();
        fixture.submit(&round, party, first_id + place as u8, &known);
    }
    fixture.rounds.freeze(&round).expect("three parties have sealed");
    (fixture, round)
}

fn now(rounds: &Rounds, round: &RoundId) -> samenloop_wire::v1::StoredRound {
    stored(&rounds.store().read().expect("readable"), round).expect("the round is there")
}

#[test]
fn the_same_inputs_give_the_same_partition_and_a_cancelled_run_can_be_run_again()
-> Result<(), Box<dyn std::error::Error>> {
    let mut digests = vec![];
    for first_id in [1, 50] {
        let (fixture, round) = frozen(40, 120, first_id);
        let rounds = &fixture.rounds;
        let facts = rounds.facts(&round)?;
        assert!(matches!(rounds.run(&facts, &run(true)), Err(RunError::Cancelled)));
        assert_eq!(last_kind(rounds), "run_cancelled");
        assert_eq!(state(&now(rounds, &round))?, RoundState::Frozen);
        rounds.run(&facts, &run(false))?;
        assert_eq!(last_kind(rounds), "run_finished");
        let linked = now(rounds, &round);
        assert_eq!((state(&linked)?, linked.runs), (RoundState::Linked, 2));
        let found = partition::read(&rounds.store().read()?, &round)?;
        let people = found.clusters.iter().max().map(|last| last + 1);
        assert_eq!((people, found.draws.number()), (Some(200), 100));
        digests.push(linked.partition_digest);
        assert!(matches!(
            rounds.run(&facts, &run(false)),
            Err(RunError::Step(StepError::Illegal(_)))
        ));
    }
    assert_eq!(digests[0], digests[1]);
    Ok(())
}

#[test]
fn replaced_submissions_leave_no_trace_in_what_is_found() -> Result<(), Box<dyn std::error::Error>>
{
    let found = |earlier: &[(&str, u64)]| -> Result<_, Box<dyn std::error::Error>> {
        let fixture = Fixture::new();
        let round = fixture.open_round();
        for (number, (party, from)) in (1..).zip(earlier) {
            fixture.submit(&round, party, number, &(*from..from + 90).collect::<Vec<_>>());
        }
        for (place, party) in (0_u64..).zip(PARTIES) {
            let people: Vec<u64> = (40 * place..40 * place + 120).collect();
            fixture.submit(&round, party, 100 + place as u8, &people);
        }
        fixture.rounds.freeze(&round)?;
        run_now(&fixture.rounds, &round);
        Ok(now(&fixture.rounds, &round).partition_digest)
    };
    let whole = found(&[])?;
    assert_eq!(whole, found(&[("ggz", 0)])?);
    assert_eq!(whole, found(&[("opvang", 300), ("ggd", 10), ("opvang", 20)])?);
    Ok(())
}

#[test]
fn too_few_people_release_nothing_and_the_refusal_stands_in_the_ledger()
-> Result<(), Box<dyn std::error::Error>> {
    let (fixture, round) = frozen(5, 40, 1);
    let rounds = &fixture.rounds;
    assert!(matches!(rounds.release(&round), Err(ReleaseError::Step(StepError::Illegal(_)))));
    rounds.run(&*rounds.facts(&round)?, &run(false))?;
    let refused = rounds.release(&round).map_err(|error| error.to_string());
    assert!(refused.as_ref().is_err_and(|text| text.contains("at least 100")), "{refused:?}");
    assert_eq!(last_kind(rounds), "release_refused");
    assert_eq!(state(&now(rounds, &round))?, RoundState::Linked);
    Ok(())
}

#[test]
fn a_withdrawal_after_linking_deletes_what_was_found_and_bars_the_release()
-> Result<(), Box<dyn std::error::Error>> {
    let (fixture, round) = frozen(40, 120, 1);
    let rounds = &fixture.rounds;
    rounds.run(&*rounds.facts(&round)?, &run(false))?;
    let member = rounds.member(&partner("ggd"), &round)?;
    rounds.withdraw_submission(&member, SubmissionId([1; 16]))?;
    assert!(rounds.store().read()?.keys(PARTITIONS, &[])?.is_empty());
    assert!(now(rounds, &round).wrapped_partition_key.is_empty());
    assert!(matches!(rounds.release(&round), Err(ReleaseError::Barred)));
    Ok(())
}

#[test]
fn a_withdrawal_after_freezing_bars_the_run() -> Result<(), Box<dyn std::error::Error>> {
    let (fixture, round) = frozen(40, 120, 1);
    let rounds = &fixture.rounds;
    let member = rounds.member(&partner("ggd"), &round)?;
    rounds.withdraw_submission(&member, SubmissionId([1; 16]))?;
    let runs = Arc::new(Runs::new(Arc::clone(rounds)));
    assert!(matches!(runs.join(&round), Err(RunError::Withdrawn)));
    let late = rounds.run(&*rounds.facts(&round)?, &run(false));
    assert!(matches!(late, Err(RunError::Withdrawn)), "a withdrawal between join and finish");
    assert!(rounds.store().read()?.keys(PARTITIONS, &[])?.is_empty());
    Ok(())
}

#[test]
fn records_that_only_a_common_key_described_stay_and_link_to_nobody()
-> Result<(), Box<dyn std::error::Error>> {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let rounds = &fixture.rounds;
    fixture.submit(&round, "ggz", 2, &(0..60).collect::<Vec<_>>());
    fixture.submit(&round, "opvang", 3, &(30..90).collect::<Vec<_>>());
    let (caller, id) = (partner("ggd"), SubmissionId([1; 16]));
    let member = rounds.member(&caller, &round)?;
    let mut common = record(200);
    common.encodings[0] = None;
    rounds.open_submission(&member, id, KEY, 20)?;
    rounds.accept_batch(&caller, &batch(&round, id, 0, &vec![common; 20]))?;
    rounds.seal_submission(&member, id, 1, 20)?;
    rounds.freeze(&round)?;
    rounds.run(&*rounds.facts(&round)?, &run(false))?;
    let found = partition::read(&rounds.store().read()?, &round)?;
    let distinct: std::collections::BTreeSet<_> = found.clusters[..20].iter().collect();
    assert_eq!(distinct.len(), 20);
    let told = |party: &str| -> Result<Vec<u64>, Box<dyn std::error::Error>> {
        let (own, _) = rounds.own_submissions(&rounds.member(&partner(party), &round)?)?;
        Ok(own.iter().map(|placed| placed.stored.dropped_match_keys).collect())
    };
    assert_eq!([told("ggd")?, told("ggz")?, told("opvang")?], [[20], [0], [0]]);
    Ok(())
}

#[test]
fn a_release_is_corrected_once_and_the_new_one_has_other_noise()
-> Result<(), Box<dyn std::error::Error>> {
    let (fixture, round) = frozen(40, 120, 1);
    let rounds = &fixture.rounds;
    let release = || -> Result<_, Box<dyn std::error::Error>> {
        rounds.run(&*rounds.facts(&round)?, &run(false))?;
        Ok(rounds.release(&round)?)
    };
    let first = release()?;
    let unstated = rounds.correct(&round, Correction::Unspecified);
    assert!(matches!(unstated, Err(CorrectError::Reason)));
    rounds.correct(&round, Correction::Tables)?;
    let last = rounds.store().entries(rounds.store().head().0 - 2, u64::MAX)?;
    let kinds: Vec<_> = last.iter().map(|served| served.entry.kind()).collect();
    assert_eq!(kinds, ["correction_begun", "wrapping_key_rotated"]);
    let taken_back = now(rounds, &round);
    assert_eq!(state(&taken_back)?, RoundState::Frozen);
    assert_eq!(taken_back.corrected_digest[..], first.0[..]);
    let store = rounds.store().read()?;
    assert!(store.keys(RELEASES, &[])?.is_empty() && store.keys(PARTITIONS, &[])?.is_empty());
    drop(store);

    let second = release()?;
    assert_ne!(first, second, "another noise key");
    let again = rounds.correct(&round, Correction::Linkage);
    assert!(matches!(again, Err(CorrectError::Again)), "{again:?}");
    assert_eq!(state(&now(rounds, &round))?, RoundState::Released);
    Ok(())
}

#[test]
fn a_release_of_whom_a_party_withdrew_is_not_taken_back() -> Result<(), Box<dyn std::error::Error>>
{
    let (fixture, round) = frozen(40, 120, 1);
    let rounds = &fixture.rounds;
    rounds.run(&*rounds.facts(&round)?, &run(false))?;
    rounds.release(&round)?;
    let member = rounds.member(&partner("ggd"), &round)?;
    rounds.withdraw_submission(&member, SubmissionId([1; 16]))?;
    let refused = rounds.correct(&round, Correction::Tables);
    assert!(matches!(refused, Err(CorrectError::Barred)));
    assert_eq!(state(&now(rounds, &round))?, RoundState::Released);
    Ok(())
}

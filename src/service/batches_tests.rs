use std::collections::BTreeSet;

use samenloop_schema::SubmissionId;
use samenloop_wire::v1::Record;

use super::*;
use crate::fixture::{Fixture, KEY, batch, partner, record};
use crate::store::ENTRIES;

const ID: SubmissionId = SubmissionId([1; 16]);

type Change = fn(&mut Batch);

fn edit(batch: &mut Batch, row: usize, change: impl FnOnce(&mut Record)) {
    batch.change_record(row, change).expect("a record");
}

/// Every kind of malformed batch with its rule's code and a part of what the sender is told.
const CASES: &[(Change, u16, &str)] = &[
    (|b| b.round_id.truncate(31), 20, "round id is 31 bytes"),
    (|b| b.submission_id.clear(), 21, "submission id is 0 bytes"),
    (|b| b.key_check_value = vec![1; 17].into(), 22, "key check value is 17 bytes"),
    (|b| b.records.clear(), 23, "batch is empty"),
    (|b| b.records = vec![b.records[0].clone(); 4097], 24, "4097 records"),
    (|b| edit(b, 0, |r| r.match_keys = vec![vec![1; 1 << 20].into()]), 25, "at most 1048576"),
    (|b| edit(b, 1, |r| r.encodings.clear()), 40, "row 1: has 0 encodings"),
    (|b| edit(b, 1, |r| r.encodings[0].truncate(24)), 41, "row 1: encoding 0 is 24 bytes"),
    (|b| edit(b, 0, |r| r.encodings[0] = vec![255; 32].into()), 42, "every bit set"),
    (|b| edit(b, 0, |r| r.encodings[0] = vec![0; 32].into()), 43, "no bit set"),
    (|b| edit(b, 0, |r| r.encodings[0] = vec![1; 32].into()), 44, "fewer set bits"),
    (|b| edit(b, 0, |r| r.encodings[0] = vec![254; 32].into()), 45, "more set bits"),
    (
        |b| edit(b, 0, |r| r.encodings[0] = b"Jansen, Jan; 1970-01-01; 9711 AB"[..].into()),
        46,
        "text",
    ),
    (|b| edit(b, 0, |r| r.match_keys.clear()), 50, "0 match keys"),
    (|b| edit(b, 0, |r| r.match_keys[0] = vec![1, 2].into()), 51, "2 bytes long"),
    (|b| edit(b, 0, |r| r.match_keys[0] = vec![7; 32].into()), 52, "one byte repeated"),
    (
        |b| edit(b, 0, |r| r.match_keys[0] = b"Jansen, Jan; 1970-01-01; 9711 AB"[..].into()),
        53,
        "text",
    ),
    (|b| edit(b, 0, |r| r.codes.push(1)), 60, "has 2 codes"),
    (|b| edit(b, 0, |r| r.codes[0] = 3), 61, "code list of 2 codes"),
    (|b| edit(b, 0, |r| r.start = 3601), 62, "start month"),
    (|b| edit(b, 0, |r| r.end = u32::MAX), 63, "end month"),
    (|b| edit(b, 0, |r| r.end = 1), 64, "ends before it starts"),
    (
        |b| {
            edit(b, 0, |r| {
                r.encodings[0].clear();
                r.match_keys[0].clear();
            });
        },
        65,
        "neither an encoding nor a match key",
    ),
    (|b| b.key_check_value = vec![1; 16].into(), 2, "key check value is not the one"),
    (|b| b.submission_id = vec![9; 16].into(), 3, "is not open"),
    (|b| b.number = 7, 4, "next batch to send is 1"),
    (|b| b.number = 0, 5, "another batch is held"),
    (|b| b.records.extend(vec![b.records[0].clone(); 9]), 6, "opened with 10 records"),
];

#[test]
fn every_malformed_batch_is_refused_by_name_and_leaves_the_store_unchanged()
-> Result<(), Box<dyn std::error::Error>> {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let (rounds, caller) = (&fixture.rounds, partner("ggd"));
    let member = rounds.member(&caller, &round)?;
    rounds.open_submission(&member, ID, KEY, 10)?;
    let records: Vec<_> = (0..4).map(record).collect();
    rounds.accept_batch(&caller, &batch(&round, ID, 0, &records[..2]))?;

    let key = submission_key(&round, member.place.into(), &ID);
    let held = rounds.store().read()?.get(SUBMISSIONS, &key)?;
    let keys = |table| rounds.store().read()?.keys(table, &[]);
    let blobs = keys(BLOBS)?;
    let mut codes = BTreeSet::new();
    for (change, code, told) in CASES {
        let mut bad = batch(&round, ID, 1, &records[2..]);
        change(&mut bad);
        let entries = keys(ENTRIES.table())?.len() as u64;
        let refused = rounds.accept_batch(&caller, &bad);
        let Err(IngestError::Refused { number, rule }) = &refused else {
            return Err(format!("code {code}: {refused:?}").into());
        };
        let message = IngestError::Refused { number: *number, rule: rule.clone() }.to_string();
        assert!(message.starts_with(&format!("batch {}: ", bad.number)), "{message}");
        assert!(message.contains(told), "{message}");
        assert!(!message.contains("Jansen"), "{message}");
        assert_eq!(rule.code(), *code, "{message}");
        assert!(codes.insert(*code), "each rule has a code of its own");

        assert_eq!(rounds.store().read()?.get(SUBMISSIONS, &key)?, held, "{message}");
        assert_eq!(keys(BLOBS)?, blobs, "{message}");
        let written = rounds.store().entries(entries, u64::MAX)?;
        // Without a round id nobody knows which round's ledger it belongs to.
        assert_eq!(written.len(), usize::from(*code != 20), "{message}");
        for served in written {
            let refusal = matches!(
                served.entry.event,
                Event::BatchRefused { rule, party: 0, number, .. }
                    if rule == *code && number == bad.number
            );
            assert!(refusal, "{message}");
        }
    }
    assert_eq!(rounds.accept_batch(&caller, &batch(&round, ID, 1, &records[2..]))?.number, 1);
    Ok(())
}

#[test]
fn a_batch_of_another_party_or_a_frozen_round_is_refused() -> Result<(), Box<dyn std::error::Error>>
{
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let rounds = &fixture.rounds;
    let member = rounds.member(&partner("ggd"), &round)?;
    rounds.open_submission(&member, ID, KEY, 10)?;
    let good = batch(&round, ID, 0, &[record(1)]);
    let foreign = rounds.accept_batch(&partner("ggz"), &good);
    let not_open =
        matches!(foreign, Err(IngestError::Refused { rule: IngestRule::NotOpen { .. }, .. }));
    assert!(not_open);
    let last = rounds.store().entries(rounds.store().head().0 - 1, u64::MAX)?;
    assert!(matches!(last[0].entry.event, Event::BatchRefused { submission: None, .. }));
    let stranger = rounds.accept_batch(&partner("politie"), &good);
    assert!(matches!(stranger, Err(IngestError::NoRound { number: 0, .. })));

    rounds.close(&round)?;
    let late = rounds.accept_batch(&partner("ggd"), &good);
    let illegal = matches!(late, Err(IngestError::Refused { rule: IngestRule::Illegal(_), .. }));
    assert!(illegal);
    Ok(())
}

/// Batches of two records each.
fn prepared(
    rounds: &Rounds,
    round: &RoundId,
    numbers: std::ops::Range<u32>,
) -> Result<Vec<Prepared>, IngestError> {
    let of = |number: u32| [2 * number, 2 * number + 1].map(|person| record(person.into()));
    numbers
        .map(|number| rounds.prepare_batch(&partner("ggd"), &batch(round, ID, number, &of(number))))
        .collect()
}

#[test]
fn a_refused_batch_leaves_those_before_it_and_nothing_of_those_after_it()
-> Result<(), Box<dyn std::error::Error>> {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let (rounds, caller) = (&fixture.rounds, partner("ggd"));
    let member = rounds.member(&caller, &round)?;
    rounds.open_submission(&member, ID, KEY, 100)?;
    let head = rounds.store().head().0;
    let mut bad = batch(&round, ID, 2, &[record(4), record(5)]);
    edit(&mut bad, 1, |r| r.encodings.clear());
    let mut batches = prepared(rounds, &round, 0..4)?;
    batches[2] = rounds.prepare_batch(&caller, &bad)?;
    assert_eq!(rounds.store().head().0, head, "preparing writes nothing");

    let (held, error) = rounds.hold_batches(&batches);
    let told: Vec<_> = held.iter().map(|held| (held.number, held.ledger_index)).collect();
    assert_eq!(told, [(0, head), (1, head + 1)]);
    assert!(matches!(error, Some(IngestError::Refused { number: 2, .. })), "{error:?}");
    let kinds = |from: u64| -> Result<Vec<_>, StoreError> {
        let entries = rounds.store().entries(from, u64::MAX)?;
        Ok(entries.iter().map(|served| served.entry.kind()).collect())
    };
    assert_eq!(kinds(head)?, ["batch_accepted", "batch_accepted", "batch_refused"]);
    assert_eq!(rounds.open_submission(&member, ID, KEY, 100)?.next_batch, 2);
    crate::simulation::whole::check(rounds)?;

    // Sent again from the beginning: what is held has the same answer, and so has one sent twice.
    let mut again = prepared(rounds, &round, 0..4)?;
    again.extend(prepared(rounds, &round, 3..4)?);
    again.extend(prepared(rounds, &round, 5..6)?);
    let (held_now, error) = rounds.hold_batches(&again);
    assert_eq!(held_now[..2], held);
    assert_eq!(held_now.iter().map(|held| held.number).collect::<Vec<_>>(), [0, 1, 2, 3, 3]);
    assert_eq!(held_now[3], held_now[4]);
    let gap = Some(IngestRule::Gap { next: 4 });
    let rule = error.and_then(|error| match error {
        IngestError::Refused { number: 5, rule } => Some(rule),
        _ => None,
    });
    assert_eq!(rule, gap);
    assert_eq!(kinds(head + 3)?, ["batch_accepted", "batch_accepted", "batch_refused"]);

    let before = rounds.store().head();
    let (held_now, error) = rounds.hold_batches(&prepared(rounds, &round, 0..4)?);
    assert_eq!((held_now.len(), error.is_none()), (4, true));
    assert_eq!(rounds.store().head(), before, "what is held already is not written again");
    crate::simulation::whole::check(rounds)?;
    Ok(())
}

#[test]
fn a_batch_prepared_before_its_submission_went_is_refused() -> Result<(), Box<dyn std::error::Error>>
{
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let rounds = &fixture.rounds;
    let member = rounds.member(&partner("ggd"), &round)?;
    rounds.open_submission(&member, ID, KEY, 100)?;
    let batches = prepared(rounds, &round, 0..2)?;
    rounds.withdraw_submission(&member, ID)?;
    let (held, error) = rounds.hold_batches(&batches);
    let rule = IngestRule::NotOpen { submission: ID };
    assert!(held.is_empty());
    assert!(matches!(error, Some(IngestError::Refused { number: 0, rule: told }) if told == rule));
    crate::simulation::whole::check(rounds)?;
    Ok(())
}

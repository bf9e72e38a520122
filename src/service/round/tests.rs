use std::sync::Arc;

use samenloop_ledger::Event;
use samenloop_schema::{KeyCheckValue, RoundState, Step, SubmissionId};
use samenloop_wire::store as names;
use samenloop_wire::v1::SubmissionState;

use super::*;
use crate::fixture::{Fixture, KEY, PARTIES, SCHEMA, caller, manifest, open, partner, record};
use crate::store::{BATCHES, BLOBS};
use crate::submission::{Resume, SubmissionError};

fn kinds(rounds: &Rounds) -> Vec<&'static str> {
    let served = rounds.store().entries(0, u64::MAX).expect("the ledger can be read");
    served.iter().map(|served| served.entry.kind()).collect()
}

fn people(count: u64) -> Vec<u64> {
    (0..count).collect()
}

#[test]
fn a_round_is_created_once_and_only_with_its_own_schema() {
    let fixture = Fixture::new();
    let create = |manifest: &str, schema: &str| {
        fixture.rounds.create(manifest.as_bytes(), schema.as_bytes())
    };
    let text = manifest("Testing");
    let weak = format!("policy.threshold = 5\n{text}");
    assert!(matches!(create(&weak, SCHEMA), Err(CreateError::Manifest(_))));
    let other = SCHEMA.replace("bits = 256", "bits = 512");
    assert!(matches!(create(&text, &other), Err(CreateError::SchemaHash { .. })));
    assert!(matches!(create(&text, "version = 2"), Err(CreateError::Schema(_))));
    let large = text.replacen("[[party]]", "[policy]\nmax_cells = 3\n\n[[party]]", 1);
    assert!(matches!(create(&large, SCHEMA), Err(CreateError::TooManyCells { most: 3, .. })));
    let too_many = create(&large, SCHEMA).map_err(|error| error.to_string());
    assert!(too_many.is_err_and(|text| text.contains("leave the dimension gemeente")));
    let regions = "[[questions.roll_up]]\nname = \"regio\"\nof = \"gemeente\"\n\
                   groups = { noord = [\"Assen\"] }\n\n[[party]]";
    let unlisted = create(&text.replacen("[[party]]", regions, 1), SCHEMA);
    let unlisted = unlisted.map_err(|error| error.to_string());
    assert!(unlisted.is_err_and(|text| text.contains("\"Assen\" is no code of the dimension")));
    let long = fixture.rounds.create(&vec![b' '; MAX_FILE_BYTES + 1], SCHEMA.as_bytes());
    assert!(matches!(long, Err(CreateError::Text { file: "manifest" })));
    assert!(kinds(&fixture.rounds).is_empty());

    let round = create(&text, SCHEMA).expect("a good round");
    assert!(matches!(create(&text, SCHEMA), Err(CreateError::Exists { .. })));
    assert_eq!(kinds(&fixture.rounds), ["round_created"]);
    let stranger = fixture.rounds.member(&partner("politie"), &round).map(|_| ());
    assert!(matches!(stranger, Err(StepError::NoRound { .. })));
    assert!(fixture.rounds.view(&partner("politie"), &round).is_err());
}

#[test]
fn a_round_opens_when_every_party_announced_the_same_key() -> Result<(), OpenError> {
    let Fixture { rounds, dir: _dir } = Fixture::new();
    let round = rounds.create(manifest("Testing").as_bytes(), SCHEMA.as_bytes());
    let round = round.expect("a good round");
    let missing = rounds.open(&round).map_err(|error| error.to_string());
    assert!(missing.is_err_and(|error| error.contains("ggd, ggz, opvang")));
    for (party, key) in PARTIES.into_iter().zip([KEY, KeyCheckValue([9; 16]), KEY]) {
        rounds.announce_key(&rounds.member(&partner(party), &round)?, key)?;
    }
    let differ = rounds.open(&round).map_err(|error| error.to_string());
    assert!(differ.is_err_and(|error| error.starts_with("the key check value of ggz differs")));
    let view = rounds.view(&caller(Role::Coordinator, "hoofd"), &round)?;
    assert_eq!(view.parties.iter().filter(|party| party.key_differs).count(), 1);
    let own = rounds.view(&partner("ggz"), &round)?;
    assert_eq!(own.parties.iter().map(|party| party.place).collect::<Vec<_>>(), [1]);
    rounds.announce_key(&rounds.member(&partner("ggz"), &round)?, KEY)?;
    rounds.open(&round)?;
    let late = rounds.announce_key(&rounds.member(&partner("ggz"), &round)?, KEY);
    assert!(matches!(late, Err(StepError::Illegal(_))));
    Ok(())
}

#[test]
fn an_upload_is_resumed_after_a_crash_and_a_newer_submission_replaces()
-> Result<(), SubmissionError> {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let Fixture { rounds, dir } = fixture;
    let (caller, id) = (partner("ggd"), SubmissionId([1; 16]));
    let member = rounds.member(&caller, &round)?;
    let fresh = rounds.open_submission(&member, id, KEY, 60)?;
    assert_eq!(fresh, Resume { next_batch: 0, sealed: false });
    let records: Vec<_> = people(60).into_iter().map(record).collect();
    let batches = [
        crate::fixture::batch(&round, id, 0, &records[..40]),
        crate::fixture::batch(&round, id, 1, &records[40..]),
    ];
    let first = rounds.accept_batch(&caller, &batches[0]).expect("a good batch");
    let head = rounds.store().head();
    drop((member, rounds));

    let rounds = open(&dir).expect("the store opens after a crash");
    assert_eq!(rounds.store().head(), head);
    assert!(!rounds.store().stopped_cleanly());
    let member = rounds.member(&caller, &round)?;
    assert_eq!(rounds.open_submission(&member, id, KEY, 60)?.next_batch, 1);
    let early = rounds.seal_submission(&member, id, 2, 60);
    assert!(matches!(early, Err(SubmissionError::Incomplete { batches: 1, records: 40 })));
    let again = rounds.accept_batch(&caller, &batches[0]).expect("the same batch");
    assert_eq!(again, first);
    assert_eq!(rounds.store().head(), head, "a batch that is held already is not written again");
    rounds.accept_batch(&caller, &batches[1]).expect("a good batch");
    let sealed = rounds.seal_submission(&member, id, 2, 60)?;
    assert_eq!(rounds.seal_submission(&member, id, 2, 60)?, sealed);

    let newer = SubmissionId([2; 16]);
    rounds.open_submission(&member, newer, KEY, 40)?;
    let batch = crate::fixture::batch(&round, newer, 0, &records[..40]);
    rounds.accept_batch(&caller, &batch).expect("a good batch");
    rounds.seal_submission(&member, newer, 1, 40)?;
    let (own, state) = rounds.own_submissions(&member)?;
    let states: Vec<_> = own.iter().map(|placed| placed.stored.state()).collect();
    assert_eq!(states, [SubmissionState::Replaced, SubmissionState::Sealed]);
    assert_eq!(state, RoundState::Open);
    assert!(own[0].stored.wrapped_data_key.is_empty());
    let prefix = [&round.0[..], &id.0[..]].concat();
    for table in [BATCHES.table(), BLOBS] {
        assert!(rounds.store().read()?.keys(table, &prefix)?.is_empty());
    }
    assert!(matches!(
        rounds.open_submission(&member, id, KEY, 60),
        Err(SubmissionError::Gone { .. })
    ));
    Ok(())
}

#[test]
fn submissions_are_refused_by_key_size_and_owner() -> Result<(), SubmissionError> {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let rounds = &fixture.rounds;
    let (ggd, ggz) =
        (rounds.member(&partner("ggd"), &round)?, rounds.member(&partner("ggz"), &round)?);
    let id = SubmissionId([1; 16]);
    let open = |member, key, records| rounds.open_submission(member, id, key, records);
    let wrong = open(&ggd, KeyCheckValue([9; 16]), 10);
    assert!(matches!(wrong, Err(SubmissionError::KeyDiffers)));
    for records in [0, 501] {
        let size = open(&ggd, KEY, records);
        assert!(matches!(size, Err(SubmissionError::Records { min: 1, max: 500 })));
    }
    open(&ggd, KEY, 10)?;
    assert!(matches!(open(&ggd, KEY, 11), Err(SubmissionError::Changed { .. })));
    assert!(matches!(open(&ggz, KEY, 10), Err(SubmissionError::Taken { .. })));
    let foreign = rounds.seal_submission(&ggz, id, 0, 0);
    assert!(matches!(foreign, Err(SubmissionError::Unknown { .. })));
    let foreign = rounds.withdraw_submission(&ggz, id);
    assert!(matches!(foreign, Err(SubmissionError::Unknown { .. })));
    rounds.open_submission(&ggd, SubmissionId([2; 16]), KEY, 10)?;
    assert!(matches!(open(&ggd, KEY, 10), Err(SubmissionError::Gone { .. })));
    Ok(())
}

#[test]
fn freezing_needs_enough_parties_and_fixes_a_root_that_the_ledger_explains()
-> Result<(), Box<dyn std::error::Error>> {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let rounds = &fixture.rounds;
    fixture.submit(&round, "ggd", 1, &people(120));
    fixture.submit(&round, "ggz", 2, &people(80));
    let early = rounds.freeze(&round).map_err(|error| error.to_string());
    assert!(early.is_err_and(|error| error.starts_with("2 of the parties")));
    fixture.submit(&round, "opvang", 3, &people(60));
    let member = rounds.member(&partner("ggd"), &round)?;
    rounds.open_submission(&member, SubmissionId([4; 16]), KEY, 10)?;
    let root = rounds.freeze(&round)?;
    assert!(kinds(rounds).contains(&"submission_abandoned"));
    let served = rounds.store().entries(0, u64::MAX)?;
    let contents = served.iter().filter_map(|served| match served.entry.event {
        Event::SubmissionSealed { content, .. } => Some(content),
        _ => None,
    });
    assert_eq!(samenloop_ledger::inputs_root(contents), root);
    let late = rounds.open_submission(&member, SubmissionId([5; 16]), KEY, 10);
    assert!(matches!(late, Err(SubmissionError::Step(StepError::Illegal(_)))));

    let withdrawn = rounds.withdraw_submission(&member, SubmissionId([1; 16]))?;
    assert_eq!(rounds.withdraw_submission(&member, SubmissionId([1; 16]))?, withdrawn);
    assert!(stored(&rounds.store().read()?, &round)?.release_barred);
    Ok(())
}

#[test]
fn closing_deletes_every_row_and_key() -> Result<(), StepError> {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    for (id, party) in PARTIES.into_iter().enumerate() {
        fixture.submit(&round, party, id as u8 + 1, &people(60));
    }
    fixture.rounds.close(&round)?;
    let read = fixture.rounds.store().read()?;
    for table in [BATCHES.table(), BLOBS] {
        assert!(read.keys(table, &[])?.is_empty());
    }
    for placed in submissions(&read, round.as_bytes())? {
        assert!(placed.stored.wrapped_data_key.is_empty());
    }
    assert!(matches!(fixture.rounds.close(&round), Err(StepError::Illegal(_))));
    Ok(())
}

#[test]
fn rows_are_not_in_the_file_in_the_clear() -> Result<(), Box<dyn std::error::Error>> {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    fixture.submit(&round, "ggd", 1, &people(60));
    let file = std::fs::read(fixture.dir.path().join("data").join(names::FILE))?;
    let holds = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
    let key = record(7).match_keys[0].ok_or("the fixture's records have a match key")?;
    assert!(!holds(&key.0));
    assert!(holds(&round.0), "the positive control: a round id is metadata");
    Ok(())
}

#[test]
fn the_lifecycle_page_has_the_table_of_the_code() {
    let page = include_str!("../../../docs/lifecycle.md");
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = page.lines().filter(|line| line.starts_with('|'));
    let heading = cells(lines.next().unwrap_or_default());
    let states: Vec<_> = RoundState::ALL.map(|state| state.to_string()).into();
    assert_eq!(heading[1..], states);
    lines.next();
    for step in Step::ALL {
        let row = cells(lines.next().unwrap_or_default());
        assert_eq!(row[0], step.to_string());
        for (state, cell) in RoundState::ALL.into_iter().zip(&row[1..]) {
            let after = state.after(step).map_or(String::new(), |after| after.to_string());
            assert_eq!(*cell, after, "{step} while {state}");
        }
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn the_sample_manifest_says_what_the_defaults_are() -> Result<(), samenloop_schema::ManifestError> {
    let sample = RoundManifest::from_toml(include_str!("../../../docs/samples/manifest.toml"))?;
    assert_eq!(sample.policy, samenloop_schema::DisclosurePolicy::default());
    assert_eq!(sample.parties.len(), 3);
    Ok(())
}

#[test]
fn a_store_of_other_facts_is_refused() -> Result<(), Box<dyn std::error::Error>> {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let change = fixture.rounds.store().change()?;
    let mut changed = stored(&change, &round)?;
    changed.manifest_toml = manifest("Another purpose").into_bytes().into();
    change.put(ROUNDS, round.as_bytes(), &changed)?;
    change.commit()?;
    let Fixture { rounds, dir } = fixture;
    assert!(Arc::into_inner(rounds).is_some());
    let rounds = open(&dir)?;
    let facts = rounds.facts(&round).map(|_| ()).map_err(|error| error.to_string());
    assert!(facts.is_err_and(|error| error.contains("the manifest is not the one of its round")));
    Ok(())
}

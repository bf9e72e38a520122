use std::path::{Path, PathBuf};

use samenloop_ledger::Checkpoint;
use samenloop_wire::v1::RoundState as StoredState;
use tempfile::TempDir;

use super::*;
use crate::config::{Keys, Ledger, Limits, Log, Tls};
use crate::fixture::{Fixture, PARTIES, partner};
use crate::round::stored;
use crate::run::tests::run_now;
use crate::simulation::whole;
use crate::store::{Access as _, BLOBS, SUBMISSIONS};
use samenloop_schema::{RoundId, SubmissionId};
use samenloop_wire::store::{FILE, submission_key};
use samenloop_wire::v1::SubmissionState;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The configuration under which a fixture's store is one.
fn config(dir: &Path) -> Config {
    let nowhere = PathBuf::new;
    Config {
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: dir.join("data"),
        reflection: false,
        tls: Tls { certificate: nowhere(), key: nowhere(), client_ca: nowhere(), revoked: None },
        keys: Keys { wrapping_key: dir.join("wrapping.key"), ledger_key: dir.join("ledger.key") },
        ledger: Ledger { origin: "samenloop.invalid/test".into() },
        limits: Limits::default(),
        log: Log::default(),
        metrics: None,
    }
}

/// A ledger file as an auditor's program writes it.
fn bundle(config: &Config, rounds: &Rounds, to: &Path) -> Outcome {
    let key = signing_key(config)?;
    let (size, root) = rounds.store().head();
    let checkpoint = Checkpoint { origin: config.ledger.origin.clone(), size, root }.sign(&key);
    let heading = serde_json::json!({"format": "samenloop-ledger/1", "checkpoint": checkpoint});
    let mut text = format!("{heading}\n");
    for served in rounds.store().entries(0, size)? {
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let line = serde_json::json!({
            "index": served.index, "leaf": served.leaf, "salt": hex(&served.salt),
            "body": hex(&served.body),
        });
        text.push_str(&format!("{line}\n"));
    }
    Ok(std::fs::write(to, text)?)
}

/// A fixture with two sealed submissions and a backup of that moment.
fn backed_up() -> Result<(Fixture, RoundId, Config, TempDir), Box<dyn std::error::Error>> {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let config = config(fixture.dir.path());
    keys::create(&config.keys.ledger_key)?;
    fixture.submit(&round, "ggd", 1, &(0..60).collect::<Vec<_>>());
    fixture.submit(&round, "ggz", 2, &(30..90).collect::<Vec<_>>());
    let refused = backup(&config, &fixture.dir.path().join("early")).map(|_| ());
    let told = refused.map_err(|error| error.to_string());
    assert!(told.is_err_and(|told| told.contains("stop it first")), "a running service");
    let Fixture { dir, rounds } = fixture;
    drop(rounds);
    let copies = tempfile::tempdir()?;
    backup(&config, &copies.path().join("backup"))?;
    let rounds = crate::fixture::open(&dir)?;
    Ok((Fixture { dir, rounds }, round, config, copies))
}

#[test]
fn a_restore_does_deletions_again_and_the_ledger_goes_on() -> Outcome {
    let (fixture, round, config, copies) = backed_up()?;
    let file = copies.path().join("backup");
    assert!(matches!(backup(&config, &file), Err(MaintenanceError::Exists { .. })));
    let held = fixture.rounds.store().head().0;
    let member = fixture.rounds.member(&partner("ggd"), &round)?;
    fixture.rounds.withdraw_submission(&member, SubmissionId([1; 16]))?;
    fixture.submit(&round, "opvang", 3, &(60..120).collect::<Vec<_>>());
    let ledger = copies.path().join("ledger.jsonl");
    bundle(&config, &fixture.rounds, &ledger)?;
    let before = fixture.rounds.store().head();
    let Fixture { dir, rounds } = fixture;
    drop(rounds);
    let later = Later::Ledger(&ledger);
    let there = restore(&config, &file, later).map(|_| ());
    assert!(matches!(there, Err(MaintenanceError::Exists { .. })), "{there:?}");
    std::fs::rename(dir.path().join("data"), copies.path().join("lost"))?;

    let restored = restore(&config, &file, later)?;
    assert_eq!((restored.held, restored.later, restored.deleted), (held, before.0 - held, 1));
    let fixture = Fixture { rounds: crate::fixture::open(&dir)?, dir };
    let (rounds, store) = (&fixture.rounds, fixture.rounds.store());
    whole::check(rounds)?;
    let leaves = store.entries(0, before.0)?.into_iter().map(|served| served.leaf);
    assert_eq!(samenloop_ledger::Tree::from_leaves(leaves).root(), before.1);
    assert_eq!(store.entries(before.0, u64::MAX)?[0].entry.kind(), "restored");
    let read = store.read()?;
    let own = |party: u32, id: u8| {
        read.get(SUBMISSIONS, &submission_key(&round, party, &SubmissionId([id; 16])))
    };
    let gone = own(0, 1)?.ok_or("it was in the backup")?;
    assert_eq!(gone.state(), SubmissionState::Withdrawn);
    assert!(read.keys(BLOBS, &[&round.0[..], &[1; 16]].concat())?.is_empty());
    assert_eq!(own(1, 2)?.ok_or("it was in the backup")?.state(), SubmissionState::Sealed);
    assert!(own(2, 3)?.is_none(), "what came after the backup is submitted again");

    fixture.submit(&round, "opvang", 3, &(60..120).collect::<Vec<_>>());
    fixture.submit(&round, "ggd", 4, &(0..60).collect::<Vec<_>>());
    rounds.freeze(&round)?;
    run_now(rounds, &round);
    let replayed = rounds.replay(&round)?;
    assert!(replayed.same(), "{replayed:?}");
    whole::check(rounds)?;
    Ok(())
}

#[test]
fn what_no_key_opens_is_deleted_although_no_ledger_tells_of_it() -> Outcome {
    let (fixture, round, config, copies) = backed_up()?;
    let member = fixture.rounds.member(&partner("ggd"), &round)?;
    fixture.rounds.withdraw_submission(&member, SubmissionId([1; 16]))?;
    let Fixture { dir, rounds } = fixture;
    drop(rounds);
    std::fs::remove_dir_all(dir.path().join("data"))?;
    let restored = restore(&config, &copies.path().join("backup"), Later::Nothing)?;
    assert_eq!((restored.later, restored.deleted), (0, 1));
    let rounds = crate::fixture::open(&dir)?;
    whole::check(&rounds)?;
    let member = rounds.member(&partner("ggd"), &round)?;
    let (own, _) = rounds.own_submissions(&member)?;
    assert_eq!(own[0].stored.state(), SubmissionState::Withdrawn);
    Ok(())
}

#[test]
fn a_release_that_the_backup_does_not_hold_is_not_made_a_second_time() -> Outcome {
    let (fixture, round, config, copies) = backed_up()?;
    fixture.submit(&round, "opvang", 3, &(60..120).collect::<Vec<_>>());
    fixture.rounds.freeze(&round)?;
    run_now(&fixture.rounds, &round);
    fixture.rounds.release(&round)?;
    let ledger = copies.path().join("ledger.jsonl");
    bundle(&config, &fixture.rounds, &ledger)?;
    let Fixture { dir, rounds } = fixture;
    drop(rounds);
    std::fs::remove_dir_all(dir.path().join("data"))?;
    restore(&config, &copies.path().join("backup"), Later::Ledger(&ledger))?;
    let fixture = Fixture { rounds: crate::fixture::open(&dir)?, dir };
    let now = stored(&fixture.rounds.store().read()?, &round)?;
    assert_eq!((now.state(), now.release_barred, now.runs), (StoredState::Open, true, 1));
    Ok(())
}

#[test]
fn a_ledger_of_another_store_or_of_another_hand_is_refused() -> Outcome {
    let (fixture, _, config, copies) = backed_up()?;
    let ledger = copies.path().join("ledger.jsonl");
    bundle(&config, &fixture.rounds, &ledger)?;
    let good = std::fs::read_to_string(&ledger)?;
    let Fixture { dir, rounds } = fixture;
    drop(rounds);
    std::fs::remove_dir_all(dir.path().join("data"))?;
    let file = copies.path().join("backup");
    let restored = |text: &str| -> Result<String, Box<dyn std::error::Error>> {
        std::fs::write(&ledger, text)?;
        let refused = restore(&config, &file, Later::Ledger(&ledger)).map(|_| ());
        Ok(refused.err().map(|error| error.to_string()).unwrap_or_default())
    };
    let cut: String = good.lines().take(3).map(|line| format!("{line}\n")).collect();
    assert!(restored(&cut)?.contains("its checkpoint is not that of its entries"));
    assert!(restored("{}")?.contains("no ledger file"));
    let flipped = good.replacen("\"body\":\"01", "\"body\":\"02", 1);
    assert!(restored(&flipped)?.contains("line 2: its body cannot be read"));

    // The same origin and key, another store: another salt, another leaf.
    let other = Fixture::new();
    other.open_round();
    bundle(&config, &other.rounds, &ledger)?;
    let text = std::fs::read_to_string(&ledger)?;
    assert!(restored(&text)?.contains("differ at entry 0"));
    std::fs::remove_file(&config.keys.ledger_key)?;
    keys::create(&config.keys.ledger_key)?;
    assert!(restored(&good)?.contains("not signed by this service's ledger key"));
    assert!(!dir.path().join("data").join(FILE).exists(), "a refused restore leaves no store");
    Ok(())
}

#[test]
fn a_round_is_run_again_until_its_rows_are_gone() -> Outcome {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let rounds = &fixture.rounds;
    let refused = |wanted: &str| {
        let told = rounds.replay(&round).map(|_| ()).map_err(|error| error.to_string());
        assert!(told.as_ref().is_err_and(|told| told.contains(wanted)), "{told:?}");
    };
    refused("has not been linked");
    for (place, party) in (0..).zip(PARTIES) {
        fixture.submit(
            &round,
            party,
            place as u8 + 1,
            &(place * 30..place * 30 + 60).collect::<Vec<_>>(),
        );
    }
    rounds.freeze(&round)?;
    run_now(rounds, &round);
    let size = rounds.store().head().0;
    assert!(rounds.replay(&round)?.same());
    rounds.release(&round)?;
    assert!(rounds.replay(&round)?.same());
    assert_eq!(rounds.store().head().0, size + 1, "a replay writes nothing");

    // Another partition than the one that was found is told.
    let change = rounds.store().change()?;
    let mut changed = stored(&change, &round)?;
    changed.partition_salt = vec![1; 16].into();
    change.put(crate::store::ROUNDS, round.as_bytes(), &changed)?;
    change.commit()?;
    assert!(!rounds.replay(&round)?.same());
    rounds.close(&round)?;
    refused("the round is closed");
    Ok(())
}

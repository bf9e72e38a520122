//! What was withdrawn stays unreadable, whatever copies were made before.

use std::path::Path;

use redb::{Database, ReadableDatabase as _};
use samenloop_schema::{RoundId, SubmissionId};
use samenloop_wire::store::{FILE, batch_key, submission_key};

use crate::fixture::{Fixture, partner};
use crate::keys;
use crate::store::{Access as _, BLOBS, Keyring, SUBMISSIONS, WrappingKey};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Every key that today's key files give: the wrapping key, and the wrapped keys of the survivors.
struct Thief {
    wrapping: Vec<WrappingKey>,
    wrapped: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Thief {
    /// Takes every file that lies where the keys lie.
    fn of(dir: &Path) -> Self {
        let data = dir.join("data");
        let files = std::fs::read_dir(dir).expect("readable").map(|file| file.expect("one").path());
        let keys = files.filter_map(|path| keys::read(&path, &data).ok()).map(WrappingKey::new);
        let keyring = Keyring::new(&dir.join("wrapping.key"), &data);
        Self { wrapping: keys.collect(), wrapped: keyring.survivors().expect("readable") }
    }

    /// Whether the first batch of a submission in an image can be read.
    fn reads(&self, image: &Path, round: &RoundId, party: u32, id: u8) -> bool {
        let database = Database::create(image).expect("a copy of a database");
        let read = database.begin_read().expect("readable");
        let id = SubmissionId([id; 16]);
        let place = submission_key(round, party, &id);
        let batch = batch_key(round, &id, 0);
        let Ok(Some(blob)) = read.bytes(BLOBS, &batch) else { return false };
        let stored = read.get(SUBMISSIONS, &place).expect("readable").unwrap_or_default();
        let mut candidates = vec![stored.wrapped_data_key.to_vec()];
        candidates.extend(self.wrapped.iter().map(|(_, wrapped)| wrapped.clone()));
        self.wrapping.iter().any(|key| {
            candidates.iter().any(|wrapped| {
                key.unwrap(wrapped, &place).is_ok_and(|data| data.open(&blob, &batch).is_ok())
            })
        })
    }
}

#[test]
fn an_old_image_with_todays_keys_does_not_give_back_what_was_withdrawn() -> Outcome {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    fixture.submit(&round, "ggd", 1, &(0..60).collect::<Vec<_>>());
    fixture.submit(&round, "ggz", 2, &(30..90).collect::<Vec<_>>());
    let (dir, rounds) = (fixture.dir.path(), &fixture.rounds);
    let copies = tempfile::tempdir()?;
    let copy = |name: &str| -> std::io::Result<std::path::PathBuf> {
        let to = copies.path().join(name);
        std::fs::copy(dir.join("data").join(FILE), &to).map(|_| to)
    };
    // The copy is made between changes, so it is whole; redb repairs it as after a crash.
    let old = copy("old")?;
    let before = Thief::of(dir);
    assert!(before.reads(&old, &round, 0, 1), "the positive control: the keys of then read it");
    let key_file = std::fs::read(dir.join("wrapping.key"))?;

    let member = rounds.member(&partner("ggd"), &round)?;
    rounds.withdraw_submission(&member, SubmissionId([1; 16]))?;
    let today = Thief::of(dir);
    let new = copy("new")?;
    for image in [&old, &new] {
        assert!(!today.reads(image, &round, 0, 1), "withdrawn and readable in {image:?}");
        assert!(today.reads(image, &round, 1, 2), "kept and unreadable in {image:?}");
    }
    // The file that held the key is another one, and no file beside it holds the old key.
    for file in std::fs::read_dir(dir)? {
        let path = file?.path();
        if path.is_file() {
            let bytes = std::fs::read(&path)?;
            assert!(!bytes.windows(64).any(|part| part == &key_file[..64]), "{}", path.display());
        }
    }
    // A later deletion takes the survivor's chance too.
    let member = rounds.member(&partner("ggz"), &round)?;
    rounds.withdraw_submission(&member, SubmissionId([2; 16]))?;
    assert!(!Thief::of(dir).reads(&old, &round, 1, 2));
    assert!(before.reads(&old, &round, 1, 2), "only the erased key of then reads it");
    Ok(())
}

#[test]
fn every_way_of_deleting_rotates_the_wrapping_key() -> Outcome {
    let fixture = Fixture::new();
    let round = fixture.open_round();
    let (dir, rounds) = (fixture.dir.path(), &fixture.rounds);
    let mut key = std::fs::read(dir.join("wrapping.key"))?;
    let mut rotated = |what: &str| -> Outcome {
        let now = std::fs::read(dir.join("wrapping.key"))?;
        assert_ne!(std::mem::replace(&mut key, now.clone()), now, "{what}");
        for left in ["wrapping.key.next", "wrapping.key.survivors.next"] {
            assert!(!dir.join(left).exists(), "{what} leaves {left}");
        }
        Ok(())
    };
    let people = |from: u64| (from..from + 50).collect::<Vec<_>>();
    fixture.submit(&round, "ggd", 1, &people(0));
    fixture.submit(&round, "ggd", 2, &people(0));
    rotated("replacing")?;
    fixture.submit(&round, "ggz", 3, &people(10));
    fixture.submit(&round, "opvang", 4, &people(20));
    let member = rounds.member(&partner("ggd"), &round)?;
    for id in [5, 6] {
        rounds.open_submission(&member, SubmissionId([id; 16]), crate::fixture::KEY, 10)?;
    }
    rotated("leaving one for another")?;
    rounds.freeze(&round)?;
    rotated("abandoning by freezing")?;
    crate::run::tests::run_now(rounds, &round);
    rounds.close(&round)?;
    rotated("closing")?;
    super::whole::check(rounds)?;
    Ok(())
}

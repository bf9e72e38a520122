use std::fs;

use super::*;

struct Mail {
    dir: tempfile::TempDir,
    shares: Vec<Share>,
}

const NAMES: [&str; 3] = ["ggd", "politie", "wmo"];

impl Mail {
    /// Three partners that have drawn shares and mailed their commitments.
    fn new() -> Self {
        let shares = NAMES
            .map(|name| Share::draw("2026-1", &name.parse().expect("a name")).expect("randomness"));
        let mail = Self { dir: tempfile::tempdir().expect("a directory"), shares: shares.into() };
        mail.commit(
            &mail.shares.iter().map(|share| share.commitment().to_string()).collect::<Vec<_>>(),
        );
        mail
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn commit(&self, lines: &[String]) {
        fs::write(self.path("commitments.txt"), lines.join("\n")).expect("a file");
    }

    fn commitments(&self) -> Result<Commitments, CeremonyError> {
        Commitments::read(&self.path("commitments.txt"))
    }

    fn seal(&self) {
        let commitments = self.commitments().expect("commitments");
        for share in &self.shares {
            let text = seal(share, &commitments).expect("a seal");
            fs::write(self.path(share.name()), text).expect("a file");
        }
    }

    fn combine(&self, at: usize, from: &[&str]) -> Result<String, String> {
        let from: Vec<_> = from.iter().map(|name| self.path(name)).collect();
        let commitments = self.commitments().map_err(|error| error.to_string())?;
        let key = combine(&self.shares[at], &commitments, &from);
        key.map(|key| key.to_hex().to_string()).map_err(|error| error.to_string())
    }
}

#[test]
fn all_partners_get_one_key_and_each_ceremony_another() {
    let mail = Mail::new();
    mail.seal();
    let keys = [(0, ["politie", "wmo"]), (1, ["wmo", "ggd"]), (2, ["ggd", "politie"])]
        .map(|(at, from)| mail.combine(at, &from).expect("a key"));
    assert!(keys.iter().all(|key| *key == keys[0]));
    // One's own file among the others does no harm.
    assert_eq!(mail.combine(0, &NAMES), Ok(keys[0].clone()));
    let other = Mail::new();
    other.seal();
    assert_ne!(other.combine(0, &["politie", "wmo"]), Ok(keys[0].clone()));
}

#[test]
fn what_is_mailed_holds_no_share_and_no_private_key() {
    let mail = Mail::new();
    mail.seal();
    let mut mailed = fs::read_to_string(mail.path("commitments.txt")).expect("a file");
    for name in NAMES {
        mailed += &fs::read_to_string(mail.path(name)).expect("a file");
    }
    for share in &mail.shares {
        let own = mail.path(&format!("{}.share", share.name()));
        share.write(&own).expect("a file");
        let text = fs::read_to_string(&own).expect("a file");
        let secrets: Vec<&str> = text.split_whitespace().skip(3).collect();
        assert_eq!(secrets.len(), 2);
        assert!(secrets.iter().all(|secret| secret.len() == 64 && !mailed.contains(secret)));
        let again = Share::read(&own).expect("what was written");
        assert_eq!(again.commitment(), share.commitment());
        assert!(share.write(&own).is_err(), "a share is never replaced");
    }
}

#[test]
fn a_missing_doubled_or_wrong_share_is_refused_by_name() {
    let mail = Mail::new();
    mail.seal();
    let refused = |from: &[&str]| mail.combine(0, from).expect_err("refused");
    assert!(refused(&["politie"]).contains("no share of wmo"));
    assert!(refused(&[]).contains("no share of politie, wmo"));
    assert!(refused(&["politie", "wmo", "politie"]).contains("two shares of politie"));
    assert!(refused(&["politie", "nobody"]).contains("cannot be read"));
    let text = fs::read_to_string(mail.path("wmo")).expect("a file");
    for (change, rule) in [
        (text.replace("2026-1", "2026-2"), "wmo sealed this for the round"),
        (text.replace(" wmo ", " ggz "), "ggz is not among the commitments"),
        (text.replace(" wmo ", " politie "), "the share of politie is damaged or not for you"),
        (text.replacen("samenloop", "sameloop", 1), "line 1: this is no sealed share"),
        (
            text.lines().map(|line| format!("{}\n", &line[..line.len() - 2])).collect(),
            "the share of wmo is damaged",
        ),
        ("\n# nothing\n".to_owned(), "no sealed share is in it"),
    ] {
        fs::write(mail.path("wmo"), change).expect("a file");
        let error = refused(&["politie", "wmo"]);
        assert!(error.contains(rule), "{error}");
    }
}

#[test]
fn a_share_that_was_chosen_after_the_others_were_seen_is_refused() {
    let mut mail = Mail::new();
    mail.seal();
    let commitments = mail.commitments().expect("commitments");
    // wmo keeps its name and public key and sends another share than it committed to.
    let late = mail.shares.pop().expect("wmo").with_secret([7; 32]);
    let error = seal(&late, &commitments).expect_err("this program does not do so").to_string();
    assert!(error.contains("the commitment of wmo is not that of your share"), "{error}");
    let text = sealed::seal_unchecked(&late, &commitments).expect("a changed program does");
    fs::write(mail.path("wmo"), text).expect("a file");
    let error = mail.combine(0, &["politie", "wmo"]).expect_err("wmo cheats");
    assert!(error.contains("the share of wmo is not the one that it committed to"), "{error}");
}

#[test]
fn a_share_sealed_with_other_commitments_is_refused() {
    let mail = Mail::new();
    mail.seal();
    let mut lines: Vec<String> =
        mail.shares.iter().map(|share| share.commitment().to_string()).collect();
    lines[2] = Share::draw("2026-1", &"wmo".parse().expect("a name"))
        .expect("randomness")
        .commitment()
        .to_string();
    mail.commit(&lines);
    let error = mail.combine(0, &["politie", "wmo"]).expect_err("other commitments");
    assert!(error.contains("politie sealed this with other commitments than yours"), "{error}");
}

#[test]
fn commitments_must_be_of_one_round_each_partner_once_and_one_s_own_unchanged() {
    let mail = Mail::new();
    let lines: Vec<String> =
        mail.shares.iter().map(|share| share.commitment().to_string()).collect();
    let whole = mail.commitments().expect("commitments").digest();
    let mut other_order = lines.clone();
    other_order.reverse();
    mail.commit(&other_order);
    assert_eq!(mail.commitments().expect("commitments").digest(), whole);
    let later = Share::draw("2026-1", &"wmo".parse().expect("a name")).expect("randomness");
    let elsewhere = Share::draw("2026-2", &"ggz".parse().expect("a name")).expect("randomness");
    let stolen = lines[1].replace(" politie ", " ggz ");
    for (extra, rule) in [
        (lines[1].clone(), "the commitment of politie stands twice"),
        (later.commitment().to_string(), "line 4: wmo has two different commitments"),
        (elsewhere.commitment().to_string(), "ggz commits to the round \"2026-2\""),
        (stolen, "ggz has the public key of politie"),
        ("hello".to_owned(), "line 4: this is no commitment"),
        (lines[1].replace(" politie ", " Politie "), "this commitment is damaged"),
    ] {
        mail.commit(&[&lines[..], &[extra]].concat());
        let error = mail.commitments().expect_err(rule).to_string();
        assert!(error.contains(rule), "{error}");
    }
    mail.commit(&lines[..1]);
    assert!(mail.commitments().expect_err("one").to_string().contains("two partners or more"));
    mail.commit(&lines[1..]);
    let without = mail.commitments().expect("two commitments");
    let error = seal(&mail.shares[0], &without).expect_err("not among them").to_string();
    assert!(error.contains("your own commitment (ggd) is not among"), "{error}");
    assert_ne!(without.digest(), whole);
}

//! Golden checkpoints and keys, Go's published note, and what must be refused.

use data_encoding::BASE64;
use serde::Deserialize;

use super::*;
use crate::keys::KeyError;

#[derive(Deserialize)]
struct Vectors {
    checkpoint: Golden,
    verifying_key: String,
    signing_key: String,
    good: Vec<Note>,
    bad: Vec<Note>,
    bad_keys: Vec<BadKey>,
}

#[derive(Deserialize)]
struct Golden {
    origin: String,
    size: u64,
    root: Digest,
}

#[derive(Deserialize)]
struct Note {
    name: String,
    note: String,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct BadKey {
    name: String,
    key: String,
    error: String,
}

fn vectors() -> Vectors {
    let text = include_str!("../../tests/vectors/ledger/v1/checkpoints.json");
    serde_json::from_str(text).expect("the vectors can be read")
}

#[test]
fn a_checkpoint_is_signed_byte_for_byte_and_opened() -> Result<(), KeyError> {
    let vectors = vectors();
    let Golden { origin, size, root } = vectors.checkpoint;
    let checkpoint = Checkpoint { origin, size, root };
    let key = SigningKey::from_text(&vectors.signing_key)?;
    assert_eq!(key.to_text().as_str(), vectors.signing_key);
    assert_eq!(key.verifying_key().to_text(), vectors.verifying_key);
    assert_eq!(checkpoint.sign(&key), vectors.good[0].note);
    let key = VerifyingKey::from_text(&vectors.verifying_key)?;
    for Note { name, note, .. } in &vectors.good {
        assert_eq!(Checkpoint::open(note, &key).as_ref(), Ok(&checkpoint), "{name}");
    }
    Ok(())
}

#[test]
fn what_this_signer_did_not_sign_is_refused_by_its_own_error() -> Result<(), KeyError> {
    let vectors = vectors();
    let key = VerifyingKey::from_text(&vectors.verifying_key)?;
    for Note { name, note, error } in vectors.bad {
        let found = Checkpoint::open(&note, &key).map_err(|error| error.to_string());
        assert_eq!(found, Err(error), "{name}");
    }
    for BadKey { name, key, error } in vectors.bad_keys {
        let found = VerifyingKey::from_text(&key).map_err(|error| error.to_string());
        assert_eq!(found, Err(error), "{name}");
    }
    Ok(())
}

#[test]
fn the_published_note_of_go_is_signed_byte_for_byte() -> Result<(), KeyError> {
    #[derive(Deserialize)]
    struct Published {
        signing_key: String,
        verifying_key: String,
        text: String,
        signature: String,
    }
    let text = include_str!("../../tests/vectors/ledger/v1/note.json");
    let published: Published = serde_json::from_str(text).expect("the vectors can be read");
    let key = SigningKey::from_text(&published.signing_key)?;
    assert_eq!(key.verifying_key().to_text(), published.verifying_key);
    let signature =
        [&key.verifying_key().hash()[..], &key.sign(published.text.as_bytes())].concat();
    assert_eq!(BASE64.encode(&signature), published.signature);
    Ok(())
}

#[test]
fn a_signing_key_does_not_show_itself() -> Result<(), KeyError> {
    let key = SigningKey::from_seed("ledger", &[7; 32])?;
    assert_eq!(format!("{key:?}"), "SigningKey(ledger)");
    assert_eq!(SigningKey::from_seed("", &[7; 32]).err(), Some(KeyError::Name));
    assert_eq!(SigningKey::from_text(&key.verifying_key().to_text()).err(), Some(KeyError::Form));
    Ok(())
}

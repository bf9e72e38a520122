//! What an auditor reads: entries, checkpoints, whole ledgers, and bytes that may be anything.

use std::sync::OnceLock;

use data_encoding::BASE64;
use ed25519_dalek::Signer as _;
use samenloop_audit::scan::{Markers, suspects};
use samenloop_audit::verify::{Verifier, bundle_bytes};
use samenloop_ledger::{Checkpoint, Entry, SigningKey, VerifyingKey};

use super::halves;

const SEED: [u8; 32] = [7; 32];
/// Of the name and the key, as the verifier text has it.
const KEY_HASH: [u8; 4] = [0xa8, 0xcb, 0x20, 0xbf];

fn key() -> &'static (SigningKey, Verifier) {
    static KEY: OnceLock<(SigningKey, Verifier)> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = SigningKey::from_seed("ledger.example.nl", &SEED).expect("a legal name");
        let verifier = Verifier::from_text(&key.verifying_key().to_text()).expect("its own text");
        (key, verifier)
    })
}

/// An entry has one encoding.
pub fn entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::from_bytes(bytes) {
        assert_eq!(entry.to_bytes(), bytes);
    }
}

/// The ledger's reader and the auditor's agree on every note, whether signed by the key or not, and
/// on every key.
pub fn checkpoint(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (signer, verifier) = key();
    let (body, signatures) = halves(bytes);
    let line = {
        let own = ed25519_dalek::SigningKey::from_bytes(&SEED).sign(body).to_bytes();
        let signature = [&KEY_HASH[..], &own].concat();
        format!("\u{2014} ledger.example.nl {}\n", BASE64.encode(&signature))
    };
    let signed = std::str::from_utf8(body).ok().zip(std::str::from_utf8(signatures).ok());
    let signed = signed.map(|(body, others)| format!("{body}\n{others}{line}"));
    for note in std::iter::once(text).chain(signed.as_deref()) {
        let own = Checkpoint::open(note, &signer.verifying_key());
        match (own, verifier.open(note)) {
            (Ok(own), Ok(head)) => assert_eq!((own.size, own.root), (head.size, head.root)),
            (Err(_), Err(_)) => {}
            (own, auditor) => panic!("{own:?} and {auditor:?} of {note:?}"),
        }
    }
    // The auditor's key comes from a person, with blanks around it at times.
    assert_eq!(VerifyingKey::from_text(text.trim()).is_ok(), Verifier::from_text(text).is_ok());
    let _ = SigningKey::from_text(text);
}

/// A file that is read has no byte without meaning, and checking it ends in findings, not in a panic.
pub fn bundle(bytes: &[u8]) {
    let (_, verifier) = key();
    let (_, Some(mut bundle)) = bundle_bytes(bytes, verifier, None) else { return };
    assert_eq!(bundle.to_text().as_bytes(), bytes);
    // The same entries under a checkpoint that is signed, so that their lives are judged too.
    let mut tree = samenloop_ledger::Tree::new();
    bundle.entries.iter().for_each(|entry| {
        tree.append(entry.leaf);
    });
    let origin = "ledger.example.nl".to_owned();
    let checkpoint = Checkpoint { origin, size: tree.size(), root: tree.root() };
    bundle.checkpoint = checkpoint.sign(&key().0);
    let _ = samenloop_audit::verify::bundle(&bundle, verifier, Some(&bundle.checkpoint));
}

/// Scanning takes any bytes, and a name that was searched for stays found behind them.
pub fn scan(bytes: &[u8]) {
    const NAME: &str = "Wilhelmina Ottenhof";
    static MARKERS: OnceLock<Markers> = OnceLock::new();
    let markers = MARKERS.get_or_init(|| Markers::new([NAME]).expect("long enough"));
    let _ = suspects(bytes);
    let before = markers.find(bytes).len();
    let with = [bytes, b"\n", NAME.as_bytes()].concat();
    assert!(markers.find(&with).len() > before);
}

//! Identities that are planted in a real round's rows, store, logs and files: each one is found, and
//! where it stands is named.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;
use redb::{Database, TableDefinition};
use samenloop_audit::inspect::{InspectJob, Inspection, inspect_with};
use samenloop_audit::scan::{Coding, Markers};
use samenloop_audit::{Finding, Place};
use samenloop_tests::planted::PLANTED;
use samenloop_tests::{Cast, Role, Service, Story, tap, upload_bytes};
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use samenloop_wire::{store, v1};

use crate::leak::{tapped, unsealed};

/// The same paths with an identity in them: were it not found there, finding nothing would be no
/// news.
pub(crate) async fn what_is_planted_is_found(service: &mut Service, markers: &Markers) -> Story {
    service.restart()?;
    let cast = Cast::new("leak-control")?;
    cast.open(service).await?;
    let (relay, seen) = tap(service, "ggd").await?;
    let (config, _) = service.installation.client(Role::Partner, "ggd", relay)?;
    let channel = config.connect().await?;
    let id = [9; 16];
    let mut batch = cast.batch(id, 0, 10);
    // So little text in a match key passes the rule against text.
    let surname = PLANTED[0][1].as_bytes();
    batch.change_record(3, |record| {
        let key = [surname, &record.match_keys[0][surname.len()..]].concat();
        record.match_keys[0] = key.into();
    })?;
    let open = v1::OpenSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: id.to_vec().into(),
        key_check_value: cast.kcv_bytes(),
        records: 10,
    };
    let mut client = SubmissionsClient::new(channel.clone());
    client.open_submission(open).await?;
    upload_bytes(&channel, batch.encode_to_vec().into()).await?;
    let seal = v1::SealSubmissionRequest {
        round_id: cast.round_bytes(),
        submission_id: id.to_vec().into(),
        batches: 1,
        records: 10,
    };
    client.seal_submission(seal).await?;
    assert_eq!(markers.find(&tapped(&seen)).len(), 1, "in what the service received");
    assert!(service.stop()?);
    let inspection = unsealed(service, markers)?;
    let rows = |finding: &Finding| matches!(finding.place, Place::Rows { .. });
    assert!(inspection.findings.iter().all(rows) && !inspection.findings.is_empty());
    assert_eq!(inspection.hits, BTreeMap::from([(Coding::Utf8, 1)]), "1: a name in a row");

    nine_more(service, markers)
}

/// A copy of what an auditor is given, into which one thing is planted.
struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    fn of(service: &Service) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        for part in ["data", "tmp"] {
            fs::create_dir(folder.path().join(part))?;
        }
        let held = service.installation.data_dir().join(store::FILE);
        fs::copy(held, folder.path().join("data").join(store::FILE))?;
        fs::copy(service.log(), folder.path().join("service.log"))?;
        Ok(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Story {
        let held = fs::read(self.path(name)).unwrap_or_default();
        Ok(fs::write(self.path(name), [&held[..], bytes].concat())?)
    }

    /// Writes a fact into the store's own table.
    fn fact(&self, value: &[u8]) -> Story {
        let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(store::META);
        let database = Database::open(self.path("data").join(store::FILE))?;
        let change = database.begin_write()?;
        change.open_table(table)?.insert(&b"planted"[..], value)?;
        Ok(change.commit()?)
    }

    /// Writes a value over some pages and deletes it again: it then lies in pages that nothing points
    /// to, of which the database uses some anew.
    fn slack(&self, value: &[u8]) -> Story {
        let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(store::META);
        let database = Database::open(self.path("data").join(store::FILE))?;
        let mut page = value.to_vec();
        page.resize(4096, 0);
        let change = database.begin_write()?;
        change.open_table(table)?.insert(&b"planted"[..], &page.repeat(16)[..])?;
        change.commit()?;
        let change = database.begin_write()?;
        change.open_table(table)?.remove(&b"planted"[..])?;
        Ok(change.commit()?)
    }

    fn inspect(&self, markers: &Markers) -> anyhow::Result<Inspection> {
        let data_dir = self.path("data");
        let job = InspectJob { data_dir: &data_dir, wrapping_key: None, markers };
        Ok(inspect_with(&job, &[self.path("service.log"), self.path("tmp")])?)
    }
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// What is planted, and the name of the place that must be told.
type Planting<'a> = (&'a str, &'a dyn Fn(&Copy) -> Story, &'a str);

fn nine_more(service: &Service, markers: &Markers) -> Story {
    let [[_, surname, _, street], [_, _, town, _], [given, hyphened, ..]] = PLANTED;
    // Letters that Windows-1252 writes otherwise than UTF-8.
    const FRENCH: &str = "Zoë Kwantelmarkérin";
    let with_french = Markers::new([FRENCH, surname, street, town, given, hyphened])?;
    let clean = Copy::of(service)?.inspect(&with_french)?;
    assert_eq!(clean.findings, vec![], "nothing is planted yet");
    assert!(clean.control_found && clean.pages.superseded > 0);
    assert_eq!(clean.bytes.unexplained, 0);
    let (low, high) =
        (utf16(street, u16::to_le_bytes), utf16("j.jansen@ggd.example.nl", u16::to_be_bytes));
    let coded = |bytes: &[u8]| data_encoding::BASE64.encode(&[b"x ", bytes].concat());
    let error = format!(r#"{{"level":"ERROR","error":"row 3: {}"}}"#, coded(hyphened.as_bytes()));
    let number = data_encoding::HEXLOWER.encode(b"burgerservicenummer 111222333");
    let single: Vec<u8> = FRENCH.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
    let postcode = format!("2026-11-24T10:00:00Z refused {town} 9712 AB\n");
    let log = "service.log";
    let plantings: [Planting<'_>; 10] = [
        ("2: a name in UTF-8 in a log", &|c| c.append(log, surname.to_uppercase().as_bytes()), log),
        ("3: a street in UTF-16 in a temporary file", &|c| c.append("tmp/left", &low), "left"),
        ("4: a name in base64 in an error message", &|c| c.append(log, error.as_bytes()), log),
        (
            "5: a citizen service number in hex in a core dump",
            &|c| c.append("data/core.471", number.as_bytes()),
            "core.471",
        ),
        (
            "6: a name in Windows-1252 in a slack page of the store",
            &|c| c.slack(&single),
            store::FILE,
        ),
        (
            "7: a bank account in UTF-8 in the store's metadata",
            &|c| c.fact(b"NL91ABNA0417164300"),
            store::META,
        ),
        (
            "8: an e-mail address in big-endian UTF-16 in a temporary file",
            &|c| c.append("tmp/mail", &high),
            "mail",
        ),
        ("9: a postcode in a log", &|c| c.append(log, postcode.as_bytes()), log),
        (
            "10: a date of birth in a core dump",
            &|c| c.append("tmp/core", b"\0born 1971-03-11\0"),
            "core",
        ),
        ("a citizen service number in a slack page", &|c| c.slack(b"bsn 111222333 "), store::FILE),
    ];
    for (what, plant, place) in plantings {
        let copy = Copy::of(service)?;
        plant(&copy)?;
        let seen = copy.inspect(&with_french)?;
        assert!(!seen.passed(), "{what}: nothing was found");
        let named = |finding: &Finding| match &finding.place {
            Place::File { name } => Path::new(name).ends_with(place),
            Place::Table { name, .. } => name == place,
            _ => false,
        };
        // That a file should not be there is known without reading it.
        let read = |finding: &&Finding| !finding.rule.contains("nothing else");
        let found = seen.findings.iter().filter(read).any(named);
        assert!(found, "{what}: {:?}", seen.findings);
        let told = serde_json::to_string(&seen)?;
        for secret in [surname, street, town, hyphened, FRENCH, "111222333", "NL91ABNA"] {
            assert!(!told.contains(secret), "{what}: the report tells it");
        }
    }
    assert!(markers.len() > PLANTED.len());
    Ok(())
}

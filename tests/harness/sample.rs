//! The sample registrations of four organisations, and their round by the programs that people run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use samenloop_schema::RoundId;
use serde_json::Value;

use crate::{Role, Service};

/// An organisation of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party {
    /// Its party id.
    pub name: &'static str,
    /// What separates the columns of its file.
    pub separator: char,
}

/// Files and round of the sample, or of a published study; every path is in the service's folder.
#[derive(Debug)]
pub struct Sample {
    folder: PathBuf,
    label: String,
    parties: Vec<Party>,
    /// Columns that are never encoded.
    excluded: Vec<&'static str>,
    /// The manifest without parties and schema hash.
    manifest: String,
    round: Option<RoundId>,
    relays: BTreeMap<&'static str, SocketAddr>,
}

impl Sample {
    /// The organisations, in the order of the manifest.
    pub const PARTIES: [Party; 4] = [
        Party { name: "ggd", separator: ';' },
        Party { name: "ggz", separator: ',' },
        Party { name: "opvang", separator: '\t' },
        Party { name: "politie", separator: ';' },
    ];

    /// Writes every party's file into a folder of its own, as `change` makes it of the sample's.
    /// `label` tells rounds apart.
    pub fn write(
        service: &Service,
        label: &str,
        change: impl Fn(Party, &[u8]) -> Vec<u8>,
    ) -> anyhow::Result<Self> {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/lab/sample");
        for party in Self::PARTIES {
            let content = fs::read(sample.join(format!("{}.csv", party.name)))?;
            let home = service.folder().join(party.name);
            fs::create_dir(&home)?;
            fs::write(home.join("clients.csv"), change(party, &content))?;
        }
        let purpose = "How many people are known to four organisations";
        Ok(Self {
            folder: service.folder().to_owned(),
            label: label.to_owned(),
            parties: Self::PARTIES.into(),
            excluded: vec!["waarheid"],
            manifest: format!("purpose = \"{purpose}\"\nretention_days = 30\n"),
            round: None,
            relays: BTreeMap::new(),
        })
    }

    /// Writes the files of a published study, rebuilt with invented people, of which `parties` are
    /// the organisations. `manifest` is the manifest without parties and schema hash.
    pub fn study(
        service: &Service,
        study: &str,
        parties: &[&'static str],
        manifest: &str,
    ) -> anyhow::Result<Self> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(study);
        for party in parties {
            let home = service.folder().join(party);
            fs::create_dir(&home)?;
            fs::copy(data.join(format!("{party}.csv")), home.join("clients.csv"))?;
        }
        Ok(Self {
            folder: service.folder().to_owned(),
            label: study.to_owned(),
            parties: parties.iter().map(|name| Party { name, separator: ',' }).collect(),
            excluded: vec!["record_id", "person_id"],
            manifest: manifest.to_owned(),
            round: None,
            relays: BTreeMap::new(),
        })
    }

    /// Adds lines to the manifest, before the round is announced.
    pub fn agree(&mut self, lines: &str) {
        self.manifest += lines;
    }

    /// Lets every party encode and submit its file, and takes the round until it is linked.
    pub fn submit_and_link(&self, service: &Service) -> anyhow::Result<()> {
        for party in &self.parties {
            self.encode(service, party.name, "clients.csv")?;
            self.submit(service, party.name, "clients.csv")?;
        }
        self.step(service, "freeze")?;
        self.step(service, "link")?;
        Ok(())
    }

    /// A file of a party.
    #[must_use]
    pub fn file(&self, party: &str, name: &str) -> PathBuf {
        self.folder.join(party).join(name)
    }

    /// The round, once it is announced.
    pub fn round(&self) -> anyhow::Result<RoundId> {
        self.round.context("the round is not announced")
    }

    /// Lets the programs of a party reach the service through a relay from now on.
    pub fn relay(&mut self, party: &'static str, relay: SocketAddr) {
        self.relays.insert(party, relay);
    }

    /// Lets the programs of a party reach the service itself again.
    pub fn direct(&mut self, party: &str) {
        self.relays.remove(party);
    }

    fn config(&self, service: &Service, party: &str) -> anyhow::Result<String> {
        service.config(Role::Partner, party, self.relays.get(party).copied())
    }

    /// Drafts the schema from the files, announces the round, announces the key of every party,
    /// and opens the round.
    pub fn open(&mut self, service: &Service) -> anyhow::Result<()> {
        let files: Vec<String> =
            self.parties.iter().map(|party| format!("{}/clients.csv", party.name)).collect();
        let mut draft = vec!["schema", "init", "--round", &self.label];
        self.excluded.iter().for_each(|column| draft.extend(["--exclude", column]));
        files.iter().for_each(|file| draft.extend(["--csv", file]));
        draft.extend(["--out", "schema.toml", "--json"]);
        let drafted: Value = serde_json::from_str(&service.succeed("partner", &draft)?)?;
        let hash = drafted["schema_hash"].as_str().context("a schema has a hash")?;
        service.succeed("partner", &["key", "new", "--out", "round.key"])?;
        let mut manifest = format!("schema_hash = \"{hash}\"\n{}", self.manifest);
        for party in &self.parties {
            manifest += &format!("[[party]]\nid = \"{}\"\nmax_records = 10000\n", party.name);
        }
        fs::write(self.folder.join("manifest.toml"), manifest)?;
        let coordinator = service.config(Role::Coordinator, "regie", None)?;
        let files = ["--manifest", "manifest.toml", "--schema", "schema.toml", "--json"];
        let create = [&["round", "create", "--config", &coordinator][..], &files].concat();
        let created: Value = serde_json::from_str(&service.succeed("service", &create)?)?;
        let round = created["round"].as_str().context("a new round has an id")?;
        self.round = Some(round.parse()?);
        for party in self.parties.clone() {
            let config = self.config(service, party.name)?;
            let key = ["--key", "round.key", "--schema", "schema.toml"];
            let announce = ["key", "check", "--config", &config, "--round", round, "--json"];
            let told = service.succeed("partner", &[&announce[..], &key].concat())?;
            let told: Value = serde_json::from_str(&told)?;
            ensure!(told["announced"] == round, "the key is not announced: {told}");
        }
        self.step(service, "open")?;
        Ok(())
    }

    /// Takes the round one step further, as the coordinator; returns what the program reports.
    pub fn step(&self, service: &Service, step: &str) -> anyhow::Result<Value> {
        let (config, round) =
            (service.config(Role::Coordinator, "regie", None)?, self.round()?.to_string());
        let step = ["round", step, "--config", &config, "--round", &round, "--json"];
        Ok(serde_json::from_str(&service.succeed("service", &step)?)?)
    }

    /// Encodes a file of a party into `<file>.extract`; returns the program's report.
    pub fn encode(&self, service: &Service, party: &str, file: &str) -> anyhow::Result<Value> {
        let (csv, out) = (format!("{party}/{file}"), format!("{party}/{file}.extract"));
        let files = ["--csv", &csv, "--out", &out, "--force", "--json"];
        let encode = ["encode", "--schema", "schema.toml", "--key", "round.key"];
        let told = service.succeed("partner", &[&encode[..], &files].concat())?;
        Ok(serde_json::from_str(&told)?)
    }

    /// The arguments of `samenloop-partner` that submit what [`encode`](Self::encode) wrote.
    pub fn submission(
        &self,
        service: &Service,
        party: &str,
        file: &str,
    ) -> anyhow::Result<Vec<String>> {
        let config = self.config(service, party)?;
        let round = self.round()?.to_string();
        let extract = format!("{party}/{file}.extract");
        let words = ["submit", &extract, "--config", &config, "--round", &round, "--json"];
        Ok(words.map(str::to_owned).into())
    }

    /// Submits what [`encode`](Self::encode) wrote; returns the program's report.
    pub fn submit(&self, service: &Service, party: &str, file: &str) -> anyhow::Result<Value> {
        let words = self.submission(service, party, file)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ok(serde_json::from_str(&service.succeed("partner", &words)?)?)
    }

    /// Runs a command of a party about its submissions, such as `status`.
    pub fn partner(&self, service: &Service, party: &str, command: &str) -> anyhow::Result<Value> {
        let (config, round) = (self.config(service, party)?, self.round()?.to_string());
        let words = [command, "--config", &config, "--round", &round, "--json"];
        Ok(serde_json::from_str(&service.succeed("partner", &words)?)?)
    }

    /// People in the files, by the column that says who is who.
    pub fn people(&self) -> anyhow::Result<usize> {
        let mut people = BTreeSet::new();
        for party in &self.parties {
            let content = fs::read(self.file(party.name, "clients.csv"))?;
            for line in content.split(|byte| *byte == b'\n').skip(1) {
                let columns = line.split(|byte| char::from(*byte) == party.separator);
                people.extend(columns.skip(1).take(1).map(<[u8]>::to_vec));
            }
        }
        Ok(people.len())
    }
}

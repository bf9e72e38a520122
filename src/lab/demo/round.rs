//! Playing the round.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use samenloop_audit::inspect::{InspectJob, Inspection, inspect};
use samenloop_audit::scan::Markers;
use samenloop_audit::verify::{self, Verification, Verifier};
use samenloop_monitor::{Measure, Report, Row};
use samenloop_partner::draft::draft_schema;
use samenloop_partner::extract::Extract;
use samenloop_partner::{EncodeJob, EncodeReport, encode_file};
use samenloop_partner::{key_file, submissions, submit, survey, table};
use samenloop_schema::RoundId;
use samenloop_service::identity::Role;
use samenloop_service::{Config, Server};
use samenloop_wire::client::ClientConfig;
use samenloop_wire::v1;
use samenloop_wire::v1::rounds_client::RoundsClient;
use tokio::sync::oneshot;

use super::sample::{self, PARTIES, TRUTH};
use crate::evaluate::{Compared, Evaluation, Job, evaluate};
use crate::installation::Installation;

/// What the round came to.
#[derive(Debug)]
pub struct Outcome {
    /// The round.
    pub round: RoundId,
    /// What each partner was told of its file.
    pub encoded: Vec<EncodeReport>,
    /// Released tables, as the monitor got them.
    pub released: Vec<Report>,
    /// The auditor's check of the ledger.
    pub verification: Verification,
    /// The auditor's look at the store, in the operator's presence.
    pub inspection: Inspection,
    /// True and expected numbers, which only synthetic data can tell.
    pub evaluation: Evaluation,
    /// Wall-clock seconds of the whole.
    pub seconds: f64,
}

/// What the demo's monitor asks.
const QUESTIONS: [Measure; 5] =
    [Measure::Unique, Measure::Sources, Measure::Overlap, Measure::Patterns, Measure::Stacking];

/// Plays a round in an empty folder and tells each step to `narrate`.
pub async fn play(folder: &Path, narrate: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Outcome> {
    let begin = Instant::now();
    narrate("The operator installs a service on loopback, with throwaway certificates and keys.");
    let installation = Installation::create(folder)?;
    let server = Server::bind(Config::read(&installation.service_config())?).await?;
    let (address, ledger_key) = (server.local_addr(), server.ledger_key());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let client = |role, name: &str| installation.client(role, name, address);

    narrate("The partners agree on a linkage schema, drafted from the headers of their files.");
    let files = sample::write(folder)?;
    let tables: Vec<_> = files.iter().map(|path| table::read(path)).collect::<Result<_, _>>()?;
    let draft = draft_schema(&tables, "demo", &[TRUTH])?;
    let schema = folder.join("schema.toml");
    fs::write(&schema, draft.to_toml())?;

    let (coordinator, _) = client(Role::Coordinator, "regie")?;
    let round = create(&coordinator, &draft.schema, &schema).await?;
    narrate(&format!("The coordinator announces round {}.", short(&round)));
    let key = folder.join("round.key");
    key_file::create(&key)?;
    let partners: Vec<ClientConfig> = PARTIES
        .iter()
        .map(|party| Ok(client(Role::Partner, party)?.0))
        .collect::<anyhow::Result<_>>()?;

    narrate(
        "The partners share a linkage key that the service never sees, and encode their files.",
    );
    let encoded = encode(&files, &schema, &key)?;
    for (config, report) in partners.iter().zip(&encoded) {
        submissions::announce_key(config, round, &draft.schema, report.key_check_value).await?;
    }
    step(&coordinator, round, Step::Open).await?;
    for ((party, config), report) in PARTIES.iter().zip(&partners).zip(&encoded) {
        let mut extract = Extract::open(&report.extract)?;
        let sent = submit::submit(&mut extract, config, round, &submit::Silent).await?;
        narrate(&format!("  {party} submits {} records without a name in them.", sent.records));
    }

    narrate("The coordinator freezes the inputs, links, and releases once.");
    step(&coordinator, round, Step::Freeze).await?;
    step(&coordinator, round, Step::Link).await?;
    step(&coordinator, round, Step::Release).await?;

    narrate("The monitor asks.");
    let (monitor, _) = client(Role::Monitor, "monitor")?;
    let mut released = vec![];
    for measure in QUESTIONS {
        released.push(samenloop_monitor::fetch(&monitor, round, &measure.into()).await?);
    }

    narrate("The auditor checks the ledger, and the store in the operator's presence.");
    let (auditor, _) = client(Role::Auditor, "auditor")?;
    let verifier = Verifier::from_text(&ledger_key)?;
    let (verification, _) = verify::online(&auditor, &verifier, None).await?;
    let _ = stop.send(());
    serving.await??;
    let markers = Markers::new(marker_values(&tables))?;
    let wrapping_key =
        samenloop_service::keys::read(&installation.wrapping_key(), &installation.data_dir())?;
    let data_dir = installation.data_dir();
    let job =
        InspectJob { data_dir: &data_dir, wrapping_key: Some(wrapping_key), markers: &markers };
    let inspection = inspect(&job)?;
    drop(tables);

    let job = Job {
        sources: PARTIES.iter().map(ToString::to_string).zip(files).collect(),
        truth: TRUTH.to_owned(),
        schema: Some(schema),
        draws: None,
        compare: false,
    };
    let (evaluation, _) =
        tokio::task::spawn_blocking(move || evaluate(&job, &samenloop_link::Silent)).await??;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Outcome { round, encoded, released, verification, inspection, evaluation, seconds })
}

fn short(round: &RoundId) -> String {
    round.to_string().chars().take(12).collect()
}

fn encode(files: &[PathBuf], schema: &Path, key: &Path) -> anyhow::Result<Vec<EncodeReport>> {
    let reports = files.iter().map(|csv| {
        let job = EncodeJob {
            schema: schema.to_owned(),
            key: key.to_owned(),
            csv: Some(csv.clone()),
            clks: None,
            out: csv.with_extension("extract"),
            skip_bad_rows: false,
            force: false,
        };
        Ok(encode_file(&job, &survey::Silent)?)
    });
    reports.collect()
}

/// Values of the partners' files that are long enough to be searched for without chance hits.
fn marker_values(tables: &[table::Table]) -> Vec<String> {
    let mut values: Vec<String> = tables
        .iter()
        .flat_map(|table| table.rows.iter().flat_map(|row| row.values()))
        .filter(|value| value.len() >= 12 && value.chars().any(|c| c.is_ascii_uppercase()))
        .cloned()
        .collect();
    values.sort_unstable();
    values.dedup();
    values
}

async fn create(
    config: &ClientConfig,
    schema: &samenloop_schema::LinkageSchema,
    schema_file: &Path,
) -> anyhow::Result<RoundId> {
    let parties =
        PARTIES.map(|party| format!("[[party]]\nid = \"{party}\"\nmax_records = 10000\n"));
    let manifest = format!(
        "purpose = \"How many different people are known to four organisations\"\n\
         schema_hash = \"{}\"\nretention_days = 30\n{}",
        schema.hash(),
        parties.concat()
    );
    let request = v1::CreateRoundRequest {
        manifest_toml: manifest.into(),
        schema_toml: fs::read(schema_file)?.into(),
    };
    let mut client = RoundsClient::new(config.connect().await?);
    let created = client.create_round(request).await?.into_inner();
    RoundId::from_slice(&created.round_id).context("the service's round id has no 32 bytes")
}

enum Step {
    Open,
    Freeze,
    Link,
    Release,
}

async fn step(config: &ClientConfig, round: RoundId, step: Step) -> anyhow::Result<()> {
    let mut client = RoundsClient::new(config.connect().await?);
    let round_id = round.as_bytes().to_vec().into();
    match step {
        Step::Open => drop(client.open_round(v1::OpenRoundRequest { round_id }).await?),
        Step::Freeze => drop(client.freeze_round(v1::FreezeRoundRequest { round_id }).await?),
        Step::Link => {
            let request = v1::LinkRoundRequest { round_id };
            let mut progress = client.link_round(request).await?.into_inner();
            while progress.message().await?.is_some() {}
        }
        Step::Release => drop(client.release_round(v1::ReleaseRoundRequest { round_id }).await?),
    }
    Ok(())
}

impl Outcome {
    /// Whether the audit found nothing.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verification.passed() && self.inspection.passed()
    }

    /// The outcome for machines: what is true, what the linkage expects, what was released, what the
    /// auditor found.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        let Evaluation { unique, sources_per_person, patterns, pairs, .. } = &self.evaluation;
        let truth = |numbers: &BTreeMap<String, Compared>| -> BTreeMap<String, u64> {
            numbers.iter().map(|(name, n)| (name.clone(), n.truth)).collect()
        };
        let expected = |numbers: &BTreeMap<String, Compared>| -> BTreeMap<String, f64> {
            numbers.iter().map(|(name, n)| (name.clone(), n.estimated)).collect()
        };
        let released: Vec<serde_json::Value> = self
            .released
            .iter()
            .map(|report| Ok(serde_json::from_str(&samenloop_monitor::render::json(report)?)?))
            .collect::<anyhow::Result<_>>()?;
        Ok(serde_json::json!({
            "round": self.round,
            "true": {
                "unique": unique.truth,
                "sources_per_person": truth(sources_per_person),
                "patterns": truth(patterns),
            },
            "estimated": {
                "unique": { "estimate": unique.estimate, "low": unique.low, "high": unique.high },
                "sources_per_person": expected(sources_per_person),
                "patterns": expected(patterns),
                "pairs": pairs,
            },
            "released": released,
            "audit": {
                "passed": self.passed(),
                "ledger_entries": self.verification.entries,
                "ledger_findings": self.verification.findings,
                "store_bytes": self.inspection.bytes.explained(),
                "identities_searched": self.inspection.markers,
                "identities_found": self.inspection.hits.values().sum::<u64>(),
                "control_found": self.inspection.control_found,
                "store_findings": self.inspection.findings,
            },
            "seconds": self.seconds,
        }))
    }

    /// The released number of one measure and set of sources; none where it is withheld.
    #[must_use]
    pub fn number(&self, measure: Measure, wanted: impl Fn(&Row) -> bool) -> Option<u64> {
        let report = self.released.iter().find(|report| report.measure == measure)?;
        report.rows.iter().find(|row| wanted(row))?.number.map(|number| number.count)
    }
}

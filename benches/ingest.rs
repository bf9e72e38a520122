//! A submission over mutual TLS into the encrypted store, every batch acknowledged when it is durable,
//! beside writing the same rows straight into redb: a durable change per batch, committed in one phase as
//! redb does by itself and in two as the service does, and one change for all. What a submission costs
//! beside its rows (the connection, opening and sealing) shows in the difference between the two sizes.

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use redb::{Database, Durability, TableDefinition};
use samenloop_benches::{records, schema};
use samenloop_lab::installation::Installation;
use samenloop_partner::extract::{self, Extract};
use samenloop_partner::{submissions, submit};
use samenloop_schema::{KeyCheckValue, LinkageSchema, RoundId, RoundManifest, drop_common_keys};
use samenloop_service::identity::Role;
use samenloop_service::{Config, Server};
use samenloop_wire::v1;
use samenloop_wire::v1::rounds_client::RoundsClient;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

const RECORDS: [usize; 2] = [40_000, 200_000];
const PARTIES: [&str; 3] = ["ggd", "ggz", "opvang"];
const KEY: KeyCheckValue = KeyCheckValue([9; 16]);

/// An extract of so many invented people, as `encode` writes it: without common match keys.
fn write_extract(path: &Path, schema: &LinkageSchema, count: usize) -> anyhow::Result<()> {
    let shape = schema.shape();
    let mut records = records(schema, count);
    drop_common_keys(&mut records, schema.max_key_multiplicity);
    let each = |put: &mut dyn FnMut(&[u8]) -> std::io::Result<()>| {
        let mut row = vec![];
        records.iter().try_for_each(|record| {
            row.clear();
            shape.write_row(record, &mut row);
            put(&row)
        })
    };
    extract::write(path, schema, KEY, count as u64, each, true)?;
    Ok(())
}

/// Opens a round at a service of its own and submits; only the submission is timed.
async fn submitted(extract: &Path, schema: &LinkageSchema) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir()?;
    let installation = Installation::create(folder.path())?;
    let server = Server::bind(Config::read(&installation.service_config())?).await?;
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let parties = PARTIES
        .map(|id| format!("[[party]]\nid = \"{id}\"\nmin_records = 2\nmax_records = 999999\n"));
    let manifest = format!(
        "purpose = \"measuring\"\nschema_hash = \"{}\"\nretention_days = 90\n{}",
        schema.hash(),
        parties.concat()
    );
    let round: RoundId = RoundManifest::round_id(&manifest);
    let (coordinator, _) = installation.client(Role::Coordinator, "regie", address)?;
    let mut rounds = RoundsClient::new(coordinator.connect().await?);
    let schema_toml = schema.to_toml().into();
    rounds
        .create_round(v1::CreateRoundRequest { manifest_toml: manifest.into(), schema_toml })
        .await?;
    for party in PARTIES {
        let (partner, _) = installation.client(Role::Partner, party, address)?;
        submissions::announce_key(&partner, round, schema, KEY).await?;
    }
    rounds.open_round(v1::OpenRoundRequest { round_id: round.as_bytes().to_vec().into() }).await?;
    let (partner, _) = installation.client(Role::Partner, PARTIES[0], address)?;
    let mut extract = Extract::open(extract)?;
    let begin = Instant::now();
    let report = submit::submit(&mut extract, &partner, round, &submit::Silent).await?;
    let taken = begin.elapsed();
    anyhow::ensure!(report.records == extract.header().rows, "{} arrived", report.records);
    let _ = stop.send(());
    serving.await??;
    Ok(taken)
}

/// Writes values into a new database, so many of them in one durable change.
fn written(values: &[Vec<u8>], together: usize, two_phases: bool) -> anyhow::Result<Duration> {
    const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
    let folder = tempfile::tempdir()?;
    let database = Database::create(folder.path().join("rows.redb"))?;
    let begin = Instant::now();
    for (first, values) in (0..).step_by(together).zip(values.chunks(together)) {
        let mut change = database.begin_write()?;
        change.set_durability(Durability::Immediate)?;
        change.set_two_phase_commit(two_phases);
        {
            let mut table = change.open_table(TABLE)?;
            for (number, value) in (first..).zip(values) {
                table.insert(number, value.as_slice())?;
            }
        }
        change.commit()?;
    }
    Ok(begin.elapsed())
}

/// The rows of each batch.
fn batches(path: &Path, schema: &LinkageSchema) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut extract = Extract::open(path)?;
    let shape = schema.shape();
    let numbers = 0..extract.header().batches();
    let rows = numbers.map(|number| {
        let mut rows = vec![];
        extract.batch(number)?.iter().for_each(|record| shape.write_row(record, &mut rows));
        Ok(rows)
    });
    rows.collect()
}

fn ingest(criterion: &mut Criterion) {
    for count in RECORDS {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("people.extract");
        let schema = schema();
        write_extract(&path, &schema, count).expect("an extract");
        let values = batches(&path, &schema).expect("its batches");
        let runtime = Runtime::new().expect("a runtime");
        let mut group = criterion.benchmark_group(format!("ingest of {count} records"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Bytes(values.iter().map(|value| value.len() as u64).sum()));
        let several = |times: u64, once: &dyn Fn() -> anyhow::Result<Duration>| -> Duration {
            (0..times).map(|_| once().expect("it works")).sum()
        };
        let straight = [
            ("straight into redb, a change per batch", 1, false),
            ("straight into redb, a change in two phases per batch", 1, true),
            ("straight into redb, one change", values.len(), false),
        ];
        for (name, together, two_phases) in straight {
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|times| {
                    several(times, &|| written(&values, together, two_phases))
                });
            });
        }
        group.bench_function("submit over mutual TLS", |bencher| {
            bencher.iter_custom(|times| {
                several(times, &|| runtime.block_on(submitted(&path, &schema)))
            });
        });
        group.finish();
    }
}

criterion_group!(benches, ingest);
criterion_main!(benches);

//! A submission over mutual TLS into the encrypted store, every batch acknowledged when it is durable,
//! beside writing the same rows straight into redb: a durable change per batch, as the service makes
//! them, and one change for all.

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use redb::{Database, TableDefinition};
use samenloop_benches::{records, schema};
use samenloop_lab::installation::Installation;
use samenloop_partner::extract::{self, Extract};
use samenloop_partner::{submissions, submit};
use samenloop_schema::{KeyCheckValue, LinkageSchema, RoundId, RoundManifest};
use samenloop_service::identity::Role;
use samenloop_service::{Config, Server};
use samenloop_wire::v1;
use samenloop_wire::v1::rounds_client::RoundsClient;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

const RECORDS: usize = 40_000;
const PARTIES: [&str; 3] = ["ggd", "ggz", "opvang"];
const KEY: KeyCheckValue = KeyCheckValue([9; 16]);

/// An extract of invented people.
fn write_extract(path: &Path, schema: &LinkageSchema) -> anyhow::Result<()> {
    let shape = schema.shape();
    let records = records(schema, RECORDS);
    let each = |put: &mut dyn FnMut(&[u8]) -> std::io::Result<()>| {
        let mut row = vec![];
        records.iter().try_for_each(|record| {
            row.clear();
            shape.write_row(record, &mut row);
            put(&row)
        })
    };
    extract::write(path, schema, KEY, RECORDS as u64, each, true)?;
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
    anyhow::ensure!(report.records == RECORDS as u64, "{} records arrived", report.records);
    let _ = stop.send(());
    serving.await??;
    Ok(taken)
}

/// Writes values into a new database, so many of them in one durable change.
fn written(values: &[Vec<u8>], together: usize) -> anyhow::Result<Duration> {
    const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
    let folder = tempfile::tempdir()?;
    let database = Database::create(folder.path().join("rows.redb"))?;
    let begin = Instant::now();
    for (first, values) in (0..).step_by(together).zip(values.chunks(together)) {
        let change = database.begin_write()?;
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
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("people.extract");
    let schema = schema();
    write_extract(&path, &schema).expect("an extract");
    let values = batches(&path, &schema).expect("its batches");
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("ingest");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(values.iter().map(|value| value.len() as u64).sum()));
    let several = |times: u64, once: &dyn Fn() -> anyhow::Result<Duration>| -> Duration {
        (0..times).map(|_| once().expect("it works")).sum()
    };
    group.bench_function("submit over mutual TLS", |bencher| {
        bencher
            .iter_custom(|times| several(times, &|| runtime.block_on(submitted(&path, &schema))));
    });
    group.bench_function("straight into redb, a change per batch", |bencher| {
        bencher.iter_custom(|times| several(times, &|| written(&values, 1)));
    });
    group.bench_function("straight into redb, one change", |bencher| {
        bencher.iter_custom(|times| several(times, &|| written(&values, values.len())));
    });
    group.finish();
}

criterion_group!(benches, ingest);
criterion_main!(benches);

//! What each command does.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use samenloop_encode::RoundKeys;
use samenloop_schema::{KeyCheckValue, RoundId};
use samenloop_wire::client::ClientConfig;
use serde::Serialize;

use super::ceremony;
use super::progress::Bar;
use super::{
    Command, EncodeArguments, InitArguments, KeyCheckArguments, KeyCommand, SchemaCommand,
    ServiceArguments, SubmitArguments, WithdrawArguments, words,
};
use crate::check::check;
use crate::draft::{draft_clk_schema, draft_schema};
use crate::encode_file::{EncodeJob, encode_file, read_schema};
use crate::extract::Extract;
use crate::{key_file, private_file, submissions, submit, table};

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Key(KeyCommand::New { out, json }) => key_new(&out, json),
        Command::Key(KeyCommand::Share(command)) => ceremony::share(command),
        Command::Key(KeyCommand::Combine(arguments)) => ceremony::combine(&arguments),
        Command::Key(KeyCommand::Check(arguments)) => key_check(&arguments),
        Command::Schema(SchemaCommand::Init(arguments)) => schema_init(&arguments),
        Command::Schema(SchemaCommand::Check { schema, csv, json }) => {
            schema_check(&schema, csv.as_deref(), json)
        }
        Command::Encode(arguments) => encode(arguments),
        Command::Submit(arguments) => submit_extract(&arguments),
        Command::Status(arguments) => status(&arguments),
        Command::Withdraw(arguments) => withdraw(&arguments),
    }
}

pub(super) fn print_json(report: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(report).context("the report is no JSON")?);
    Ok(())
}

/// Runs a conversation with the service.
fn talk<T>(conversation: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(conversation))
}

fn client(config: &Path, round: Option<RoundId>) -> anyhow::Result<(ClientConfig, RoundId)> {
    let read = ClientConfig::read(config)?;
    let round = round.or(read.round).with_context(|| {
        format!("name the round with --round, or as `round` in {}", config.display())
    })?;
    Ok((read, round))
}

fn key_new(out: &Path, json: bool) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Created<'a> {
        key: &'a Path,
    }
    key_file::create(out)?;
    if json {
        return print_json(&Created { key: out });
    }
    println!(
        "A new linkage key is in {}. Give it to the other partners of this round in a way that \
         nobody else sees, never to the service or the coordinator. Delete it when the round is closed.",
        out.display()
    );
    Ok(())
}

fn key_check(arguments: &KeyCheckArguments) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Checked {
        schema_hash: samenloop_schema::Digest,
        key_check_value: KeyCheckValue,
        announced: Option<RoundId>,
    }
    let schema = read_schema(&arguments.schema)?;
    let key_check_value =
        RoundKeys::derive(&key_file::read(&arguments.key)?, &schema).key_check_value();
    let mut announced = None;
    if let Some(config) = &arguments.config {
        let (config, round) = client(config, arguments.round)?;
        talk(submissions::announce_key(&config, round, &schema, key_check_value))??;
        announced = Some(round);
    }
    let schema_hash = schema.hash();
    if arguments.json {
        return print_json(&Checked { schema_hash, key_check_value, announced });
    }
    println!("schema hash      {schema_hash}\nkey check value  {key_check_value}");
    println!(
        "{}",
        match announced {
            Some(_) =>
                "Announced. The round opens when all partners have announced the same value.",
            None => "The other partners of the round must see the same two values.",
        }
    );
    Ok(())
}

fn schema_init(arguments: &InitArguments) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Drafted<'a> {
        schema: &'a Path,
        schema_hash: samenloop_schema::Digest,
        guesses: &'a [crate::draft::Guess],
        remarks: &'a [String],
        bad_rows: usize,
    }
    let tables = arguments.csv.iter().map(|csv| table::read(csv)).collect::<Result<Vec<_>, _>>()?;
    let exclude: Vec<&str> = arguments.exclude.iter().map(String::as_str).collect();
    let mut draft = match &arguments.clks {
        Some(clks) => draft_clk_schema(clks, &tables, &arguments.round, &exclude)?,
        None => draft_schema(&tables, &arguments.round, &exclude)?,
    };
    if arguments.formal_names {
        draft.with_formal_names(arguments.same_names.as_deref())?;
    }
    let text = draft.to_toml();
    let Some(out) = &arguments.out else {
        print!("{text}");
        eprint!("{}", words::draft(&draft));
        return Ok(());
    };
    private_file::write_new(out, text.as_bytes())?;
    let bad_rows = tables.iter().map(|table| table.bad_rows.len()).sum();
    if arguments.json {
        let (guesses, remarks) = (&draft.guesses, &draft.remarks);
        let schema_hash = draft.schema.hash();
        return print_json(&Drafted { schema: out, schema_hash, guesses, remarks, bad_rows });
    }
    print!("{}", words::draft(&draft));
    for table in tables.iter().filter(|table| table.rows_above > 0) {
        println!(
            "- {}: {} rows above the headers were passed over",
            table.path.display(),
            table.rows_above
        );
    }
    if bad_rows > 0 {
        println!("- {bad_rows} rows could not be read and were not looked at");
    }
    println!("\nThe schema is in {}; its hash is {}.", out.display(), draft.schema.hash());
    Ok(())
}

fn schema_check(schema: &Path, csv: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let schema = read_schema(schema)?;
    let found = {
        let bar = Bar::new("measuring");
        check(&schema, csv, &bar)?
    };
    if json {
        return print_json(&found);
    }
    println!("round label  {}\nschema hash  {}", found.round, found.schema_hash);
    if let Some(report) = &found.quality {
        println!("\n{}", words::quality(report));
    }
    match found.weaknesses.as_slice() {
        [] => println!("Nothing weak was found."),
        weaknesses => {
            println!("Weak:");
            for weakness in weaknesses {
                println!("- {weakness}");
            }
        }
    }
    Ok(())
}

fn encode(arguments: EncodeArguments) -> anyhow::Result<()> {
    let EncodeArguments { schema, key, csv, clks, out, skip_bad_rows, force, json } = arguments;
    let job = EncodeJob { schema, key, csv, clks, out, skip_bad_rows, force };
    let report = {
        let bar = Bar::new("encoding");
        encode_file(&job, &bar)?
    };
    if json {
        return print_json(&report);
    }
    println!("{}", words::quality(&report.quality));
    println!(
        "{} records are in {}, without names, dates or numbers.\nsubmission       {}\nkey check value  {}",
        report.quality.records,
        report.extract.display(),
        report.submission_id,
        report.key_check_value
    );
    Ok(())
}

fn receipt(extract: &Path) -> PathBuf {
    let mut name = extract.file_name().unwrap_or_default().to_owned();
    name.push(".receipt.json");
    extract.with_file_name(name)
}

fn submit_extract(arguments: &SubmitArguments) -> anyhow::Result<()> {
    let (config, round) = client(&arguments.service.config, arguments.service.round)?;
    let mut extract = Extract::open(&arguments.extract)?;
    let report = {
        let bar = Bar::new("submitting");
        talk(submit::submit(&mut extract, &config, round, &bar))??
    };
    let receipt = receipt(&arguments.extract);
    let text = serde_json::to_vec_pretty(&report).context("the receipt is no JSON")?;
    private_file::write(&receipt, true, |file| std::io::Write::write_all(file, &text))?;
    if arguments.service.json {
        return print_json(&report);
    }
    if report.sealed_before {
        println!("The service had sealed this submission before; nothing was sent.");
    }
    println!(
        "{} records are submitted and sealed.\nsubmission    {}\nledger entry  {}\nreceipt       {}",
        report.records,
        report.submission_id,
        report.ledger_index,
        receipt.display()
    );
    Ok(())
}

fn status(arguments: &ServiceArguments) -> anyhow::Result<()> {
    let (config, round) = client(&arguments.config, arguments.round)?;
    let report = talk(submissions::status(&config, round))??;
    if arguments.json {
        return print_json(&report);
    }
    print!("{}", words::status(&report));
    Ok(())
}

fn withdraw(arguments: &WithdrawArguments) -> anyhow::Result<()> {
    let (config, round) = client(&arguments.service.config, arguments.service.round)?;
    let report = talk(submissions::withdraw(&config, round, arguments.submission))??;
    if arguments.service.json {
        return print_json(&report);
    }
    println!(
        "Submission {} is withdrawn; the service has destroyed the key to its rows.\nledger entry  {}",
        report.submission_id, report.ledger_index
    );
    Ok(())
}

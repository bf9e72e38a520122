//! The commands.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use samenloop_wire::client::ClientConfig;
use serde::Serialize;

use crate::finding::Finding;
use crate::inspect::{InspectJob, Inspection, inspect, read_wrapping_key};
use crate::report::Report;
use crate::scan::Markers;
use crate::verify::{self, Bundle, Kept, Verification, Verifier};

/// Checks a samenloop service: its ledger, its store, its releases.
#[derive(Parser)]
#[command(name = "samenloop-audit", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks the whole ledger: signature, hashes, proofs, and the life of every round.
    Verify(VerifyArguments),
    /// Walks a data directory while the service is stopped, or a copy of it.
    Inspect(InspectArguments),
    /// Writes one page on the ledger: what was checked, how, and what was found.
    Report(ReportArguments),
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["config", "bundle"]))]
struct VerifyArguments {
    /// Connection to the service, TOML; names the ledger's key too.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Checks a file that --bundle-out wrote, without a connection.
    #[arg(long, requires = "vkey")]
    bundle: Option<PathBuf>,
    /// The ledger's verifier key, `name+hash+base64`; else that of the configuration.
    #[arg(long)]
    vkey: Option<String>,
    /// Keeps what was fetched in a file.
    #[arg(long, requires = "config")]
    bundle_out: Option<PathBuf>,
    /// Keeps the last good checkpoint; else beside the configuration, with the ending
    /// `.checkpoint`.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct InspectArguments {
    /// The service's data directory.
    #[arg(long)]
    data_dir: PathBuf,
    /// Decrypts the rows in memory; run this with the operator present.
    #[arg(long, requires = "wrapping_key")]
    unseal: bool,
    /// The operator's wrapping key file.
    #[arg(long, requires = "unseal")]
    wrapping_key: Option<PathBuf>,
    /// File with one known identity or planted marker a line, of 12 bytes or more.
    #[arg(long)]
    canaries: Option<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ReportArguments {
    /// Connection to the service, TOML; names the ledger's key too.
    #[arg(long)]
    config: PathBuf,
    /// The ledger's verifier key; else that of the configuration.
    #[arg(long)]
    vkey: Option<String>,
    /// Where the last good checkpoint is kept; else beside the configuration.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

/// What a command prints, and whether all was well.
struct Outcome {
    text: String,
    passed: bool,
}

/// Runs a command line, the program's name included. The exit code is 0 if all is well, 1 if
/// something was found or could not be checked, 2 if the command line is wrong.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing is left to tell if standard error is gone.
            let _ = error.print();
            return ExitCode::from(error.exit_code().clamp(0, 2) as u8);
        }
    };
    match outcome(arguments.command) {
        Ok(Outcome { text, passed }) => {
            println!("{}", text.trim_end());
            if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("samenloop-audit: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn outcome(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Verify(arguments) => {
            let (json, verification) = (arguments.json, verification(arguments)?);
            let text = if json { to_json(&verification)? } else { verified(&verification) };
            Ok(Outcome { text, passed: verification.passed() })
        }
        Command::Inspect(arguments) => {
            let (json, inspection) = (arguments.json, inspection(arguments)?);
            let text = if json { to_json(&inspection)? } else { inspected(&inspection) };
            Ok(Outcome { text, passed: inspection.passed() })
        }
        Command::Report(ReportArguments { config, vkey, state, json }) => {
            let (verification, _) = fetch(&config, vkey, state)?;
            let report = Report::new(verification);
            let text = if json { to_json(&report)? } else { report.to_string() };
            Ok(Outcome { text, passed: report.passed })
        }
    }
}

fn to_json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}

fn verification(arguments: VerifyArguments) -> anyhow::Result<Verification> {
    let VerifyArguments { config, bundle, vkey, bundle_out, state, .. } = arguments;
    if let Some(path) = bundle {
        let verifier = Verifier::from_text(&vkey.unwrap_or_default())?;
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let kept = state.map(|path| Kept::at(&path).read()).transpose()?.flatten();
        return Ok(verify::bundle_bytes(&bytes, &verifier, kept.as_deref()));
    }
    let config = config.context("give --config or --bundle")?;
    let (verification, fetched) = fetch(&config, vkey, state)?;
    if let Some(path) = bundle_out {
        std::fs::write(&path, fetched.to_text())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(verification)
}

fn fetch(
    path: &Path,
    vkey: Option<String>,
    state: Option<PathBuf>,
) -> anyhow::Result<(Verification, Bundle)> {
    let config = ClientConfig::read(path)?;
    let Some(key) = vkey.or_else(|| config.ledger_key.clone()) else {
        bail!(
            "no verifier key: set ledger_key in {} or give --vkey; the coordinator tells it",
            path.display()
        );
    };
    let verifier = Verifier::from_text(&key)?;
    let kept = Kept::at(&state.unwrap_or_else(|| path.with_extension("checkpoint")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(verify::online(&config, &verifier, Some(&kept)))?)
}

fn inspection(arguments: InspectArguments) -> anyhow::Result<Inspection> {
    let InspectArguments { data_dir, wrapping_key, canaries, .. } = arguments;
    let wrapping_key = wrapping_key.as_deref().map(read_wrapping_key).transpose()?;
    let lines = match canaries {
        Some(path) => std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?,
        None => String::new(),
    };
    let markers = Markers::new(lines.lines().map(str::trim).filter(|line| !line.is_empty()))?;
    Ok(inspect(&InspectJob { data_dir: &data_dir, wrapping_key, markers: &markers })?)
}

fn list(text: &mut String, findings: &[Finding]) {
    for finding in findings {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "FINDING {finding}");
    }
}

fn verified(verification: &Verification) -> String {
    let mut text = format!("ledger      {}\n", verification.ledger);
    if let Some(head) = &verification.checkpoint {
        text += &format!("checkpoint  {} entries, root {}\n", head.size, head.root);
        text += &format!("entries     {} read, each hashed to its leaf\n", verification.entries);
        text += &format!(
            "proofs      {} inclusion proofs of the service checked\n",
            verification.inclusion_proofs
        );
        text += &match verification.consistent_from {
            Some(size) => format!("history     extends the {size} entries seen before\n"),
            None => "history     no earlier checkpoint to compare with\n".to_owned(),
        };
        for (round, state) in &verification.rounds {
            text += &format!("round       {round} is {state}\n");
        }
    }
    list(&mut text, &verification.findings);
    text += &conclusion(verification.findings.len(), verification.passed());
    text
}

fn conclusion(findings: usize, passed: bool) -> String {
    match (findings, passed) {
        (0, true) => "nothing was found\n".to_owned(),
        (0, false) => "the control was not found: this inspection proves nothing\n".to_owned(),
        (count, _) => format!("{count} findings\n"),
    }
}

fn inspected(inspection: &Inspection) -> String {
    let bytes = &inspection.bytes;
    let mut text = format!("data directory  {}\n", inspection.data_dir.display());
    for file in &inspection.files {
        text += &format!("file            {}, {} bytes\n", file.name, file.bytes);
    }
    for table in &inspection.tables {
        text += &format!(
            "table           {}: {} rows, {} bytes\n",
            table.name, table.rows, table.bytes
        );
    }
    text += &format!(
        "explained       {} bytes: {} keys, {} typed metadata, {} public files, {} ciphertext, \
         {} released tables\n",
        bytes.explained(),
        bytes.keys,
        bytes.metadata,
        bytes.public_files,
        bytes.ciphertext,
        bytes.released
    );
    text += &format!("unexplained     {} bytes\n", bytes.unexplained);
    text += &format!("ledger          {} entries hash to their leaf\n", inspection.entries);
    match &inspection.unsealed {
        None => text += "rows            sealed\n",
        Some(rows) => {
            text += &format!(
                "rows            {} in {} batches of {} submissions match the ledger and the schema\n",
                rows.rows, rows.batches, rows.submissions
            );
            for encoding in &rows.encodings {
                text += &format!(
                    "encoding        {}: {:.1} % of bits set, {} bits constant\n",
                    encoding.name,
                    100.0 * encoding.density,
                    encoding.constant_bits
                );
            }
        }
    }
    let hits: u64 = inspection.hits.values().sum();
    text += &format!("identities      {} searched for, {hits} places\n", inspection.markers);
    let control =
        if inspection.control_found { "planted and found" } else { "planted and NOT FOUND" };
    text += &format!("control         {control}\n");
    list(&mut text, &inspection.findings);
    text += &conclusion(inspection.findings.len(), inspection.passed());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::samples::{key, signed, story};

    fn verify(bundle: &str) -> anyhow::Result<Outcome> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("ledger.jsonl");
        std::fs::write(&path, bundle)?;
        let vkey = key().verifying_key().to_text();
        let words = ["samenloop-audit", "verify", "--vkey", &vkey, "--bundle"].map(OsString::from);
        let arguments = words.into_iter().chain([path.into_os_string()]);
        outcome(Arguments::try_parse_from(arguments)?.command)
    }

    #[test]
    fn a_bundle_is_verified_and_a_changed_one_names_its_entry() -> anyhow::Result<()> {
        let good = signed(story()).to_text();
        let Outcome { text, passed } = verify(&good)?;
        assert!(passed && text.contains("nothing was found"), "{text}");
        let lines: Vec<&str> = good.lines().collect();
        let Outcome { text, passed } =
            verify(&good.replace(lines[8], &lines[8].replace("01", "02")))?;
        assert!(!passed && text.contains("FINDING entry 7"), "{text}");
        Ok(())
    }

    #[test]
    fn the_sample_configuration_is_one() -> anyhow::Result<()> {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/samples/audit.toml");
        let config = ClientConfig::read(Path::new(sample))?;
        let verifier = Verifier::from_text(config.ledger_key.as_deref().unwrap_or_default())?;
        assert_eq!(verifier.name(), "samenloop.example.nl/ledger");
        Ok(())
    }

    #[test]
    fn a_wrong_command_line_is_told_apart_from_a_finding() {
        let code = |words: &[&str]| {
            let words = std::iter::once("samenloop-audit").chain(words.iter().copied());
            format!("{:?}", run(words.map(OsString::from)))
        };
        let failure = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(code(&["verify"]), failure(2));
        assert_eq!(code(&["verify", "--bundle", "x"]), failure(2));
        assert_eq!(code(&["inspect", "--data-dir", "x", "--unseal"]), failure(2));
        assert_eq!(code(&["inspect", "--data-dir", "/nowhere/at/all"]), failure(1));
        assert_eq!(code(&["verify", "--config", "/nowhere/at/all"]), failure(1));
    }
}

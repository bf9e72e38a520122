//! The commands.

mod text;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Parser, Subcommand};
use samenloop_schema::RoundId;
use samenloop_wire::client::ClientConfig;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::inspect::{InspectJob, Inspection, inspect_with, read_wrapping_key};
use crate::report::Report;
use crate::scan::Markers;
use crate::verify::{self, Bundle, Cosigner, Kept, Verification, Verifier, Watched, tiles};
use text::{inspected, seen, verified};

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
    /// Makes a witness's key; the coordinator puts what it prints into the manifest.
    WitnessKey(WitnessKeyArguments),
    /// Checks that the ledger only grew since the last time, and cosigns its checkpoint.
    Witness(WitnessArguments),
    /// Walks a data directory while the service is stopped, or a copy of it.
    Inspect(InspectArguments),
    /// Writes a checked ledger as static files (C2SP tlog-tiles), for a public mirror.
    Tiles(TilesArguments),
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
    /// A checkpoint that another reader was shown, such as a witness's; can be given several times.
    #[arg(long)]
    against: Vec<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct WitnessKeyArguments {
    /// The witness's name, such as `ggd.example.nl/witness`.
    #[arg(long)]
    name: String,
    /// The new key file, for its owner's eyes only.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
struct WitnessArguments {
    /// Connection to the service, TOML; names the ledger's key too.
    #[arg(long)]
    config: PathBuf,
    /// The key that `witness-key` made.
    #[arg(long)]
    key: PathBuf,
    /// Hands the cosignature over for this round; else only the cosigned checkpoint is written.
    #[arg(long)]
    round: Option<RoundId>,
    /// The ledger's verifier key; else that of the configuration.
    #[arg(long)]
    vkey: Option<String>,
    /// Keeps the last checkpoint; else beside the key, with the ending `.checkpoint`.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Writes the cosigned checkpoint into a file, for other readers to compare with.
    #[arg(long)]
    note_out: Option<PathBuf>,
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
    /// Another file to search, or a directory with everything below it: logs, core dumps, temporary
    /// files; can be given several times.
    #[arg(long)]
    also: Vec<PathBuf>,
    /// File with one known identity or planted marker a line, of 12 bytes or more.
    #[arg(long)]
    canaries: Option<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct TilesArguments {
    /// What `verify --bundle-out` wrote.
    #[arg(long)]
    bundle: PathBuf,
    /// The ledger's verifier key, `name+hash+base64`.
    #[arg(long)]
    vkey: String,
    /// The mirror's directory; one of before grows if the ledger did nothing else.
    #[arg(long)]
    out: PathBuf,
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
    /// What `inspect --json` wrote, to stand on the same page.
    #[arg(long)]
    inspection: Option<PathBuf>,
    /// Writes the page as HTML into this file, to be printed and signed.
    #[arg(long)]
    html: Option<PathBuf>,
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
        Command::WitnessKey(WitnessKeyArguments { name, out }) => {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *seed).context("the system gives no randomness")?;
            let key = Cosigner::new(&name, &seed)
                .context("--name has 1 to 128 printable characters without spaces or '+'")?;
            write_private(&out, key.to_text().as_bytes())?;
            Ok(Outcome { text: key.verifier_text(), passed: true })
        }
        Command::Witness(arguments) => {
            let (json, watched) = (arguments.json, watch(arguments)?);
            let text = if json { to_json(&watched)? } else { seen(&watched) };
            Ok(Outcome { text, passed: watched.findings.is_empty() })
        }
        Command::Inspect(arguments) => {
            let (json, inspection) = (arguments.json, inspection(arguments)?);
            let text = if json { to_json(&inspection)? } else { inspected(&inspection) };
            Ok(Outcome { text, passed: inspection.passed() })
        }
        Command::Tiles(arguments) => mirror(&arguments),
        Command::Report(ReportArguments { config, vkey, state, inspection, html, json }) => {
            let inspection = inspection.as_deref().map(read_inspection).transpose()?;
            let (verification, _) = fetch(&config, vkey, state)?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let report = Report::new(verification, inspection, now.as_secs());
            if let Some(path) = html {
                std::fs::write(&path, report.to_html())
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
            let text = if json { to_json(&report)? } else { report.to_string() };
            Ok(Outcome { text, passed: report.passed })
        }
    }
}

fn to_json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}

fn verification(arguments: VerifyArguments) -> anyhow::Result<Verification> {
    let VerifyArguments { config, bundle, vkey, bundle_out, state, against, .. } = arguments;
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let others = against.iter().map(read).collect::<anyhow::Result<Vec<String>>>()?;
    if let Some(path) = bundle {
        let verifier = Verifier::from_text(&vkey.unwrap_or_default())?;
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let kept = state.map(|path| Kept::at(&path).read()).transpose()?.flatten();
        let (mut verification, bundle) = verify::bundle_bytes(&bytes, &verifier, kept.as_deref());
        if let Some(bundle) = bundle {
            verify::compare(&mut verification, &bundle, &verifier, &others);
        }
        return Ok(verification);
    }
    let config = config.context("give --config or --bundle")?;
    let (mut verification, fetched) = fetch(&config, vkey.clone(), state)?;
    let (_, verifier) = connection(&config, vkey)?;
    verify::compare(&mut verification, &fetched, &verifier, &others);
    if let Some(path) = bundle_out {
        std::fs::write(&path, fetched.to_text())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(verification)
}

/// Checks a ledger, against the mirror's checkpoint too, and writes it there: the checkpoint last, so that
/// whoever reads meanwhile finds every tile of the one that is there.
fn mirror(TilesArguments { bundle, vkey, out }: &TilesArguments) -> anyhow::Result<Outcome> {
    let verifier = Verifier::from_text(vkey)?;
    let bytes =
        std::fs::read(bundle).with_context(|| format!("cannot read {}", bundle.display()))?;
    let checkpoint = Kept::at(&out.join(tiles::CHECKPOINT));
    let kept = checkpoint.read()?;
    let (verification, bundle) = verify::bundle_bytes(&bytes, &verifier, kept.as_deref());
    let (mut text, passed) = (verified(&verification), verification.passed());
    if let Some(bundle) = bundle.filter(|_| passed) {
        let files = tiles::files(&bundle);
        for (name, data) in &files {
            let path = out.join(name);
            let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            let written = folder.and_then(|()| std::fs::write(&path, data));
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        checkpoint.write(&bundle.checkpoint)?;
        text += &format!("written     {} files below {}\n", files.len() + 1, out.display());
    } else {
        text += "written     nothing\n";
    }
    Ok(Outcome { text, passed })
}

/// How to reach the service, and whose checkpoints are believed.
fn connection(path: &Path, vkey: Option<String>) -> anyhow::Result<(ClientConfig, Verifier)> {
    let config = ClientConfig::read(path)?;
    let Some(key) = vkey.or_else(|| config.ledger_key.clone()) else {
        bail!(
            "no verifier key: set ledger_key in {} or give --vkey; the coordinator tells it",
            path.display()
        );
    };
    let verifier = Verifier::from_text(&key)?;
    Ok((config, verifier))
}

fn fetch(
    path: &Path,
    vkey: Option<String>,
    state: Option<PathBuf>,
) -> anyhow::Result<(Verification, Bundle)> {
    let (config, verifier) = connection(path, vkey)?;
    let kept = Kept::at(&state.unwrap_or_else(|| path.with_extension("checkpoint")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(verify::online(&config, &verifier, Some(&kept)))?)
}

fn watch(arguments: WitnessArguments) -> anyhow::Result<Watched> {
    let WitnessArguments { config, key: path, round, vkey, state, note_out, .. } = arguments;
    let (config, verifier) = connection(&config, vkey)?;
    let text = std::fs::read_to_string(&path).map(Zeroizing::new);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let key = Cosigner::from_text(&text).with_context(|| path.display().to_string())?;
    let kept = Kept::at(&state.unwrap_or_else(|| path.with_extension("checkpoint")));
    let round = round.or(config.round);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let watching = verify::witness(&config, &verifier, &kept, &key, round.as_ref());
    let watched = runtime.block_on(watching)?;
    if let (Some(out), Some(note)) = (note_out, &watched.cosigned) {
        std::fs::write(&out, note).with_context(|| format!("cannot write {}", out.display()))?;
    }
    Ok(watched)
}

fn read_inspection(path: &Path) -> anyhow::Result<serde_json::Value> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let read: serde_json::Value = serde_json::from_slice(&text)
        .with_context(|| format!("{}: write it with inspect --json", path.display()))?;
    ensure!(
        read["control_found"].is_boolean() && read["findings"].is_array(),
        "{}: this is no inspection; write it with inspect --json",
        path.display()
    );
    Ok(read)
}

fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(content));
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn inspection(arguments: InspectArguments) -> anyhow::Result<Inspection> {
    let InspectArguments { data_dir, wrapping_key, canaries, also, .. } = arguments;
    let wrapping_key = wrapping_key.as_deref().map(read_wrapping_key).transpose()?;
    let lines = match canaries {
        Some(path) => std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?,
        None => String::new(),
    };
    let markers = Markers::new(lines.lines().map(str::trim).filter(|line| !line.is_empty()))?;
    let job = InspectJob { data_dir: &data_dir, wrapping_key, markers: &markers };
    Ok(inspect_with(&job, &also)?)
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
    fn a_mirror_takes_a_ledger_that_grew_and_no_other() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let (file, out) = (dir.path().join("ledger.jsonl"), dir.path().join("mirror"));
        let take = |story: Vec<samenloop_ledger::Event>| {
            std::fs::write(&file, signed(story).to_text())?;
            let vkey = key().verifying_key().to_text();
            mirror(&TilesArguments { bundle: file.clone(), vkey, out: out.clone() })
        };
        let shown = |file: &str| std::fs::read(out.join(file));
        let (begun, mut other) = (story()[..20].to_vec(), story());
        assert!(take(begun.clone())?.passed);
        // The checkpoint and the leaves, and nothing that a leaf hides.
        let bundle = signed(begun);
        assert_eq!(shown(tiles::CHECKPOINT)?, bundle.checkpoint.into_bytes());
        let leaves = bundle.entries.iter().flat_map(|e| [&[0, 32], &e.leaf.0[..]].concat());
        assert_eq!(shown("tile/entries/000.p/20")?, leaves.collect::<Vec<u8>>());
        other.remove(3);
        assert!(!take(other)?.passed, "another history");
        assert!(take(story())?.passed);
        assert_eq!(shown(tiles::CHECKPOINT)?, signed(story()).checkpoint.into_bytes());
        let Outcome { text, passed } = take(story()[..20].to_vec())?;
        assert!(!passed && text.contains("never shrinks") && text.contains("nothing"), "{text}");
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

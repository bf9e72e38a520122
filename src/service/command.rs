//! What the commands do.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use samenloop_ledger::SigningKey;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cert::{CertificateAuthority, DEFAULT_DAYS};
use crate::config::{Config, Log, LogFormat};
use crate::flags::{Backup, Cert, Command, Flags, Holder, Init, Replay, Restore, Serve};
use crate::identity::Role;
use crate::maintenance::{Later, backup, restore, with_store};
use crate::server::Server;
use crate::{keys, round_cli};

/// Runs the command line and returns its exit code: 0, 1 with the reason on standard error, or 2
/// for a wrong usage.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let flags = match Flags::try_parse_from(args) {
        Ok(flags) => flags,
        Err(error) => {
            // Nothing is left to do if the terminal is gone.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let done = match flags.command {
        Command::Init(init) => install(&init),
        Command::Serve(flags) => serve(&flags),
        Command::LedgerKey(flags) => ledger_key(&flags),
        Command::Backup(flags) => back_up(&flags),
        Command::Restore(flags) => put_back(&flags),
        Command::Replay(flags) => run_again(&flags),
        Command::Cert(cert) => certify(cert),
        Command::Round(round) => round_cli::run(round),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("samenloop-service: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Lines of this room only: libraries may tell of a connection's bytes.
fn start_log(log: &Log) {
    let level = LevelFilter::from_level(log.level.into());
    let ours = Targets::new()
        .with_target("samenloop_service", level)
        .with_default(LevelFilter::WARN.min(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(ours);
    // A second service in one process keeps the first one's log.
    let _ = match log.format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
}

fn serve(flags: &Serve) -> anyhow::Result<()> {
    let config = Config::read(&flags.config)?;
    start_log(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut reload = signal(SignalKind::hangup())?;
        let server = Server::bind(config).await?;
        let reloader = server.reloader();
        tokio::spawn(async move {
            while reload.recv().await.is_some() {
                match reloader.reload() {
                    Ok(true) => tracing::info!("the certificates were read again and have changed"),
                    Ok(false) => tracing::info!("the certificates were read again"),
                    Err(error) => {
                        tracing::error!(%error, "the certificates in use stay in use");
                    }
                }
            }
        });
        if let Some(address) = server.metrics_addr() {
            tracing::info!(%address, "metrics");
        }
        let (address, key) = (server.local_addr(), server.ledger_key());
        if flags.json {
            println!("{}", serde_json::json!({"listening": address, "ledger_key": key}));
        } else {
            println!("listening on {address}\nledger key {key}");
        }
        std::io::stdout().flush()?;
        tracing::info!(%address, "listening");
        let shutdown = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        anyhow::Ok(server.run(shutdown).await?)
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    served
}

fn ledger_key(flags: &Serve) -> anyhow::Result<()> {
    let config = Config::read(&flags.config)?;
    let seed = keys::read(&config.keys.ledger_key, &config.data_dir)?;
    let key = SigningKey::from_seed(&config.ledger.origin, &seed)?.verifying_key().to_text();
    if flags.json {
        println!("{}", serde_json::json!({"ledger_key": key}));
    } else {
        println!("{key}");
    }
    Ok(())
}

fn back_up(flags: &Backup) -> anyhow::Result<()> {
    let done = backup(&Config::read(&flags.service.config)?, &flags.out)?;
    let (entries, root, digest) = (done.entries, done.root, done.digest);
    if flags.service.json {
        let told = serde_json::json!({"entries": entries, "root": root, "sha256": digest});
        println!("{told}");
    } else {
        println!(
            "backed up {entries} ledger entries with the root {root}\n\
             sha256 {digest}  {}",
            flags.out.display()
        );
    }
    Ok(())
}

fn put_back(flags: &Restore) -> anyhow::Result<()> {
    let later = flags.ledger.as_deref().map_or(Later::Nothing, Later::Ledger);
    let done = restore(&Config::read(&flags.service.config)?, &flags.backup, later)?;
    if flags.service.json {
        let told = serde_json::json!({
            "entries": done.held, "later": done.later, "keys_gone": done.deleted,
        });
        println!("{told}");
    } else {
        println!(
            "restored {} ledger entries and put back {} later ones; {} data keys are gone with what \
             was deleted since the backup\nstart the service, and tell partners to submit again what \
             they submitted since",
            done.held, done.later, done.deleted
        );
    }
    Ok(())
}

fn run_again(flags: &Replay) -> anyhow::Result<()> {
    let config = Config::read(&flags.service.config)?;
    let done = with_store(&config, |rounds| rounds.replay(&flags.round))??;
    let [frozen, held] = done.inputs_root;
    let [told, found] = done.partition;
    if flags.service.json {
        let told = serde_json::json!({
            "entry": done.entry, "run": done.run, "software": done.software, "same": done.same(),
            "inputs_root": {"ledger": frozen, "held": held},
            "partition": {"ledger": told, "again": found},
        });
        println!("{told}");
    } else {
        println!(
            "run {} of ledger entry {}, made by the program {}\n\
             inputs:    {frozen} in the ledger\n           {held} as held\n\
             partition: {told} in the ledger\n           {found} as found again",
            done.run, done.entry, done.software
        );
    }
    anyhow::ensure!(done.same(), "the run does not give what the ledger says");
    Ok(())
}

fn certify(cert: Cert) -> anyhow::Result<()> {
    match cert {
        Cert::Authority { out } => {
            CertificateAuthority::create()?.write(&out)?;
            println!("made {0}/authority.pem and {0}/authority.key", out.display());
        }
        Cert::Revoke { authority: dir, certificate } => {
            let revoked = CertificateAuthority::read(&dir)?.revoke(&dir, &certificate)?;
            println!(
                "{0}/revoked.pem names {revoked} certificates: copy it to the service's tls.revoked \
                 and send the service SIGHUP",
                dir.display()
            );
        }
        Cert::Issue { authority, role, name, host, days, out } => {
            let authority = CertificateAuthority::read(&authority)?;
            let client = |role| authority.issue_for_days(role, &name, days);
            let issued = match role {
                Holder::Partner => client(Role::Partner)?,
                Holder::Coordinator => client(Role::Coordinator)?,
                Holder::Monitor => client(Role::Monitor)?,
                Holder::Auditor => client(Role::Auditor)?,
                Holder::Service => authority.issue_service(&name, &host, days)?,
            };
            issued.write(&out, name.as_str(), &authority)?;
            println!("made {0}/{name}.pem and {0}/{name}.key", out.display());
        }
    }
    Ok(())
}

fn install(init: &Init) -> anyhow::Result<()> {
    let certificates = init.dir.join("certificates");
    let authority = CertificateAuthority::create()?;
    authority.write(&init.dir.join("authority"))?;
    authority.revoke(&init.dir.join("authority"), &[])?;
    let service = authority.issue_service(&"service".parse()?, &init.host, DEFAULT_DAYS)?;
    service.write(&certificates, "service", &authority)?;
    let coordinator = authority.issue(Role::Coordinator, &"coordinator".parse()?)?;
    coordinator.write(&certificates, "coordinator", &authority)?;
    let revoked = std::fs::read(init.dir.join("authority/revoked.pem"))?;
    std::fs::write(certificates.join("revoked.pem"), revoked)?;
    let key_dir = init.dir.join("keys");
    std::fs::create_dir_all(&key_dir)
        .with_context(|| format!("cannot make {}", key_dir.display()))?;
    keys::create(&key_dir.join("wrapping.key"))?;
    keys::create(&key_dir.join("ledger.key"))?;
    let host = init.host.first().map_or("localhost", String::as_str);
    let sample = include_str!("../../docs/samples/service.toml")
        .replace("# revoked =", "revoked =")
        .replace("127.0.0.1:7443", &format!("0.0.0.0:{}", init.port))
        .replace("samenloop.example.nl/ledger", &format!("{host}/ledger"));
    write_new(&init.dir.join("service.toml"), &sample)?;
    let client = format!(
        "endpoint = \"https://{host}:{}\"\nca = \"certificates/authority.pem\"\n\
         certificate = \"certificates/coordinator.pem\"\nkey = \"certificates/coordinator.key\"\n",
        init.port
    );
    write_new(&init.dir.join("coordinator.toml"), &client)?;
    let dir = init.dir.display();
    println!(
        "made an installation in {dir}\n\
         start it:            samenloop-service serve --config {dir}/service.toml\n\
         call it:             samenloop-service round status --config {dir}/coordinator.toml\n\
         admit a partner:     samenloop-service cert issue --authority {dir}/authority \
         --role partner --name PARTY --out OUT\n\
         keep {dir}/authority/authority.key and a copy of {dir}/keys off this machine"
    );
    Ok(())
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

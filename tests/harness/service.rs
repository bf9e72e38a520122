//! A service process that can be killed.

use std::fs::{self, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use samenloop_lab::installation::Installation;
use samenloop_ledger::Entry;
use samenloop_service::identity::Role;
use samenloop_wire::client::ClientConfig;
use samenloop_wire::v1;
use samenloop_wire::v1::ledger_client::LedgerClient;
use tempfile::TempDir;
use tonic::transport::Channel;

/// An installation whose service runs as a process of its own. Dropping it kills the process.
pub struct Service {
    folder: TempDir,
    /// Its files.
    pub installation: Installation,
    program: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
    told: Mutex<Vec<u8>>,
}

impl Service {
    /// Installs and starts a service. `program` is `env!("CARGO_BIN_EXE_samenloop-service-under-test")`.
    pub fn start(program: &str) -> anyhow::Result<Self> {
        Self::start_with(program, "")
    }

    /// The same, with more lines in the service's configuration, such as limits.
    pub fn start_with(program: &str, more: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let installation = Installation::create(folder.path())?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        installation.listen_on(address)?;
        let config = installation.service_config();
        fs::write(&config, fs::read_to_string(&config)? + more)?;
        fs::create_dir(folder.path().join("tmp"))?;
        let program = program.into();
        let mut service =
            Self { folder, installation, program, address, child: None, told: Mutex::default() };
        service.restart()?;
        Ok(service)
    }

    /// Starts the process again after [`kill`](Self::kill) or [`stop`](Self::stop).
    pub fn restart(&mut self) -> anyhow::Result<()> {
        ensure!(self.child.is_none(), "the service runs already");
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let starts = self.starts()?;
        let mut child = Command::new(&self.program)
            .args(["serve", "--config"])
            .arg(self.installation.service_config())
            .env("TMPDIR", self.temporary_files())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let begin = Instant::now();
        while self.starts()? == starts {
            if let Some(status) = child.try_wait()? {
                bail!("the service ended with {status}:\n{}", fs::read_to_string(self.log())?);
            }
            ensure!(begin.elapsed() < Duration::from_secs(60), "the service does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child = Some(child);
        Ok(())
    }

    /// How often the process has told that it listens, which it does once its store is checked.
    fn starts(&self) -> anyhow::Result<usize> {
        let log = fs::read_to_string(self.log())?;
        Ok(log.lines().filter(|line| line.starts_with("listening on ")).count())
    }

    /// Most memory that the process has held so far, in MiB (Linux).
    pub fn peak_mib(&self) -> anyhow::Result<u64> {
        let id = self.child.as_ref().context("the service does not run")?.id();
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let words = line.context("a peak")?.split_whitespace().next().context("a number")?;
        Ok(words.parse::<u64>()? / 1024)
    }

    /// Asks the process to read its certificates again (SIGHUP).
    pub fn reload(&self) -> anyhow::Result<()> {
        let id = self.child.as_ref().context("the service does not run")?.id().to_string();
        ensure!(Command::new("kill").args(["-HUP", &id]).status()?.success());
        Ok(())
    }

    /// Ends the process at once, as a power cut would (SIGKILL).
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the service does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Asks the process to end (SIGTERM) and returns whether it ended well.
    pub fn stop(&mut self) -> anyhow::Result<bool> {
        let mut child = self.child.take().context("the service does not run")?;
        ensure!(Command::new("kill").arg(child.id().to_string()).status()?.success());
        Ok(child.wait()?.success())
    }

    /// Runs another program of the project to its end: `partner`, `service`, `monitor`, `audit`.
    pub fn program(&self, room: &str, arguments: &[&str]) -> anyhow::Result<Output> {
        let output = self.command(room, arguments).output();
        let output = output.with_context(|| format!("samenloop-{room}"))?;
        if let Ok(mut told) = self.told.lock() {
            told.extend([&output.stdout[..], &output.stderr].concat());
        }
        Ok(output)
    }

    /// The same, for a command that must succeed: what it printed on standard output.
    pub fn succeed(&self, room: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let Output { status, stdout, stderr } = self.program(room, arguments)?;
        let told = String::from_utf8_lossy(&stderr);
        ensure!(status.success(), "samenloop-{room} {arguments:?}: {status}: {told}");
        Ok(String::from_utf8(stdout)?)
    }

    /// Everything that programs which ran to their end have printed.
    #[must_use]
    pub fn told(&self) -> Vec<u8> {
        self.told.lock().map(|told| told.clone()).unwrap_or_default()
    }

    /// Another program, not started yet; its paths are relative to [`folder`](Self::folder).
    #[must_use]
    pub fn command(&self, room: &str, arguments: &[&str]) -> Command {
        let mut command =
            Command::new(self.program.with_file_name(format!("samenloop-{room}-under-test")));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env("TMPDIR", self.temporary_files())
            .stdin(Stdio::null());
        command
    }

    /// Writes a client's configuration for this service, or for a relay before it, and returns where
    /// it stands.
    pub fn config(
        &self,
        role: Role,
        name: &str,
        relay: Option<SocketAddr>,
    ) -> anyhow::Result<String> {
        let address = relay.unwrap_or(self.address);
        let (_, path) = self.installation.client(role, name, address)?;
        Ok(path.to_str().context("a path in UTF-8")?.to_owned())
    }

    /// The ledger's entries as the auditor reads them.
    pub async fn ledger(&self) -> anyhow::Result<Vec<Entry>> {
        let mut client = LedgerClient::new(self.channel(Role::Auditor, "auditor").await?);
        let all = v1::ListEntriesRequest { from: 0, to: 0 };
        let mut stream = client.list_entries(all).await?.into_inner();
        let mut entries = vec![];
        while let Some(served) = stream.message().await? {
            entries.push(Entry::from_bytes(&served.body)?);
        }
        Ok(entries)
    }

    /// Everything that the process ever printed.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("service.log")
    }

    /// Where the process puts temporary files.
    #[must_use]
    pub fn temporary_files(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// A folder for the test's own files, gone with the service.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The configuration of a client.
    pub fn client(&self, role: Role, name: &str) -> anyhow::Result<ClientConfig> {
        Ok(self.installation.client(role, name, self.address)?.0)
    }

    /// The channel of a client.
    pub async fn channel(&self, role: Role, name: &str) -> anyhow::Result<Channel> {
        Ok(self.client(role, name)?.connect().await?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

//! A throwaway installation in one folder: certificates, keys, configurations. The demo and the
//! end-to-end tests walk their rounds through it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use samenloop_service::cert::CertificateAuthority;
use samenloop_service::identity::Role;
use samenloop_service::keys;
use samenloop_wire::client::ClientConfig;

/// Folder layout: `service.toml`, `data/`, `keys/`, `certificates/`, and a configuration per client.
#[derive(Debug)]
pub struct Installation {
    root: PathBuf,
}

impl Installation {
    /// Makes authority, service certificate, keys and `service.toml` in an empty folder.
    pub fn create(root: &Path) -> anyhow::Result<Self> {
        let authority = CertificateAuthority::create()?;
        let certificates = root.join("certificates");
        authority.write(&certificates)?;
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let service = authority.issue_service(&"service".parse()?, &hosts, 2)?;
        service.write(&certificates, "service", &authority)?;
        for folder in ["data", "keys"] {
            fs::create_dir(root.join(folder))?;
        }
        for key in ["wrapping", "ledger"] {
            keys::create(&root.join(format!("keys/{key}.key")))?;
        }
        let installation = Self { root: root.to_owned() };
        installation.listen_on("127.0.0.1:0".parse()?)?;
        Ok(installation)
    }

    /// Writes `service.toml` with this address; port 0 lets the system choose one.
    pub fn listen_on(&self, address: SocketAddr) -> anyhow::Result<()> {
        let text = format!(
            "listen = \"{address}\"\n\
             data_dir = \"data\"\n\
             [tls]\n\
             certificate = \"certificates/service.pem\"\n\
             key = \"certificates/service.key\"\n\
             client_ca = \"certificates/authority.pem\"\n\
             [keys]\n\
             wrapping_key = \"keys/wrapping.key\"\n\
             ledger_key = \"keys/ledger.key\"\n\
             [ledger]\n\
             origin = \"samenloop.invalid/throwaway\"\n"
        );
        fs::write(self.service_config(), text).context("cannot write service.toml")
    }

    /// The service's configuration file.
    #[must_use]
    pub fn service_config(&self) -> PathBuf {
        self.root.join("service.toml")
    }

    /// The service's data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The service's wrapping key.
    #[must_use]
    pub fn wrapping_key(&self) -> PathBuf {
        self.root.join("keys/wrapping.key")
    }

    /// A client of this role and name, with a certificate of its own, and its configuration file.
    pub fn client(
        &self,
        role: Role,
        name: &str,
        service: SocketAddr,
    ) -> anyhow::Result<(ClientConfig, PathBuf)> {
        let certificates = self.root.join("certificates");
        let file = format!("{role}-{name}");
        if !certificates.join(format!("{file}.pem")).exists() {
            let authority = CertificateAuthority::read(&certificates)?;
            authority.issue_for_days(role, &name.parse()?, 2)?.write(
                &certificates,
                &file,
                &authority,
            )?;
        }
        let text = format!(
            "endpoint = \"https://{service}\"\n\
             ca = \"certificates/authority.pem\"\n\
             certificate = \"certificates/{file}.pem\"\n\
             key = \"certificates/{file}.key\"\n"
        );
        let path = self.root.join(format!("{file}.toml"));
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok((ClientConfig::read(&path)?, path))
    }
}

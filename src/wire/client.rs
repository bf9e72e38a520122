//! The mutual-TLS channel that every client program opens, from one form of configuration file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use samenloop_schema::RoundId;
use serde::Deserialize;
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// How a client reaches the service. Paths are relative to the configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Such as `https://samenloop.example.nl:7443`.
    pub endpoint: String,
    /// Name in the service's certificate, where it differs from the endpoint's host.
    #[serde(default)]
    pub server_name: Option<String>,
    /// PEM file of the authority that signed the service's certificate.
    pub ca: PathBuf,
    /// PEM file of the client's own certificate.
    pub certificate: PathBuf,
    /// PEM file of the key to that certificate.
    pub key: PathBuf,
    /// The round that commands are about when they are not told another.
    #[serde(default)]
    pub round: Option<RoundId>,
    /// Verifier key of the service's ledger (`name+hash+base64`), got from the coordinator by
    /// another way than this connection; for those who check checkpoints.
    #[serde(default)]
    pub ledger_key: Option<String>,
}

/// Why the service was not reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The configuration file or a file that it names cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: std::io::Error,
    },
    /// The configuration file is not as it should be.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Line, column and rule.
        reason: String,
    },
    /// No connection, or no trust.
    #[error("cannot reach the service at {endpoint}: {reason}")]
    Transport {
        /// As configured.
        endpoint: String,
        /// The innermost cause, and what to do about it.
        reason: String,
    },
}

impl ClientConfig {
    /// Reads a configuration file.
    pub fn read(path: &Path) -> Result<Self, ConnectError> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| ConnectError::Read { path: path.to_owned(), reason })?;
        let mut config: Self = toml::from_str(&text).map_err(|error| ConnectError::Config {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let base = path.parent().unwrap_or(Path::new("."));
        for file in [&mut config.ca, &mut config.certificate, &mut config.key] {
            *file = base.join(&*file);
        }
        Ok(config)
    }

    /// Opens the channel. Under TLS 1.3 a refused certificate shows at the first call only; hand
    /// that call's status to [`explain`].
    pub async fn connect(&self) -> Result<Channel, ConnectError> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map_err(|reason| ConnectError::Read { path: path.to_owned(), reason })
        };
        let identity = Identity::from_pem(read(&self.certificate)?, read(&self.key)?);
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read(&self.ca)?))
            .identity(identity);
        if let Some(name) = &self.server_name {
            tls = tls.domain_name(name);
        }
        let transport = |error: tonic::transport::Error| ConnectError::Transport {
            endpoint: self.endpoint.clone(),
            reason: advice(&innermost(&error)),
        };
        Endpoint::from_shared(self.endpoint.clone())
            .and_then(|endpoint| endpoint.tls_config(tls))
            .map_err(transport)?
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_secs(10))
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_while_idle(true)
            .connect()
            .await
            .map_err(transport)
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn advice(cause: &str) -> String {
    let hints = [
        ("refused", "is it running, and is the endpoint right?"),
        ("UnknownIssuer", "the service's certificate is not signed by the configured ca"),
        ("NotValidForName", "set server_name to the name in the service's certificate"),
        ("CertificateRequired", "the service asks for a client certificate"),
        ("UnknownCA", "the service does not know the authority that signed your certificate"),
        ("Expired", "a certificate has expired: ask the coordinator for a new one"),
    ];
    match hints.iter().find(|(word, _)| cause.contains(word)) {
        Some((_, hint)) => format!("{cause} ({hint})"),
        None => cause.to_owned(),
    }
}

/// A call's failure in words for whoever runs the client.
#[must_use]
pub fn explain(status: &Status) -> String {
    match std::error::Error::source(status) {
        Some(source) => format!("{}: {}", status.message(), advice(&innermost(source))),
        None => status.message().to_owned(),
    }
}

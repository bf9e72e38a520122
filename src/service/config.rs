//! The service's configuration file.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

/// How a service is installed. Relative paths are relative to the configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Directory of the one database file. No key lies in it.
    pub data_dir: PathBuf,
    /// Whether gRPC reflection tells clients what can be called.
    #[serde(default)]
    pub reflection: bool,
    /// Certificates.
    pub tls: Tls,
    /// Secret keys.
    pub keys: Keys,
    /// What the ledger calls itself.
    pub ledger: Ledger,
    /// What one client may ask for.
    #[serde(default)]
    pub limits: Limits,
    /// What is told while the service runs.
    #[serde(default)]
    pub log: Log,
    /// Where the operator's monitoring asks.
    #[serde(default)]
    pub metrics: Option<MetricsEndpoint>,
}

/// Prometheus metrics and health for the operator, without a certificate: on loopback only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsEndpoint {
    /// Loopback address and port; answers `/metrics`, `/alive` and `/ready`.
    pub listen: SocketAddr,
}

/// Certificate files, PEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The service's certificate.
    pub certificate: PathBuf,
    /// The key to it.
    pub key: PathBuf,
    /// The authorities whose certificates clients must show; several while one takes another's place.
    pub client_ca: PathBuf,
    /// Revocation lists of those authorities.
    #[serde(default)]
    pub revoked: Option<PathBuf>,
}

/// Key files: 64 hexadecimal characters, readable by their owner only, outside the data directory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Wraps the data key of every submission.
    pub wrapping_key: PathBuf,
    /// Signs the ledger's checkpoints (Ed25519 seed).
    pub ledger_key: PathBuf,
}

/// The ledger's name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// First line of every checkpoint and name of its signer, such as `samenloop.example.nl/ledger`.
    pub origin: String,
}

/// Bounds that keep one client from hindering others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections with a trusted certificate; further ones are closed.
    pub connections: NonZeroUsize,
    /// Of which one caller may have so many.
    pub connections_per_caller: NonZeroUsize,
    /// Requests that are worked on at the same time; more are refused with RESOURCE_EXHAUSTED.
    pub requests: NonZeroUsize,
    /// Of which one caller may have so many.
    pub requests_per_caller: NonZeroUsize,
    /// Uploads that go on at the same time; more are refused with RESOURCE_EXHAUSTED.
    pub uploads: NonZeroUsize,
    /// Uploads that one party may have going on at the same time.
    pub uploads_per_party: NonZeroUsize,
    /// Questions to releases that one caller may ask in a minute.
    pub questions_per_minute: NonZeroU32,
    /// HTTP/2 streams of one connection.
    pub streams_per_connection: NonZeroU32,
    /// Seconds after which a request is given up; streams that go on do not count.
    pub request_seconds: NonZeroU64,
    /// Seconds after which a silent upload is ended; it can be resumed.
    pub upload_idle_seconds: NonZeroU64,
    /// Seconds that requests get to end when the service stops.
    pub stop_seconds: NonZeroU64,
}

const fn size(value: usize) -> NonZeroUsize {
    NonZeroUsize::new(value).expect("a constant above 0")
}

const fn seconds(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).expect("a constant above 0")
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: size(2048),
            connections_per_caller: size(16),
            requests: size(256),
            requests_per_caller: size(32),
            uploads: size(256),
            uploads_per_party: size(2),
            questions_per_minute: NonZeroU32::new(600).expect("a constant above 0"),
            streams_per_connection: NonZeroU32::new(64).expect("a constant above 0"),
            request_seconds: seconds(600),
            upload_idle_seconds: seconds(120),
            stop_seconds: seconds(10),
        }
    }
}

impl Limits {
    /// As a duration.
    #[must_use]
    pub fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds.get())
    }

    /// As a duration.
    #[must_use]
    pub fn upload_idle(&self) -> Duration {
        Duration::from_secs(self.upload_idle_seconds.get())
    }

    /// As a duration.
    #[must_use]
    pub fn stop(&self) -> Duration {
        Duration::from_secs(self.stop_seconds.get())
    }
}

/// The log on standard error. It never holds content or counts of clients.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// For readers or for machines.
    pub format: LogFormat,
    /// Least severe level that is told.
    pub level: LogLevel,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A line for readers.
    #[default]
    Text,
    /// A JSON object per line.
    Json,
}

/// Severity of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something failed that needs an operator.
    Error,
    /// Something was refused or recovered.
    Warn,
    /// Steps of rounds, start and stop.
    #[default]
    Info,
    /// Every request.
    Debug,
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        reason: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of another type.
    #[error("{}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and rule.
        reason: String,
    },
    /// Metrics would be open to the network.
    #[error("metrics.listen must be a loopback address, such as 127.0.0.1:9464")]
    Metrics,
    /// The origin would break the checkpoint's text.
    #[error("ledger.origin needs 1 to 128 visible characters without spaces or '+'")]
    Origin,
}

impl Config {
    /// Reads a configuration file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| ConfigError::Read { path: path.to_owned(), reason })?;
        let mut config = Self::from_toml(&text).map_err(|error| match error {
            ConfigError::Syntax { reason, .. } => {
                ConfigError::Syntax { path: path.to_owned(), reason }
            }
            other => other,
        })?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            path: PathBuf::new(),
            reason: error.to_string(),
        })?;
        let origin = &config.ledger.origin;
        let visible = |c: char| c.is_ascii_graphic() && c != '+';
        if origin.is_empty() || origin.len() > 128 || !origin.chars().all(visible) {
            return Err(ConfigError::Origin);
        }
        if config.metrics.as_ref().is_some_and(|metrics| !metrics.listen.ip().is_loopback()) {
            return Err(ConfigError::Metrics);
        }
        Ok(config)
    }

    fn resolve(&mut self, base: &Path) {
        for path in [
            &mut self.data_dir,
            &mut self.tls.certificate,
            &mut self.tls.key,
            &mut self.tls.client_ca,
            &mut self.keys.wrapping_key,
            &mut self.keys.ledger_key,
        ] {
            *path = base.join(&*path);
        }
        if let Some(path) = &mut self.tls.revoked {
            *path = base.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../docs/samples/service.toml");

    #[test]
    fn the_sample_says_what_the_defaults_are() -> Result<(), ConfigError> {
        let config = Config::from_toml(SAMPLE)?;
        let (told, shipped) = (config.limits, Limits::default());
        assert_eq!(format!("{told:?}"), format!("{shipped:?}"));
        assert_eq!(config.log.format, LogFormat::Text);
        assert!(!config.reflection);
        Ok(())
    }

    #[test]
    fn bad_configurations_are_refused_by_name() {
        let cases = [
            ("reflection = false", "reflections = false", "unknown field `reflections`"),
            ("streams_per_connection = 64", "streams_per_connection = 0", "nonzero"),
            ("example.nl/ledger", "example.nl ledger", "ledger.origin"),
            ("# [metrics]\n# listen = \"127.", "[metrics]\nlisten = \"10.", "loopback"),
            ("format = \"text\"", "format = \"xml\"", "unknown variant `xml`"),
        ];
        for (from, to, message) in cases {
            assert!(SAMPLE.contains(from), "{from}");
            let error = Config::from_toml(&SAMPLE.replace(from, to)).map(|_| ());
            let text = error.map_err(|error| error.to_string());
            assert!(text.as_ref().is_err_and(|text| text.contains(message)), "{to}: {text:?}");
        }
    }
}

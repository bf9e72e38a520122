//! Whom the service trusts and by what it is trusted: read at the start, and again whenever the
//! operator asks, without a stop and without dropping a request that may go on.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime, pem,
};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use samenloop_ledger::Event;
use samenloop_schema::Digest;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

use crate::config::Tls;

/// Why the certificates cannot be used. Those that were loaded before stay in use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A file cannot be read, or holds nothing of its kind.
    #[error("cannot use {}: {reason}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The files do not belong together.
    #[error("the certificates do not belong together: {0}")]
    Tls(#[from] rustls::Error),
    /// The authorities or the revocation list cannot be used.
    #[error("the client authorities cannot be used: {0}")]
    Clients(#[from] rustls::server::VerifierBuilderError),
}

/// Certificates that are in use.
struct Loaded {
    tls: Arc<ServerConfig>,
    clients: Arc<dyn ClientCertVerifier>,
    event: Event,
}

/// The certificates of now.
pub(crate) struct Trust {
    files: Tls,
    now: RwLock<Arc<Loaded>>,
}

fn fault(path: &Path, reason: impl std::fmt::Display) -> TrustError {
    TrustError::File { path: path.to_owned(), reason: reason.to_string() }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let all = CertificateDer::pem_file_iter(path).map_err(|error| fault(path, error))?;
    let all: Result<Vec<_>, pem::Error> = all.collect();
    match all {
        Ok(all) if all.is_empty() => Err(fault(path, "it holds no certificate")),
        other => other.map_err(|error| fault(path, error)),
    }
}

/// Revocation lists, each of one of the authorities: one of another would revoke nothing.
fn revocations(
    path: &Path,
    authorities: &[CertificateDer<'_>],
) -> Result<(Vec<CertificateRevocationListDer<'static>>, u32), TrustError> {
    let all = CertificateRevocationListDer::pem_file_iter(path).map_err(|e| fault(path, e))?;
    let all: Vec<_> = all.collect::<Result<_, pem::Error>>().map_err(|e| fault(path, e))?;
    let mut revoked = 0;
    for list in &all {
        let (_, read) = CertificateRevocationList::from_der(list.as_ref())
            .map_err(|_| fault(path, "it holds a list that cannot be read"))?;
        let known = authorities.iter().any(|der| {
            X509Certificate::from_der(der.as_ref())
                .is_ok_and(|(_, authority)| authority.subject() == read.issuer())
        });
        if !known {
            return Err(fault(path, "it holds a list of another authority than client_ca's"));
        }
        revoked += read.iter_revoked_certificates().count() as u32;
    }
    Ok((all, revoked))
}

fn load(files: &Tls) -> Result<Loaded, TrustError> {
    let own = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| fault(&files.key, error))?;
    let authorities = certificates(&files.client_ca)?;
    let mut roots = RootCertStore::empty();
    for authority in &authorities {
        roots.add(authority.clone())?;
    }
    let (lists, revoked) = match &files.revoked {
        Some(path) => revocations(path, &authorities)?,
        None => (vec![], 0),
    };
    let event = Event::CertificatesLoaded {
        service: Digest::of(own[0].as_ref()),
        authorities: Digest::of(
            &authorities.iter().map(AsRef::as_ref).collect::<Vec<_>>().concat(),
        ),
        revoked,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // An authority without a list has revoked nothing.
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
        .with_crls(lists)
        .only_check_end_entity_revocation()
        .allow_unknown_revocation_status()
        .build()?;
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::clone(&clients))
        .with_single_cert(own, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would not show its certificate again.
    tls.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    Ok(Loaded { tls: Arc::new(tls), clients, event })
}

impl Trust {
    /// Reads the files for the first time.
    pub(crate) fn load(files: &Tls) -> Result<Self, TrustError> {
        Ok(Self { files: files.clone(), now: RwLock::new(Arc::new(load(files)?)) })
    }

    fn now(&self) -> Arc<Loaded> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again. Whether they say something else than before, as the ledger has it.
    pub(crate) fn reload(&self) -> Result<Option<Event>, TrustError> {
        let fresh = load(&self.files)?;
        let event = fresh.event.clone();
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let changed = now.event != event;
        *now = Arc::new(fresh);
        Ok(changed.then_some(event))
    }

    /// What is in use, as the ledger has it.
    pub(crate) fn event(&self) -> Event {
        self.now().event.clone()
    }

    /// For the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.now().tls).into()
    }

    /// Whether a certificate that was shown when its connection began is still good: not expired, not
    /// revoked, and of an authority that is still trusted.
    pub(crate) fn holds(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some((own, others)) = chain.split_first() else { return false };
        self.now().clients.verify_client_cert(own, others, UnixTime::now()).is_ok()
    }
}

/// A caller's certificates, to be asked again while a long call goes on.
#[derive(Clone)]
pub(crate) struct Standing {
    pub(crate) trust: Arc<Trust>,
    pub(crate) chain: Arc<Vec<CertificateDer<'static>>>,
}

impl Standing {
    /// Whether the caller may still go on.
    pub(crate) fn holds(&self) -> bool {
        self.trust.holds(&self.chain)
    }
}

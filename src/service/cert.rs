//! A certificate authority for installations that have none.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber,
};
use samenloop_schema::PartyId;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::file_error::FileError;
use crate::identity::{Role, uri};
use crate::keys::{KeyFileError, random, write_secret};

/// Days that a certificate is valid when nothing else is asked.
pub const DEFAULT_DAYS: u32 = 365;
/// Days that an authority is valid.
const AUTHORITY_DAYS: u32 = 3650;
const AUTHORITY: &str = "authority";
const REVOKED: &str = "revoked.pem";

fn epoch_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64
}

/// Why a certificate cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertError {
    /// The certificate library refuses.
    #[error("cannot make the certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key file cannot be written.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A file that is no certificate or no list.
    #[error("{} holds no certificate and no revocation list in PEM", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// A certificate of another authority.
    #[error("{} is not a certificate of this authority: revoke it with its own", path.display())]
    Stranger {
        /// The file.
        path: PathBuf,
    },
    /// A service certificate that no client could match with an address.
    #[error("a service certificate needs at least one host name or address")]
    NoHost,
}

/// A certificate and the key to it, PEM.
pub struct Issued {
    /// The certificate.
    pub certificate_pem: String,
    /// Its key.
    pub key_pem: Zeroizing<String>,
}

/// Signs certificates.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    key_pem: Zeroizing<String>,
}

fn params(common_name: &str, days: u32) -> CertificateParams {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let day = Duration::from_secs(24 * 60 * 60);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    // A day of grace for clocks that are behind.
    params.not_before = epoch + now.saturating_sub(day);
    params.not_after = epoch + now + day * days;
    params
}

impl CertificateAuthority {
    /// A new authority with a new key.
    pub fn create() -> Result<Self, CertError> {
        // Two authorities need two names: a revocation list is found by its issuer's.
        let number = random::<4>().map_err(KeyFileError::Randomness)?;
        let name = format!("samenloop authority {}", HEXLOWER.encode(&number));
        let mut params = params(&name, AUTHORITY_DAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate_pem, key_pem })
    }

    /// The authority in a directory that [`write`](Self::write) wrote.
    pub fn read(dir: &Path) -> Result<Self, CertError> {
        let read = |name: &str| {
            let path = dir.join(name);
            std::fs::read_to_string(&path).map_err(FileError::of("read", &path))
        };
        let certificate_pem = read("authority.pem")?;
        let key_pem = Zeroizing::new(read("authority.key")?);
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, KeyPair::from_pem(&key_pem)?)?;
        Ok(Self { issuer, certificate_pem, key_pem })
    }

    /// Writes `authority.pem` and `authority.key`; existing files are never overwritten.
    pub fn write(&self, dir: &Path) -> Result<(), CertError> {
        write_pair(dir, AUTHORITY, &self.certificate_pem, &self.key_pem)
    }

    /// The authority's own certificate, which both sides trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A client certificate, valid for [`DEFAULT_DAYS`].
    pub fn issue(&self, role: Role, name: &PartyId) -> Result<Issued, CertError> {
        self.issue_for_days(role, name, DEFAULT_DAYS)
    }

    /// A client certificate, valid for so many days.
    pub fn issue_for_days(
        &self,
        role: Role,
        name: &PartyId,
        days: u32,
    ) -> Result<Issued, CertError> {
        let mut params = params(&format!("{role} {name}"), days);
        params.subject_alt_names = vec![SanType::URI(uri(role.as_str(), name).try_into()?)];
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The service's certificate for its host names and addresses. It cannot be used to call.
    pub fn issue_service(
        &self,
        name: &PartyId,
        hosts: &[String],
        days: u32,
    ) -> Result<Issued, CertError> {
        if hosts.is_empty() {
            return Err(CertError::NoHost);
        }
        let mut params = params(&format!("service {name}"), days);
        params.subject_alt_names = vec![SanType::URI(uri("service", name).try_into()?)];
        for host in hosts {
            params.subject_alt_names.push(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(host.as_str().try_into()?),
            });
        }
        self.sign(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Adds certificates of this authority to its list of revoked ones, `revoked.pem`. Returns how many
    /// the list names.
    pub fn revoke(&self, dir: &Path, certificates: &[PathBuf]) -> Result<usize, CertError> {
        let list = dir.join(REVOKED);
        let read = |path: &Path| {
            let bytes = std::fs::read(path).map_err(FileError::of("read", path))?;
            let form = || CertError::Form { path: path.to_owned() };
            parse_x509_pem(&bytes).map(|(_, pem)| pem.contents).map_err(|_| form())
        };
        let now = epoch_seconds();
        let mut revoked = BTreeMap::new();
        let mut number = 0;
        if list.exists() {
            let form = || CertError::Form { path: list.clone() };
            let der = read(&list)?;
            let (_, known) = CertificateRevocationList::from_der(&der).map_err(|_| form())?;
            for entry in known.iter_revoked_certificates() {
                let at = entry.revocation_date.timestamp();
                revoked.insert(entry.raw_serial().to_vec(), at);
            }
            number = known
                .crl_number()
                .map_or(0, |number| number.to_u64_digits().first().copied().unwrap_or(0));
        }
        for path in certificates {
            let der = read(path)?;
            let form = || CertError::Form { path: path.clone() };
            let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| form())?;
            let own = parse_x509_pem(self.certificate_pem.as_bytes());
            let own = own.map_err(|_| CertError::Form { path: dir.join("authority.pem") })?.1;
            let own = own.parse_x509().map_err(|_| form())?;
            if certificate.verify_signature(Some(own.public_key())).is_err() {
                return Err(CertError::Stranger { path: path.clone() });
            }
            revoked.entry(certificate.raw_serial().to_vec()).or_insert(now);
        }
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let at = |seconds: i64| epoch + Duration::from_secs(seconds.max(0) as u64);
        let params = CertificateRevocationListParams {
            this_update: at(now),
            // Revocation stands for as long as the authority does.
            next_update: at(now) + Duration::from_secs(u64::from(AUTHORITY_DAYS) * 24 * 60 * 60),
            crl_number: SerialNumber::from(number + 1),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|(serial, seconds)| RevokedCertParams {
                    serial_number: SerialNumber::from(serial.clone()),
                    revocation_time: at(*seconds),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let text = params.signed_by(&self.issuer)?.pem()?;
        let fresh = dir.join("revoked.pem.new");
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &list))
            .map_err(FileError::of("write", &list))?;
        Ok(revoked.len())
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Issued, CertError> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: Zeroizing::new(key.serialize_pem()),
        })
    }
}

impl Issued {
    /// Writes `NAME.pem` and `NAME.key`, and the authority's certificate beside them if it is not
    /// there. Existing files are never overwritten.
    pub fn write(
        &self,
        dir: &Path,
        name: &str,
        authority: &CertificateAuthority,
    ) -> Result<(), CertError> {
        write_pair(dir, name, &self.certificate_pem, &self.key_pem)?;
        let path = dir.join("authority.pem");
        if path.exists() { Ok(()) } else { write_public(&path, authority.certificate_pem()) }
    }
}

fn write_pair(dir: &Path, name: &str, certificate: &str, key: &str) -> Result<(), CertError> {
    std::fs::create_dir_all(dir).map_err(FileError::of("make", dir))?;
    write_secret(&dir.join(format!("{name}.key")), key.as_bytes())?;
    write_public(&dir.join(format!("{name}.pem")), certificate)
}

fn write_public(path: &Path, text: &str) -> Result<(), CertError> {
    use std::io::Write as _;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(FileError::of("write", path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::identity::{Caller, IdentityError};

    fn der(pem: &str) -> Vec<u8> {
        parse_x509_pem(pem.as_bytes()).expect("own certificates are well-formed").1.contents
    }

    #[test]
    fn a_certificate_names_its_role_and_a_service_certificate_names_none() -> Result<(), CertError>
    {
        let authority = CertificateAuthority::create()?;
        let name: PartyId = "ggd".parse().expect("a party id");
        for role in Role::ALL {
            let issued = authority.issue(role, &name)?;
            let caller = Caller::from_certificate(&der(&issued.certificate_pem));
            assert_eq!(caller.map(|caller| (caller.role, caller.name)), Ok((role, name.clone())));
        }
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let service = authority.issue_service(&name, &hosts, 1)?;
        let caller = Caller::from_certificate(&der(&service.certificate_pem));
        assert_eq!(caller, Err(IdentityError::Role));
        assert_eq!(
            Caller::from_certificate(&der(authority.certificate_pem())),
            Err(IdentityError::Uri)
        );
        Ok(())
    }

    #[test]
    fn files_are_private_and_never_overwritten() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        CertificateAuthority::create()?.write(dir.path())?;
        let authority = CertificateAuthority::read(dir.path())?;
        let name = "ggd".parse()?;
        authority.issue(Role::Partner, &name)?.write(dir.path(), "ggd", &authority)?;
        for key in ["authority.key", "ggd.key"] {
            let mode = std::fs::metadata(dir.path().join(key))?.permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{key}");
        }
        assert!(CertificateAuthority::create()?.write(dir.path()).is_err());
        let again = authority.issue(Role::Partner, &name)?.write(dir.path(), "ggd", &authority);
        assert!(matches!(again, Err(CertError::Key(KeyFileError::Io { .. }))));
        Ok(())
    }
}

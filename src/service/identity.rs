//! Who calls: role and name from the certificate, never from a field of a message.

use std::fmt;
use std::str::FromStr;

use samenloop_schema::{Digest, PartyId};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What a caller may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A partner organisation; its name is its party id.
    Partner,
    /// Opens, freezes and closes rounds.
    Coordinator,
    /// Asks for released tables.
    Monitor,
    /// Reads the whole ledger.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Partner, Self::Coordinator, Self::Monitor, Self::Auditor];

    /// As in a certificate.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Coordinator => "coordinator",
            Self::Monitor => "monitor",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(IdentityError::Role)
    }
}

/// Why a certificate names no caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Not an X.509 certificate.
    #[error("the client certificate cannot be read")]
    Certificate,
    /// No identity, or more than one.
    #[error(
        "the client certificate must name exactly one URI samenloop://ROLE/NAME; \
         ask the coordinator for a new one"
    )]
    Uri,
    /// A role that is not known.
    #[error("the client certificate's role must be partner, coordinator, monitor or auditor")]
    Role,
    /// A name that is no party id.
    #[error("the client certificate's name must be a party id")]
    Name,
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What it may do.
    pub role: Role,
    /// Who it is; a partner's party id.
    pub name: PartyId,
    /// SHA-256 of its certificate.
    pub certificate: Digest,
}

/// The URI that stands for an identity in a certificate.
#[must_use]
pub fn uri(role: &str, name: &PartyId) -> String {
    format!("samenloop://{role}/{name}")
}

impl Caller {
    /// Reads the identity out of a certificate that TLS has verified already.
    pub fn from_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| IdentityError::Certificate)?;
        let names =
            certificate.subject_alternative_name().map_err(|_| IdentityError::Certificate)?;
        let mut identities = names.iter().flat_map(|extension| &extension.value.general_names);
        let mut identities = std::iter::from_fn(|| {
            identities.find_map(|name| match name {
                GeneralName::URI(uri) => uri.strip_prefix("samenloop://"),
                _ => None,
            })
        });
        let (Some(identity), None) = (identities.next(), identities.next()) else {
            return Err(IdentityError::Uri);
        };
        let (role, name) = identity.split_once('/').ok_or(IdentityError::Uri)?;
        Ok(Self {
            role: role.parse()?,
            name: name.parse().map_err(|_| IdentityError::Name)?,
            certificate: Digest::of(der),
        })
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role, self.name)
    }
}

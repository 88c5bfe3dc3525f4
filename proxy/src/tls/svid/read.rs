//! What is asked of a certificate. An extension that cannot be read is never taken for one that is not there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{
    BasicConstraints, ExtendedKeyUsage, GeneralName, KeyUsage, ParsedExtension, SubjectAlternativeName,
};
use x509_parser::oid_registry::{
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_SUBJECT_ALT_NAME, Oid,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

use super::{InvalidSvid, X509Svid};

/// From when until when a certificate is valid, both seconds included (RFC 5280 §4.1.2.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// Its first second.
    pub not_before: SystemTime,
    /// Its last second.
    pub not_after: SystemTime,
}

impl Validity {
    /// Whether `now` lies within.
    #[must_use]
    pub fn contains(&self, now: SystemTime) -> bool {
        self.not_before <= now && now < self.not_after + Duration::from_secs(1)
    }
}

pub(super) struct Reader<'a> {
    certificate: X509Certificate<'a>,
    validity: Validity,
}

impl<'a> Reader<'a> {
    pub(super) fn new(der: &'a [u8]) -> Result<Self, InvalidSvid> {
        if der.len() > X509Svid::BYTES_MAX {
            return Err(InvalidSvid::TooLarge { len_bytes: der.len() });
        }
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_not_x509| InvalidSvid::Malformed)?;
        if !rest.is_empty() || certificate.version() != X509Version::V3 {
            return Err(InvalidSvid::Malformed);
        }
        let dates = certificate.validity();
        let validity = Validity { not_before: time(dates.not_before)?, not_after: time(dates.not_after)? };
        Ok(Self { certificate, validity })
    }

    fn extension(&self, oid: &Oid<'_>) -> Result<Option<(&ParsedExtension<'a>, bool)>, InvalidSvid> {
        let found = self.certificate.get_extension_unique(oid).map_err(|_twice| InvalidSvid::Malformed)?;
        Ok(found.map(|extension| (extension.parsed_extension(), extension.critical)))
    }

    /// The URIs among the subject's alternative names, and whether those are critical.
    pub(super) fn uri_sans(&self) -> Result<(Vec<&'a str>, bool), InvalidSvid> {
        let Some((parsed, is_critical)) = self.extension(&OID_X509_EXT_SUBJECT_ALT_NAME)? else {
            return Ok((Vec::new(), false));
        };
        let ParsedExtension::SubjectAlternativeName(SubjectAlternativeName { general_names }) = parsed else {
            return Err(InvalidSvid::Malformed);
        };
        if general_names.iter().any(|name| matches!(name, GeneralName::Invalid(..))) {
            return Err(InvalidSvid::Malformed);
        }
        let uri = |name: &GeneralName<'a>| if let GeneralName::URI(uri) = name { Some(*uri) } else { None };
        Ok((general_names.iter().filter_map(uri).collect(), is_critical))
    }

    pub(super) fn has_no_subject(&self) -> bool {
        self.certificate.subject().iter_rdn().next().is_none()
    }

    /// Absence says no (RFC 5280 §4.2.1.9).
    pub(super) fn is_ca(&self) -> Result<bool, InvalidSvid> {
        match self.extension(&OID_X509_EXT_BASIC_CONSTRAINTS)? {
            None => Ok(false),
            Some((ParsedExtension::BasicConstraints(BasicConstraints { ca, .. }), _)) => Ok(*ca),
            Some(_) => Err(InvalidSvid::Malformed),
        }
    }

    /// X509-SVID §4.3: the key usage must be set and critical, on every SVID.
    pub(super) fn critical_key_usage(&self) -> Result<&KeyUsage, InvalidSvid> {
        match self.extension(&OID_X509_EXT_KEY_USAGE)? {
            None => Err(InvalidSvid::NoKeyUsage),
            Some((ParsedExtension::KeyUsage(_), false)) => Err(InvalidSvid::KeyUsageNotCritical),
            Some((ParsedExtension::KeyUsage(usage), true)) => Ok(usage),
            Some(_) => Err(InvalidSvid::Malformed),
        }
    }

    pub(super) fn extended_key_usage(&self) -> Result<Option<&ExtendedKeyUsage<'a>>, InvalidSvid> {
        match self.extension(&OID_X509_EXT_EXTENDED_KEY_USAGE)? {
            None => Ok(None),
            Some((ParsedExtension::ExtendedKeyUsage(purposes), _)) => Ok(Some(purposes)),
            Some(_) => Err(InvalidSvid::Malformed),
        }
    }

    pub(super) fn public_key(&self) -> Result<PublicKey<'_>, InvalidSvid> {
        self.certificate.public_key().parsed().map_err(|_not_a_key| InvalidSvid::Malformed)
    }

    /// The key as it stands in the certificate, with its algorithm.
    pub(super) fn public_key_info(&self) -> &x509_parser::x509::SubjectPublicKeyInfo<'a> {
        &self.certificate.tbs_certificate.subject_pki
    }

    pub(super) fn validity(&self) -> Validity {
        self.validity
    }
}

/// No certificate of ours has a date before 1970.
fn time(time: ASN1Time) -> Result<SystemTime, InvalidSvid> {
    let seconds = u64::try_from(time.timestamp()).map_err(|_before_1970| InvalidSvid::Malformed)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(InvalidSvid::Malformed)
}

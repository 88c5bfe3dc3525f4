//! Putting answers to challenges where the CA looks, and taking them back.

use std::sync::Arc;

use instant_acme::KeyAuthorization;
use policy::id::HostName;
use policy::resource::issuer::Challenge;
use proxy::challenge::Http01Tokens;
use proxy::tls::Certificates;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Where CAs look.
pub struct Presenter {
    /// The plain port.
    pub http01: Arc<Http01Tokens>,
    /// The TLS port.
    pub certificates: Arc<Certificates>,
    /// Our zones.
    pub zones: Arc<dns::Zones>,
}

/// An answer could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PresentError {
    /// The CA asks about what is no host name.
    #[error("the CA asks about {0:?}, which is no host name")]
    Name(String),
    /// The certificate of a TLS-ALPN-01 challenge could not be made.
    #[error("making the challenge's certificate")]
    Certificate(#[from] rcgen::Error),
    /// Nor its key be used.
    #[error("using the challenge's key")]
    Key(#[from] rustls::Error),
}

/// Answers that are in place; taken back when this goes.
pub(super) struct Presented {
    presenter: Arc<Presenter>,
    answers: Vec<Answer>,
}

enum Answer {
    Http01(HostName, String),
    TlsAlpn01(HostName),
    Dns01(HostName, String),
}

impl Presented {
    pub(super) const fn new(presenter: Arc<Presenter>) -> Self {
        Self { presenter, answers: Vec::new() }
    }

    pub(super) fn add(
        &mut self,
        challenge: Challenge,
        domain: &str,
        token: &str,
        key: &KeyAuthorization,
    ) -> Result<(), PresentError> {
        let base = domain.strip_prefix("*.").unwrap_or(domain);
        let host: HostName = base.parse().map_err(|_| PresentError::Name(domain.to_owned()))?;
        let answer = match challenge {
            Challenge::Http01 => {
                self.presenter.http01.insert(host.clone(), token.to_owned(), key.as_str().to_owned());
                Answer::Http01(host, token.to_owned())
            }
            Challenge::TlsAlpn01 => {
                let certificate = Arc::new(challenge_certificate(base, key)?);
                self.presenter.certificates.set_challenge(&host, certificate);
                Answer::TlsAlpn01(host)
            }
            Challenge::Dns01 => {
                let value = key.dns_value();
                self.presenter.zones.challenges().insert(&host, &value);
                Answer::Dns01(host, value)
            }
        };
        self.answers.push(answer);
        Ok(())
    }
}

impl Drop for Presented {
    fn drop(&mut self) {
        for answer in self.answers.drain(..) {
            match answer {
                Answer::Http01(host, token) => self.presenter.http01.remove(&host, &token),
                Answer::TlsAlpn01(host) => self.presenter.certificates.remove_challenge(&host),
                Answer::Dns01(host, value) => self.presenter.zones.challenges().remove(&host, &value),
            }
        }
    }
}

/// A certificate that carries the answer (RFC 8737 §3).
fn challenge_certificate(
    domain: &str,
    key: &KeyAuthorization,
) -> Result<rustls::sign::CertifiedKey, PresentError> {
    let mut params = rcgen::CertificateParams::new([domain.to_owned()])?;
    params.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(key.digest().as_ref())];
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&pair)?;
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Not `CertifiedKey::from_der`: the challenge's extension is critical, and unknown to who checks it there.
    let key = provider.key_provider.load_private_key(secret)?;
    Ok(rustls::sign::CertifiedKey::new(vec![certificate.der().clone()], key))
}

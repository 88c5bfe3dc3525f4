//! When the CA would see a certificate renewed (ARI, RFC 9773).

use std::sync::Arc;
use std::time::Duration;

use instant_acme::CertificateIdentifier;
use policy::resource::issuer::Acme;
use rustls_pki_types::CertificateDer;

use super::{Accounts, OrderError, RetryAfter};
use crate::core::renewal::Window;

/// What a CA says of the renewal of one certificate.
pub struct Suggestion {
    /// When.
    pub window: Window,
    /// When it wants to be asked again.
    pub ask_after: Duration,
    /// A page that says why (RFC 9773 §4.2).
    pub explanation: Option<String>,
}

/// Asks the CA that signed `leaf`.
///
/// # Errors
/// When the CA knows no such windows, or not this certificate, or cannot be asked.
pub async fn renewal_window(
    accounts: &Accounts,
    acme: &Acme,
    external_key: Option<&str>,
    leaf: &CertificateDer<'static>,
) -> Result<Suggestion, OrderError> {
    // How long to wait for orders is not what this is about.
    let account = accounts.account(acme, external_key, &Arc::<RetryAfter>::default()).await?;
    let id =
        CertificateIdentifier::try_from(leaf).map_err(|error| instant_acme::Error::Other(error.into()))?;
    let (info, ask_after) = account.renewal_info(&id).await?;
    let window = Window { start: info.suggested_window.start.into(), end: info.suggested_window.end.into() };
    Ok(Suggestion { window, ask_after, explanation: info.explanation_url })
}

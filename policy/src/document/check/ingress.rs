//! Rules of one `SecureIngress`, `Issuer` or `Certificate`.

use super::{Checker, spec_field};
use crate::document::check::identity;
use crate::document::tree::Path;
use crate::id::{Domain, Name};
use crate::resource::certificate::Certificate;
use crate::resource::issuer::Issuer;
use crate::resource::secure_ingress::{CertificateSource, Jwks, JwtIssuer, SecureIngress};

/// Most names of one ingress or certificate: what Let's Encrypt puts into one certificate.
const DOMAINS_MAX: usize = 100;
/// Most issuers to try in turn.
const ISSUERS_MAX: usize = 10;
/// Most token issuers of one ingress.
const JWT_MAX: usize = 100;
/// Most namespaces that one ingress exposes.
const NAMESPACES_MAX: usize = 1_000;
/// Most audiences of one token issuer.
const AUDIENCES_MAX: usize = 100;
/// Longest issuer and audience: they are compared with claims of tokens that fit a header.
const CLAIM_BYTES_MAX: usize = 1024;
/// Largest key set written into a resource; one RSA key takes about 500 bytes.
const JWKS_BYTES_MAX: usize = 64 << 10;
/// Largest bundle of roots.
const TRUST_BYTES_MAX: usize = 1 << 20;
/// Longest key identifier of an external account.
const KEY_ID_BYTES_MAX: usize = 1024;

pub(super) fn check(checker: &mut Checker<'_>, spec: &SecureIngress) {
    domains(checker, &spec.domains);
    match &spec.certificate {
        CertificateSource::Issuers(list) => {
            issuers(checker, list, &spec_field("certificate").key("issuers"));
        }
        CertificateSource::Issuer(_) | CertificateSource::Certificate(_) | CertificateSource::Secret(_) => {}
    }
    let path = spec_field("jwt");
    checker.at_most(&path, spec.jwt.len(), JWT_MAX);
    checker.distinct(&spec.jwt, |issuer| issuer.name.clone(), |index| path.index(index).key("name"));
    for (index, issuer) in spec.jwt.iter().enumerate() {
        jwt(checker, issuer, &path.index(index));
    }
    let selector = spec_field("applications");
    let path = selector.key("namespaces");
    let namespaces = &spec.applications.namespaces;
    checker.count(&path, namespaces, NAMESPACES_MAX, "name the namespaces whose apps are exposed here");
    checker.distinct(namespaces, Clone::clone, |index| path.index(index));
    identity::labels(checker, &spec.applications.match_labels, &selector.key("matchLabels"));
}

fn domains(checker: &mut Checker<'_>, domains: &[Domain]) {
    let path = spec_field("domains");
    checker.count(&path, domains, DOMAINS_MAX, "write at least one name: [shop.example.com]");
    checker.distinct(domains, Clone::clone, |index| path.index(index));
}

fn issuers(checker: &mut Checker<'_>, issuers: &[Name], path: &Path) {
    checker.count(path, issuers, ISSUERS_MAX, "name at least one Issuer");
    checker.distinct(issuers, Clone::clone, |index| path.index(index));
}

fn jwt(checker: &mut Checker<'_>, issuer: &JwtIssuer, path: &Path) {
    checker.text(&path.key("issuer"), &issuer.issuer, CLAIM_BYTES_MAX, "write the `iss` claim of the tokens");
    let audiences = path.key("audiences");
    checker.count(
        &audiences,
        &issuer.audiences,
        AUDIENCES_MAX,
        "write the `aud` claim that tokens for this ingress have",
    );
    for (index, audience) in issuer.audiences.iter().enumerate() {
        checker.text(
            &audiences.index(index),
            audience,
            CLAIM_BYTES_MAX,
            "write an `aud` claim, or remove it",
        );
    }
    checker.distinct(&issuer.audiences, Clone::clone, |index| audiences.index(index));
    let algorithms = path.key("algorithms");
    if issuer.algorithms.is_empty() && !checker.is_partial(&algorithms) {
        checker.fault(
            &algorithms,
            "the list is empty",
            "leave the field out for all safe ones, or write [ES256]",
        );
    }
    checker.distinct(
        &issuer.algorithms,
        |algorithm| format!("{algorithm:?}"),
        |index| algorithms.index(index),
    );
    match &issuer.jwks {
        Jwks::Inline(text) => inline_keys(checker, text, &path.key("jwks").key("inline")),
        Jwks::Uri(_) => {}
    }
}

/// The form of a key set (RFC 7517 §5); whether its keys are any good is for who verifies with them.
fn inline_keys(checker: &mut Checker<'_>, text: &str, path: &Path) {
    let fix = "write a JSON Web Key Set: '{\"keys\": [{\"kty\": …}]}'";
    checker.text(path, text, JWKS_BYTES_MAX, fix);
    if text.is_empty() || text.len() > JWKS_BYTES_MAX {
        return;
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Err(error) => {
            let reason =
                format!("this is no JSON (line {}, column {} of the text)", error.line(), error.column());
            checker.fault(path, reason, fix);
        }
        Ok(value) => match value["keys"].as_array() {
            None => checker.fault(path, "the JSON has no list `keys`", fix),
            Some(keys) if keys.is_empty() => checker.fault(path, "the key set holds no key", fix),
            Some(keys) if keys.iter().any(|key| !key["kty"].is_string()) => {
                checker.fault(path, "a key of the set has no `kty`", fix);
            }
            Some(_) => {}
        },
    }
}

pub(super) fn issuer(checker: &mut Checker<'_>, issuer: &Issuer) {
    let Issuer::Acme(acme) = issuer else { return };
    let path = spec_field("acme");
    if let Some(trust) = &acme.trust {
        let at = path.key("trust");
        checker.text(&at, trust, TRUST_BYTES_MAX, "write the roots in PEM, or leave the field out");
        if !trust.is_empty() && !trust.contains("-----BEGIN CERTIFICATE-----") {
            checker.fault(
                &at,
                "there is no certificate in PEM here",
                "begin it with -----BEGIN CERTIFICATE-----",
            );
        }
    }
    if let Some(account) = &acme.external_account {
        let at = path.key("externalAccount").key("keyId");
        checker.text(&at, &account.key_id, KEY_ID_BYTES_MAX, "write the identifier that the CA gave");
    }
}

pub(super) fn certificate(checker: &mut Checker<'_>, spec: &Certificate) {
    domains(checker, &spec.domains);
    issuers(checker, &spec.issuers, &spec_field("issuers"));
}

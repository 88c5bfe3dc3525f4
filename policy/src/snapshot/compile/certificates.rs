//! Which certificates must be had, and from whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::rejected::{Reason, Rejections};
use super::super::{CertificateName, CertificateOrigin, Host, IssuerPlan, WantedCertificate};
use super::Resources;
use super::zones::Zones;
use crate::id::{Domain, Kind, Name, ResourceKey};
use crate::resource::Spec;
use crate::resource::issuer::{Challenge, Issuer};
use crate::resource::secure_ingress::{CertificateSource, SecureIngress};

/// The certificate that an ingress is served with, if what it names exists.
pub(super) fn name_for(
    resources: Resources<'_>,
    key: &ResourceKey,
    spec: &SecureIngress,
    rejections: &mut Rejections,
) -> Option<CertificateName> {
    let (kind, name, field) = match &spec.certificate {
        CertificateSource::Issuer(_) | CertificateSource::Issuers(_) => {
            return Some(CertificateName(key.clone()));
        }
        CertificateSource::Certificate(name) => (Kind::Certificate, name, "spec.certificate.certificate"),
        CertificateSource::Secret(name) => (Kind::Secret, name, "spec.certificate.secret"),
    };
    let named = key.beside(kind, name);
    if resources.find(&named).is_none() {
        rejections.add(key, field, Reason::Missing(named));
        return None;
    }
    Some(CertificateName(named))
}

/// Every certificate that a host or a `Certificate` wants.
pub(super) fn wanted(
    resources: Resources<'_>,
    hosts: &BTreeMap<Domain, Arc<Host>>,
    zones: &Zones<'_>,
    rejections: &mut Rejections,
) -> BTreeMap<CertificateName, WantedCertificate> {
    let used: BTreeSet<&ResourceKey> = hosts.values().map(|host| &host.source).collect();
    let mut wanted = BTreeMap::new();
    for (key, resource) in resources.iter() {
        let (domains, issuers, field) = match &resource.spec {
            Spec::SecureIngress(spec) => match &spec.certificate {
                CertificateSource::Issuer(name) => {
                    (&spec.domains, std::slice::from_ref(name), "spec.certificate.issuer")
                }
                CertificateSource::Issuers(names) => {
                    (&spec.domains, names.as_slice(), "spec.certificate.issuers")
                }
                CertificateSource::Certificate(_) => continue,
                CertificateSource::Secret(name) => {
                    from_secret(resources, key, spec, name, &mut wanted, rejections);
                    continue;
                }
            },
            Spec::Certificate(spec) => (&spec.domains, spec.issuers.as_slice(), "spec.issuers"),
            Spec::Application(_)
            | Spec::Issuer(_)
            | Spec::Zone(_)
            | Spec::Secret(_)
            | Spec::Role(_)
            | Spec::RoleBinding(_) => continue,
        };
        let plans = plans(resources, key, domains, issuers, field, zones, rejections);
        // An ingress that exposes nothing yet needs no certificate: an order would only spend the CA's patience.
        let is_used = key.kind == Kind::Certificate || used.contains(key);
        if is_used && !plans.is_empty() {
            let mut domains = domains.clone();
            domains.sort();
            domains.dedup();
            let origin = CertificateOrigin::Issuers(plans);
            wanted.insert(CertificateName(key.clone()), WantedCertificate { domains, origin });
        }
    }
    wanted
}

fn from_secret(
    resources: Resources<'_>,
    key: &ResourceKey,
    spec: &SecureIngress,
    name: &Name,
    wanted: &mut BTreeMap<CertificateName, WantedCertificate>,
    rejections: &mut Rejections,
) {
    let Some((secret_key, Spec::Secret(secret))) = resources.find(&key.beside(Kind::Secret, name)) else {
        return; // `name_for` has said so.
    };
    for part in ["tls.crt", "tls.key"] {
        if !secret.string_data.contains_key(part) {
            let reason = Reason::SecretLacks { secret: secret_key.clone(), part };
            rejections.add(key, "spec.certificate.secret", reason);
        }
    }
    let entry = wanted.entry(CertificateName(secret_key.clone())).or_insert_with(|| WantedCertificate {
        domains: Vec::new(),
        origin: CertificateOrigin::Secret(secret_key.clone()),
    });
    entry.domains.extend(spec.domains.iter().cloned());
    entry.domains.sort();
    entry.domains.dedup();
}

fn plans(
    resources: Resources<'_>,
    key: &ResourceKey,
    domains: &[Domain],
    issuers: &[Name],
    field: &str,
    zones: &Zones<'_>,
    rejections: &mut Rejections,
) -> Vec<IssuerPlan> {
    let mut plans = Vec::new();
    for name in issuers {
        let named = key.beside(Kind::Issuer, name);
        let Some((issuer_key, Spec::Issuer(issuer))) = resources.find(&named) else {
            rejections.add(key, field, Reason::Missing(named));
            continue;
        };
        let challenge = match issuer {
            Issuer::PrivateCa(_) => None,
            Issuer::Acme(acme) => {
                if let Some(account) = &acme.external_account {
                    let secret = key.beside(Kind::Secret, &account.secret);
                    if resources.find(&secret).is_none() {
                        let field = "spec.acme.externalAccount.secret";
                        rejections.add(issuer_key, field, Reason::NoAccountKey(secret));
                    }
                }
                let ours = |domain: &Domain| zones.holding(domain.base()).is_some();
                let by_default = if domains.iter().all(ours) { Challenge::Dns01 } else { Challenge::Http01 };
                let challenge = acme.challenge.unwrap_or(by_default);
                check_challenge(key, domains, challenge, issuer_key, zones, rejections);
                if acme.challenge.is_some() {
                    check_order(resources, key, challenge, issuer_key, rejections);
                }
                Some(challenge)
            }
        };
        plans.push(IssuerPlan { key: issuer_key.clone(), issuer: issuer.clone(), challenge });
    }
    plans
}

/// A name of ours is answered only once its certificate is there, so a CA that must connect by that name first would
/// wait for ever.
fn check_order(
    resources: Resources<'_>,
    key: &ResourceKey,
    challenge: Challenge,
    issuer: &ResourceKey,
    rejections: &mut Rejections,
) {
    let Some(Spec::SecureIngress(ingress)) = resources.all.get(key).map(|resource| &resource.spec) else {
        return;
    };
    if challenge != Challenge::Dns01 && ingress.dns.is_some() {
        let reason = Reason::NamedTooLate { issuer: issuer.clone(), ingress: key.clone() };
        rejections.add(issuer, "spec.acme.challenge", reason);
    }
}

fn check_challenge(
    key: &ResourceKey,
    domains: &[Domain],
    challenge: Challenge,
    issuer: &ResourceKey,
    zones: &Zones<'_>,
    rejections: &mut Rejections,
) {
    for (index, domain) in domains.iter().enumerate() {
        let (issuer, domain) = (issuer.clone(), domain.clone());
        let reason = match (challenge, &domain) {
            (Challenge::Http01 | Challenge::TlsAlpn01, Domain::Wildcard(_)) => {
                Reason::WildcardByConnection { issuer, domain }
            }
            (Challenge::Dns01, _) if zones.holding(domain.base()).is_none() => {
                Reason::ForeignDns { issuer, domain }
            }
            (Challenge::Http01 | Challenge::TlsAlpn01 | Challenge::Dns01, _) => continue,
        };
        rejections.add(key, format!("spec.domains[{index}]"), reason);
    }
}

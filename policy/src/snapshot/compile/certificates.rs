//! Which certificates must be had, and from whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::rejected::Rejections;
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
    let Some((found, _)) = resources.of(kind, &key.namespace, name) else {
        let reason = format!("there is no {kind} {}/{name}", key.namespace);
        rejections.add(key, field, reason, "create it, or name one of the same namespace that exists");
        return None;
    };
    Some(CertificateName(found.clone()))
}

/// Every certificate that a host or a `Certificate` wants.
pub(super) fn wanted(
    resources: Resources<'_>,
    hosts: &BTreeMap<Domain, Arc<Host>>,
    zones: &Zones<'_>,
    rejections: &mut Rejections,
) -> BTreeMap<CertificateName, WantedCertificate> {
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
        let is_used = key.kind == Kind::Certificate || hosts.values().any(|host| host.source == *key);
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
    let Some((secret_key, Spec::Secret(secret))) = resources.of(Kind::Secret, &key.namespace, name) else {
        return; // `name_for` has said so.
    };
    for part in ["tls.crt", "tls.key"] {
        if !secret.string_data.contains_key(part) {
            let reason = format!("{secret_key} has no {part}");
            let fix = format!("add {part} in PEM to its stringData");
            rejections.add_with(key, "spec.certificate.secret", reason, fix, &[secret_key]);
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
        let Some((issuer_key, Spec::Issuer(issuer))) = resources.of(Kind::Issuer, &key.namespace, name)
        else {
            let reason = format!("there is no Issuer {}/{name}", key.namespace);
            rejections.add(key, field, reason, "create it, or name one of the same namespace that exists");
            continue;
        };
        let challenge = match issuer {
            Issuer::PrivateCa(_) => None,
            Issuer::Acme(acme) => {
                if let Some(account) = &acme.external_account
                    && resources.of(Kind::Secret, &key.namespace, &account.secret).is_none()
                {
                    let reason = format!("there is no Secret {}/{}", key.namespace, account.secret);
                    let fix = "create it with the key hmacKey";
                    rejections.add(issuer_key, "spec.acme.externalAccount.secret", reason, fix);
                }
                let ours = |domain: &Domain| zones.holding(domain.base()).is_some();
                let by_default = if domains.iter().all(ours) { Challenge::Dns01 } else { Challenge::Http01 };
                let challenge = acme.challenge.unwrap_or(by_default);
                check_challenge(key, domains, challenge, issuer_key, zones, rejections);
                check_order(resources, key, challenge, issuer_key, rejections);
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
        let reason =
            format!("{issuer} proves control by connection, and our DNS names a host only after that");
        let fix = "leave spec.acme.challenge out, or set it to dns01";
        rejections.add_with(issuer, "spec.acme.challenge", reason, fix, &[key]);
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
        let field = format!("spec.domains[{index}]");
        match (challenge, domain) {
            (Challenge::Http01 | Challenge::TlsAlpn01, Domain::Wildcard(_)) => {
                let reason =
                    format!("{issuer} proves control by connection, which no CA accepts for {domain}");
                let fix = "use an Issuer with challenge: dns01, or name the hosts one by one";
                rejections.add_with(key, field, reason, fix, &[issuer]);
            }
            (Challenge::Dns01, _) if zones.holding(domain.base()).is_none() => {
                let reason = format!("{issuer} proves control by DNS, and {domain} lies in no Zone of ours");
                let fix = "add a Zone for it, or use an Issuer with challenge: http01";
                rejections.add_with(key, field, reason, fix, &[issuer]);
            }
            (Challenge::Http01 | Challenge::TlsAlpn01 | Challenge::Dns01, _) => {}
        }
    }
}

//! Findings of releases that differ: of the command line and the gateway, of the gateway and who wrote its resources.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{About, Finding, Severity};
use crate::id::ResourceKey;

/// A release of Causeway: `1.2.3`. What follows a hyphen or a plus sign is not compared.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Release {
    major: u32,
    minor: u32,
    patch: u32,
}

/// A text that names no release.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no release such as 1.2.3")]
pub struct InvalidRelease(String);

impl Release {
    /// Of this program.
    ///
    /// # Panics
    /// Never: Cargo takes only versions of this form.
    #[must_use]
    pub fn own() -> Self {
        env!("CARGO_PKG_VERSION").parse().expect("Cargo takes only versions of this form")
    }

    /// Whether resources and calls of `other` may hold what this one does not know. Patches change neither.
    #[must_use]
    pub fn is_before(self, other: Self) -> bool {
        (self.major, self.minor) < (other.major, other.minor)
    }
}

impl FromStr for Release {
    type Err = InvalidRelease;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRelease(text.into());
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let numbers: Vec<u32> = numbers
            .split('.')
            .map(|number| number.parse().map_err(|_| invalid()))
            .collect::<Result<_, _>>()?;
        let [major, minor, patch] = numbers[..] else { return Err(invalid()) };
        Ok(Self { major, minor, patch })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// What a command line of one release says of a gateway of another.
#[must_use]
pub fn vet_gateway(name: &str, gateway: Release, command: Release) -> Option<Finding> {
    let fix = if gateway.is_before(command) {
        "upgrade the gateway, or use the causeway command of its release"
    } else if command.is_before(gateway) {
        "use the causeway command of the gateway's release"
    } else {
        return None;
    };
    Some(Finding {
        severity: Severity::Warning,
        code: "CW0105",
        about: About::Gateway { name: name.into() },
        field: "version".into(),
        message: format!("the gateway is of {gateway} and this command of {command}"),
        fix: fix.into(),
    })
}

/// What a gateway says of the resources that other releases wrote.
#[must_use]
pub fn vet_writers(writers: &BTreeMap<ResourceKey, Release>, gateway: Release) -> Vec<Finding> {
    let later = writers.iter().filter(|(_, writer)| gateway.is_before(**writer));
    let findings = later.map(|(key, writer)| Finding {
        severity: Severity::Warning,
        code: "CW0105",
        about: About::Resource(key.clone()),
        field: "metadata.resourceVersion".into(),
        message: format!("a gateway of {writer} wrote it, and this one is of {gateway}"),
        fix: "upgrade this gateway, or apply the resource again".into(),
    });
    findings.collect()
}

//! Why a set of resources has no snapshot.

use std::fmt;

use serde::Serialize;

use crate::id::ResourceKey;

/// One reason. All that were found are reported together.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Rejected {
    /// The resource at fault.
    pub key: ResourceKey,
    /// The field, e.g. `spec.api[2].path`.
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// The smallest change that would help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Other resources that have a part in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<ResourceKey>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.key, self.field, self.reason)?;
        match &self.fix {
            Some(fix) => write!(f, "; {fix}"),
            None => Ok(()),
        }
    }
}

/// Collects reasons during one compilation.
#[derive(Debug, Default)]
pub(super) struct Rejections(Vec<Rejected>);

impl Rejections {
    pub(super) fn add(
        &mut self,
        key: &ResourceKey,
        field: impl Into<String>,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add_with(key, field, reason, fix, &[]);
    }

    pub(super) fn add_with(
        &mut self,
        key: &ResourceKey,
        field: impl Into<String>,
        reason: impl Into<String>,
        fix: impl Into<String>,
        others: &[&ResourceKey],
    ) {
        self.0.push(Rejected {
            key: key.clone(),
            field: field.into(),
            reason: reason.into(),
            fix: Some(fix.into()),
            others: others.iter().map(|other| (*other).clone()).collect(),
        });
    }

    pub(super) fn into_result<T>(mut self, value: T) -> Result<T, Vec<Rejected>> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort();
        self.0.dedup();
        Err(self.0)
    }
}

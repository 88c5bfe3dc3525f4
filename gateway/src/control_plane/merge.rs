//! What a writer sends, joined with what is stored: server-set fields, and secrets that are to stay.

use std::time::SystemTime;

use policy::resource::secret::{Secret, SecretText};
use policy::resource::{Resource, Spec};

use super::ApplyError;
use crate::status::rfc3339;

/// What the API shows in place of a secret's value. Sent back, it keeps the stored value.
pub(crate) const PLACEHOLDER: &str = "(sealed)";

/// The object as it is to be stored.
pub(super) fn merge(
    mut put: Resource,
    before: Option<&Resource>,
    now: SystemTime,
) -> Result<Resource, ApplyError> {
    let key = put.key();
    let stored = before.and_then(|before| before.metadata.resource_version.clone());
    if let Some(sent) = &put.metadata.resource_version
        && stored.as_ref() != Some(sent)
    {
        let stored = stored.unwrap_or_else(|| "none".into());
        return Err(ApplyError::Conflict { key, sent: sent.clone(), stored });
    }
    if let Spec::Secret(secret) = &mut put.spec {
        let kept = match before.map(|before| &before.spec) {
            Some(Spec::Secret(kept)) => Some(kept),
            Some(_) | None => None,
        };
        keep_values(secret, kept).map_err(|name| ApplyError::NothingToKeep { key, name })?;
    }
    let generation = match before {
        Some(before) if before.spec == put.spec => before.metadata.generation,
        Some(before) => before.metadata.generation.map(|generation| generation + 1),
        None => None,
    };
    put.metadata.generation = Some(generation.unwrap_or(1));
    put.metadata.resource_version = stored;
    let created = before.and_then(|before| before.metadata.creation_timestamp.clone());
    put.metadata.creation_timestamp = Some(created.unwrap_or_else(|| rfc3339(now)));
    Ok(put)
}

fn keep_values(secret: &mut Secret, kept: Option<&Secret>) -> Result<(), String> {
    for (name, value) in &mut secret.string_data {
        if value.reveal() == PLACEHOLDER {
            let stored: Option<&SecretText> = kept.and_then(|kept| kept.string_data.get(name));
            *value = stored.ok_or_else(|| name.clone())?.clone();
        }
    }
    Ok(())
}

/// Whether nothing would change.
pub(super) fn same(before: &Resource, after: &Resource) -> bool {
    before == after
}

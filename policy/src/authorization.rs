//! Who may do what to resources: one function. Rights only add; what no role allows is refused.

use std::collections::BTreeMap;

use crate::id::{Kind, Name, ResourceKey};
use crate::resource::role::{Rule, Subject, Verb};
use crate::resource::{Resource, Spec};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Action<'a> {
    /// What.
    pub verb: Verb,
    /// To which kind.
    pub kind: Kind,
    /// Where; `None` is everywhere at once.
    pub namespace: Option<&'a Name>,
}

/// Whether one of the subjects' roles allows an action. A role binding gives rights in its role's rules; subjects are
/// compared with those of the binding's own namespace for tokens.
#[must_use]
pub fn may(
    resources: &BTreeMap<ResourceKey, Resource>,
    is_subject: impl Fn(&Subject, &Name) -> bool,
    action: Action<'_>,
) -> bool {
    resources.iter().any(|(key, resource)| {
        let Spec::RoleBinding(binding) = &resource.spec else { return false };
        if !binding.subjects.iter().any(|subject| is_subject(subject, &key.namespace)) {
            return false;
        }
        let role =
            ResourceKey { kind: Kind::Role, namespace: key.namespace.clone(), name: binding.role.clone() };
        match resources.get(&role).map(|role| &role.spec) {
            Some(Spec::Role(role)) => role.rules.iter().any(|rule| rule.allows(action)),
            Some(_) | None => false,
        }
    })
}

impl Rule {
    fn allows(&self, action: Action<'_>) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&action.kind);
        let place = match action.namespace {
            _ if self.namespaces.is_empty() => true,
            Some(namespace) => self.namespaces.contains(namespace),
            // A right in some namespaces is none to everything.
            None => false,
        };
        kind && place && self.verbs.contains(&action.verb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
{apiVersion: causeway.dev/v1, kind: Role, metadata: {name: reader, namespace: ops}, spec: {rules: [{kinds: [Zone], verbs: [read], namespaces: [shop]}]}}
---
{apiVersion: causeway.dev/v1, kind: RoleBinding, metadata: {name: readers, namespace: ops}, spec: {role: reader, subjects: [{user: ada}]}}
";

    fn allowed(user: &str, verb: Verb, kind: Kind, namespace: Option<&str>) -> bool {
        let parsed = crate::document::parse("f", TEXT).unwrap();
        let resources = parsed.into_iter().map(|parsed| (parsed.resource.key(), parsed.resource)).collect();
        let namespace: Option<Name> = namespace.map(|name| name.parse().unwrap());
        let is_subject =
            |subject: &Subject, _: &Name| matches!(subject, Subject::User(name) if name.as_str() == user);
        may(&resources, is_subject, Action { verb, kind, namespace: namespace.as_ref() })
    }

    #[test]
    fn a_role_allows_what_it_names_and_nothing_else() {
        assert!(allowed("ada", Verb::Read, Kind::Zone, Some("shop")));
        assert!(!allowed("bob", Verb::Read, Kind::Zone, Some("shop")));
        assert!(!allowed("ada", Verb::Write, Kind::Zone, Some("shop")));
        assert!(!allowed("ada", Verb::Read, Kind::Secret, Some("shop")));
        assert!(!allowed("ada", Verb::Read, Kind::Zone, Some("other")));
        assert!(!allowed("ada", Verb::Read, Kind::Zone, None));
    }
}

//! Nobody gives rights that they do not have: not by a role, not by binding one, and not by putting a token of
//! their own in the place of one that is bound.

use std::collections::BTreeMap;

use policy::id::{Kind, Name, ResourceKey};
use policy::resource::role::{Role, RoleBinding, Subject};
use policy::resource::{Resource, Spec};

use super::error::ApiError;
use super::{ApiState, Caller};

/// Refuses resources that would give rights beyond the caller's own.
pub(super) fn check(caller: &Caller, state: &ApiState, puts: &[Resource]) -> Result<(), ApiError> {
    if caller.is_admin() {
        return Ok(());
    }
    let set = state.control.resources().borrow().clone();
    // As it would be afterwards: a role and its binding may come together.
    let after: BTreeMap<ResourceKey, &Resource> = set
        .resources
        .iter()
        .map(|(key, resource)| (key.clone(), resource))
        .chain(puts.iter().map(|put| (put.key(), put)))
        .collect();
    for put in puts {
        let namespace = &put.metadata.namespace;
        let held = match &put.spec {
            Spec::Role(role) => holds(caller, state, role),
            Spec::RoleBinding(binding) => holds_bound(caller, state, &after, namespace, binding),
            Spec::Secret(_) => {
                let token = Subject::Token(put.metadata.name.clone());
                after.values().all(|other| match &other.spec {
                    Spec::RoleBinding(binding)
                        if other.metadata.namespace == *namespace && binding.subjects.contains(&token) =>
                    {
                        holds_bound(caller, state, &after, namespace, binding)
                    }
                    Spec::RoleBinding(_)
                    | Spec::Role(_)
                    | Spec::Secret(_)
                    | Spec::Application(_)
                    | Spec::SecureIngress(_)
                    | Spec::Issuer(_)
                    | Spec::Certificate(_)
                    | Spec::Zone(_) => true,
                })
            }
            Spec::Application(_)
            | Spec::SecureIngress(_)
            | Spec::Issuer(_)
            | Spec::Certificate(_)
            | Spec::Zone(_) => true,
        };
        if !held {
            return Err(ApiError::Escalation { who: caller.name(), key: put.key() });
        }
    }
    Ok(())
}

fn holds_bound(
    caller: &Caller,
    state: &ApiState,
    after: &BTreeMap<ResourceKey, &Resource>,
    namespace: &Name,
    binding: &RoleBinding,
) -> bool {
    let key = ResourceKey { kind: Kind::Role, namespace: namespace.clone(), name: binding.role.clone() };
    match after.get(&key).map(|role| &role.spec) {
        Some(Spec::Role(role)) => holds(caller, state, role),
        // A binding without its role gives nothing, and does not compile.
        Some(_) | None => true,
    }
}

fn holds(caller: &Caller, state: &ApiState, role: &Role) -> bool {
    role.rules.iter().all(|rule| {
        let kinds = if rule.kinds.is_empty() { &Kind::ALL[..] } else { &rule.kinds };
        let places: Vec<Option<&Name>> =
            if rule.namespaces.is_empty() { vec![None] } else { rule.namespaces.iter().map(Some).collect() };
        rule.verbs.iter().all(|verb| {
            kinds.iter().all(|kind| {
                places.iter().all(|namespace| caller.check(state, *verb, *kind, *namespace).is_ok())
            })
        })
    })
}

//! Who calls, and what they may do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use policy::authorization::{Action, may};
use policy::id::{Kind, Name, ResourceKey};
use policy::resource::role::{Subject, Verb};
use policy::resource::{Resource, Spec};

use super::ApiState;
use super::error::ApiError;

/// The other end of a Unix socket, by the kernel's word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Its user, if the kernel tells.
    pub(super) uid: Option<u32>,
}

/// Somebody who calls and whom a role binding names, or who may do everything. Taken from a request before its
/// body is read, so that strangers cannot make us hold bodies.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// A process of this machine.
    Local {
        /// Its user.
        uid: u32,
        /// That user's name.
        user: Option<String>,
    },
    /// The bearer of a token, over TLS.
    Token {
        /// The secrets that hold this token.
        secrets: BTreeSet<ResourceKey>,
    },
}

/// Shorter tokens are never believed: they can be guessed.
const TOKEN_BYTES_MIN: usize = 16;

impl FromRequestParts<Arc<ApiState>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<ApiState>) -> Result<Self, ApiError> {
        let set = state.control.resources().borrow().clone();
        let caller = match parts.extensions.get::<ConnectInfo<Peer>>() {
            Some(ConnectInfo(peer)) => {
                let uid = peer.uid.ok_or(ApiError::Unauthenticated)?;
                Self::Local { uid, user: user_name(uid) }
            }
            None => {
                let token = bearer(&parts.headers).ok_or(ApiError::Unauthenticated)?;
                Self::Token { secrets: holding(&set.resources, token) }
            }
        };
        let named = set.resources.values().any(|resource| match &resource.spec {
            Spec::RoleBinding(binding) => {
                binding.subjects.iter().any(|subject| caller.is(subject, &resource.metadata.namespace))
            }
            Spec::Application(_)
            | Spec::SecureIngress(_)
            | Spec::Issuer(_)
            | Spec::Certificate(_)
            | Spec::Zone(_)
            | Spec::Secret(_)
            | Spec::Role(_) => false,
        });
        match &caller {
            _ if named || caller.is_admin() => Ok(caller),
            Self::Local { .. } => Err(ApiError::NoRole { who: caller.name() }),
            Self::Token { .. } => Err(ApiError::Unauthenticated),
        }
    }
}

/// The one bearer token (RFC 6750 §2.1); with two there is none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    let token = values.next()?.to_str().ok()?.strip_prefix("Bearer ")?.trim();
    (values.next().is_none() && token.len() >= TOKEN_BYTES_MIN).then_some(token)
}

/// The secrets whose `token` this is. Compares with all of them, each in constant time.
fn holding(resources: &BTreeMap<ResourceKey, Resource>, token: &str) -> BTreeSet<ResourceKey> {
    let same = aws_lc_rs::constant_time::verify_slices_are_equal;
    let holds = |resource: &Resource| match &resource.spec {
        Spec::Secret(secret) => secret.string_data.get("token").is_some_and(|own| {
            // A block in YAML ends with a line break that nobody means.
            same(own.reveal().trim().as_bytes(), token.as_bytes()).is_ok()
        }),
        Spec::Application(_)
        | Spec::SecureIngress(_)
        | Spec::Issuer(_)
        | Spec::Certificate(_)
        | Spec::Zone(_)
        | Spec::Role(_)
        | Spec::RoleBinding(_) => false,
    };
    resources.iter().filter(|(_, resource)| holds(resource)).map(|(key, _)| key.clone()).collect()
}

impl Caller {
    /// Refuses what no role allows. Root and the gateway's own user may do everything: they can read its memory.
    pub(super) fn check(
        &self,
        state: &ApiState,
        verb: Verb,
        kind: Kind,
        namespace: Option<&Name>,
    ) -> Result<(), ApiError> {
        if self.is_admin() {
            return Ok(());
        }
        let set = state.control.resources().borrow().clone();
        let is_subject = |subject: &Subject, namespace: &Name| self.is(subject, namespace);
        if may(&set.resources, is_subject, Action { verb, kind, namespace }) {
            return Ok(());
        }
        Err(ApiError::Forbidden { who: self.name(), verb, kind })
    }

    /// Whether a binding of `namespace` means this caller.
    fn is(&self, subject: &Subject, namespace: &Name) -> bool {
        match (subject, self) {
            (Subject::User(name), Self::Local { user, .. }) => user.as_deref() == Some(name.as_str()),
            (Subject::Token(name), Self::Token { secrets }) => {
                let (namespace, name) = (namespace.clone(), name.clone());
                secrets.contains(&ResourceKey { kind: Kind::Secret, namespace, name })
            }
            (Subject::User(_), Self::Token { .. }) | (Subject::Token(_), Self::Local { .. }) => false,
        }
    }

    /// Whether the caller is known by this resource: a token is a secret.
    pub(super) fn rests_on(&self, key: &ResourceKey) -> bool {
        matches!(self, Self::Token { secrets } if secrets.contains(key))
    }

    pub(super) fn is_admin(&self) -> bool {
        let own = rustix::process::geteuid().as_raw();
        matches!(self, Self::Local { uid, .. } if *uid == 0 || *uid == own)
    }

    /// For logs and messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Local { user: Some(user), .. } => user.clone(),
            Self::Local { uid, user: None } => format!("uid {uid}"),
            Self::Token { secrets } => secrets.first().map_or_else(
                || "an unknown token".into(),
                |key| format!("token {}/{}", key.namespace, key.name),
            ),
        }
    }
}

/// From `/etc/passwd`, which is where an appliance keeps its users.
fn user_name(uid: u32) -> Option<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let uid = uid.to_string();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

//! Who calls, and what they may do.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use http::request::Parts;
use policy::authorization::{Action, may};
use policy::id::{Kind, Name, ResourceKey};
use policy::resource::Spec;
use policy::resource::role::{Subject, Verb};
use tokio::net::UnixListener;

use super::ApiState;
use super::error::ApiError;

/// Somebody who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A process of this machine, by the kernel's word.
    Local {
        /// Its user.
        uid: u32,
    },
    /// The bearer of a token, over TLS. The token is not kept in anything that is shown.
    Bearer(Token),
    /// Nobody that we know.
    Unknown,
}

/// A token as it came.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        match stream.io().peer_cred() {
            Ok(peer) => Self::Local { uid: peer.uid() },
            Err(_unknown) => Self::Unknown,
        }
    }
}

impl FromRequestParts<Arc<ApiState>> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<ApiState>) -> Result<Self, Infallible> {
        if let Some(info) = parts.extensions.get::<axum::extract::ConnectInfo<Self>>() {
            return Ok(info.0.clone());
        }
        let mut values = parts.headers.get_all(http::header::AUTHORIZATION).iter();
        let token = values.next().and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        Ok(match (token, values.next()) {
            (Some(token), None) => Self::Bearer(Token(token.to_owned())),
            _ => Self::Unknown,
        })
    }
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
        let user = match self {
            Self::Local { uid } => user_name(*uid),
            Self::Bearer(_) | Self::Unknown => None,
        };
        let is_subject = |subject: &Subject, namespace: &Name| match (subject, self) {
            (Subject::User(name), Self::Local { .. }) => user.as_deref() == Some(name.as_str()),
            (Subject::Token(name), Self::Bearer(token)) => {
                let key =
                    ResourceKey { kind: Kind::Secret, namespace: namespace.clone(), name: name.clone() };
                match set.resources.get(&key).map(|resource| &resource.spec) {
                    Some(Spec::Secret(secret)) => secret.string_data.get("token").is_some_and(|own| {
                        let same = aws_lc_rs::constant_time::verify_slices_are_equal;
                        same(own.reveal().as_bytes(), token.0.as_bytes()).is_ok()
                    }),
                    Some(_) | None => false,
                }
            }
            (Subject::User(_) | Subject::Token(_), _) => false,
        };
        if may(&set.resources, is_subject, Action { verb, kind, namespace }) {
            return Ok(());
        }
        Err(match self {
            Self::Unknown => ApiError::Unauthenticated,
            Self::Local { .. } | Self::Bearer(_) => ApiError::Forbidden { who: self.name(), verb, kind },
        })
    }

    pub(super) fn is_admin(&self) -> bool {
        let own = rustix::process::geteuid().as_raw();
        matches!(self, Self::Local { uid } if *uid == 0 || *uid == own)
    }

    /// For logs and messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Local { uid } => user_name(*uid).unwrap_or_else(|| format!("uid {uid}")),
            Self::Bearer(_) => "bearer of a token".into(),
            Self::Unknown => "unknown caller".into(),
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

//! Refusals of the API, as Kubernetes' `Status` with every cause.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use policy::document::Fault;
use policy::id::{Kind, ResourceKey};
use policy::resource::role::Verb;
use serde_json::{Value, json};

use crate::control_plane::{ApplyError, ImportError};
use crate::core::history::Gone;
use crate::store::CommitError;
use crate::store::archive::ArchiveError;

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("who calls is not known: use the Unix socket, or a token")]
    Unauthenticated,
    #[error("no RoleBinding names {who}")]
    NoRole { who: String },
    #[error("{who} may not give rights by {key} that {who} does not have")]
    Escalation { who: String, key: ResourceKey },
    #[error("a page of another site may not call the API")]
    CrossSite,
    #[error("the API is not known by this host name; use the gateway's name, localhost or an address")]
    Host,
    #[error("this call is not made with this method")]
    Method,
    #[error("{who} may not {verb:?} {kind}; a Role and a RoleBinding would allow it")]
    Forbidden { who: String, verb: Verb, kind: Kind },
    #[error("only root and the gateway's own user may do this")]
    AdminOnly,
    #[error("there is no {0}")]
    NotFound(String),
    #[error("{} faults", .0.len())]
    Faults(Vec<Fault>),
    #[error("{0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Gone(#[from] Gone),
    #[error("too many watch already; try again later")]
    Watchers,
}

impl ApiError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. }
            | Self::NoRole { .. }
            | Self::Escalation { .. }
            | Self::CrossSite
            | Self::AdminOnly => StatusCode::FORBIDDEN,
            // RFC 9110 §15.5.20: the request was meant for somebody else.
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound(_) | Self::Apply(ApplyError::NotFound(_)) => StatusCode::NOT_FOUND,
            Self::Faults(_) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Archive(error) | Self::Import(ImportError::Archive(error)) => archive_status(error),
            Self::Gone(_) => StatusCode::GONE,
            Self::Apply(
                ApplyError::Rejected(_) | ApplyError::NothingToKeep { .. } | ApplyError::Twice(_),
            )
            | Self::Import(
                ImportError::Resource(_)
                | ImportError::Misplaced { .. }
                | ImportError::Unknown { .. }
                | ImportError::Unreadable { .. }
                | ImportError::Rejected(_),
            ) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Apply(
                ApplyError::Conflict { .. }
                | ApplyError::Owned { .. }
                | ApplyError::Store(CommitError::Conflict { .. }),
            )
            | Self::Import(ImportError::Store(CommitError::Conflict { .. })) => StatusCode::CONFLICT,
            Self::Apply(
                ApplyError::Stale(_)
                | ApplyError::Store(
                    CommitError::Write(_) | CommitError::Unconfirmed(_) | CommitError::Full { .. },
                ),
            )
            | Self::Import(
                ImportError::Load(_)
                | ImportError::Store(
                    CommitError::Write(_) | CommitError::Unconfirmed(_) | CommitError::Full { .. },
                ),
            ) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Watchers => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn causes(&self) -> Value {
        match self {
            Self::Faults(faults) => json!(faults),
            Self::Apply(ApplyError::Rejected(rejected)) | Self::Import(ImportError::Rejected(rejected)) => {
                json!(rejected)
            }
            Self::Unauthenticated
            | Self::NoRole { .. }
            | Self::Escalation { .. }
            | Self::CrossSite
            | Self::Host
            | Self::Method
            | Self::Forbidden { .. }
            | Self::AdminOnly
            | Self::NotFound(_)
            | Self::Malformed(_)
            | Self::Apply(_)
            | Self::Archive(_)
            | Self::Import(_)
            | Self::Gone(_)
            | Self::Watchers => json!([]),
        }
    }
}

const fn archive_status(error: &ArchiveError) -> StatusCode {
    match error {
        ArchiveError::Malformed { .. }
        | ArchiveError::Passphrase { .. }
        | ArchiveError::Seal { .. }
        | ArchiveError::Newer(_)
        | ArchiveError::Older(_)
        | ArchiveError::Twice { .. } => StatusCode::BAD_REQUEST,
        ArchiveError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl ApiError {
    /// As Kubernetes says it.
    pub(super) fn json(&self) -> Value {
        json!({
            "kind": "Status",
            "status": "Failure",
            "code": self.status().as_u16(),
            "message": crate::chain(self),
            "details": {"causes": self.causes()},
        })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status(), Json(self.json())).into_response()
    }
}

//! Keeps pages of other sites out. A browser is made to call the API by a page of another site, or by a name that
//! its owner points at us (DNS rebinding); neither names us as we are named.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::uri::Authority;
use http::{HeaderMap, header};

use super::error::ApiError;
use super::{ApiState, Peer};

/// Refuses calls under a foreign name and calls of foreign pages. No browser speaks to a Unix socket.
pub(super) async fn check(State(state): State<Arc<ApiState>>, request: Request, next: Next) -> Response {
    let local = request.extensions().get::<ConnectInfo<Peer>>().is_some();
    match if local { Ok(()) } else { judge(&request, &state.name.0) } {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn judge(request: &Request, name: &str) -> Result<(), ApiError> {
    let host = match request.uri().authority() {
        Some(authority) => Some(authority.clone()),
        None => text(request.headers(), header::HOST.as_str()).and_then(|host| host.parse().ok()),
    };
    let host: Authority = host.ok_or(ApiError::Host)?;
    if !is_ours(host.host(), name) {
        return Err(ApiError::Host);
    }
    if request.headers().contains_key(header::ORIGIN) {
        let origin = text(request.headers(), header::ORIGIN.as_str());
        if origin.and_then(|origin| origin.strip_prefix("https://")) != Some(host.as_str()) {
            return Err(ApiError::CrossSite);
        }
    }
    match text(request.headers(), "sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(ApiError::CrossSite),
    }
}

/// An address cannot be rebound, and nobody else may have our name.
fn is_ours(host: &str, name: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_address = bare.parse::<Ipv4Addr>().is_ok() || bare.parse::<Ipv6Addr>().is_ok();
    is_address || host.eq_ignore_ascii_case("localhost") || host.eq_ignore_ascii_case(name)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

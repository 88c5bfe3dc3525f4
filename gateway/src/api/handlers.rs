//! What each call does.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use policy::id::{Kind, Name, ResourceKey};
use policy::resource::Resource;
use policy::resource::role::Verb;
use policy::vet::Release;
use prometheus::{Encoder as _, TextEncoder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::shown::shown;
use super::watch::{self, ListQuery};
use super::{ApiState, Caller, escalation};
use crate::control_plane::{Applied, ApplyOptions};

type Api = State<Arc<ApiState>>;
type Answer = Result<Json<Value>, ApiError>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ChangeQuery {
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ApplyQuery {
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    file: Option<String>,
}

pub(super) async fn apply(
    State(state): Api,
    caller: Caller,
    Query(query): Query<ApplyQuery>,
    text: String,
) -> Answer {
    let file = query.file.as_deref().unwrap_or("body");
    let parsed = policy::document::parse(file, &text).map_err(ApiError::Faults)?;
    let resources = parsed.into_iter().map(|parsed| parsed.resource).collect();
    write(&state, &caller, resources, query.dry_run).await
}

pub(super) async fn put(
    State(state): Api,
    caller: Caller,
    Path((namespace, plural, name)): Path<(String, String, String)>,
    Query(query): Query<ChangeQuery>,
    Json(body): Json<Value>,
) -> Answer {
    let resource = policy::document::from_json(&body).map_err(ApiError::Faults)?;
    if resource.key() != key(&namespace, &plural, &name)? {
        return Err(ApiError::Malformed("the address names another resource than the body"));
    }
    write(&state, &caller, vec![resource], query.dry_run).await
}

async fn write(state: &ApiState, caller: &Caller, resources: Vec<Resource>, dry_run: bool) -> Answer {
    let allowed = resources.iter().try_for_each(|resource| {
        caller.check(state, Verb::Write, resource.spec.kind(), Some(&resource.metadata.namespace))
    });
    let allowed = allowed.and_then(|()| escalation::check(caller, state, &resources));
    audit_refusal(caller, "apply", allowed)?;
    let applied = state.control.apply(resources, ApplyOptions { dry_run, owner: None }).await;
    audit(caller, "apply", dry_run, &applied);
    Ok(Json(outcome(&applied?)))
}

pub(super) async fn delete(
    State(state): Api,
    caller: Caller,
    Path((namespace, plural, name)): Path<(String, String, String)>,
    Query(query): Query<ChangeQuery>,
) -> Answer {
    let key = key(&namespace, &plural, &name)?;
    remove(&state, &caller, vec![key], query.dry_run).await
}

pub(super) async fn delete_many(
    State(state): Api,
    caller: Caller,
    Query(query): Query<ChangeQuery>,
    Json(keys): Json<Vec<ResourceKey>>,
) -> Answer {
    remove(&state, &caller, keys, query.dry_run).await
}

async fn remove(state: &ApiState, caller: &Caller, keys: Vec<ResourceKey>, dry_run: bool) -> Answer {
    let allowed =
        keys.iter().try_for_each(|key| caller.check(state, Verb::Delete, key.kind, Some(&key.namespace)));
    audit_refusal(caller, "delete", allowed)?;
    let applied = state.control.delete(keys, ApplyOptions { dry_run, owner: None }).await;
    audit(caller, "delete", dry_run, &applied);
    Ok(Json(outcome(&applied?)))
}

fn outcome(applied: &Applied) -> Value {
    let objects: Vec<Value> =
        applied.objects.iter().map(|(key, outcome)| json!({"key": key, "outcome": outcome})).collect();
    json!({"revision": applied.revision, "objects": objects})
}

fn audit<E: std::error::Error>(caller: &Caller, verb: &str, dry_run: bool, result: &Result<Applied, E>) {
    let who = caller.name();
    match result {
        Ok(applied) => {
            let objects: Vec<String> = applied.objects.iter().map(|(key, _)| key.to_string()).collect();
            tracing::info!(target: "audit", who, verb, dry_run, ?objects, revision = applied.revision, "change");
        }
        Err(error) => tracing::info!(target: "audit", who, verb, dry_run, %error, "change refused"),
    }
}

/// What was refused for want of rights is worth knowing too.
fn audit_refusal(caller: &Caller, verb: &str, allowed: Result<(), ApiError>) -> Result<(), ApiError> {
    if let Err(error) = &allowed {
        tracing::info!(target: "audit", who = caller.name(), verb, %error, "change refused");
    }
    allowed
}

pub(super) async fn list_all(
    State(state): Api,
    caller: Caller,
    Path(plural): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    list_or_watch(state, caller, kind(&plural)?, None, &query)
}

pub(super) async fn list(
    State(state): Api,
    caller: Caller,
    Path((namespace, plural)): Path<(String, String)>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    list_or_watch(state, caller, kind(&plural)?, Some(name(&namespace)?), &query)
}

fn list_or_watch(
    state: Arc<ApiState>,
    caller: Caller,
    kind: Kind,
    namespace: Option<Name>,
    query: &ListQuery,
) -> Result<Response, ApiError> {
    caller.check(&state, Verb::Read, kind, namespace.as_ref())?;
    if query.watch {
        return watch::watch(state, caller, kind, namespace, query);
    }
    Ok(Json(items(&state, kind, namespace.as_ref())).into_response())
}

fn items(state: &ApiState, kind: Kind, namespace: Option<&Name>) -> Value {
    let set = state.control.resources().borrow().clone();
    let wanted = set
        .resources
        .iter()
        .filter(|(key, _)| key.kind == kind && namespace.is_none_or(|namespace| key.namespace == *namespace));
    let items: Vec<Value> = wanted.map(|(_, resource)| shown(resource, &state.status)).collect();
    json!({
        "apiVersion": policy::resource::API_VERSION,
        "kind": format!("{kind}List"),
        "metadata": {"resourceVersion": set.revision.to_string()},
        "items": items,
    })
}

pub(super) async fn read(
    State(state): Api,
    caller: Caller,
    Path((namespace, plural, name)): Path<(String, String, String)>,
) -> Answer {
    let key = key(&namespace, &plural, &name)?;
    caller.check(&state, Verb::Read, key.kind, Some(&key.namespace))?;
    let set = state.control.resources().borrow().clone();
    let resource = set.resources.get(&key).ok_or_else(|| ApiError::NotFound(key.to_string()))?;
    Ok(Json(shown(resource, &state.status)))
}

pub(super) async fn status(State(state): Api, caller: Caller) -> Answer {
    caller.check(&state, Verb::Read, Kind::SecureIngress, None)?;
    let set = state.control.resources().borrow().clone();
    let enforced = *state.status.enforced().borrow();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for key in set.resources.keys() {
        *counts.entry(key.kind.as_str()).or_default() += 1;
    }
    Ok(Json(json!({
        "name": state.name.0,
        "site": state.name.1,
        "version": Release::own().to_string(),
        "listeners": state.listeners.get(),
        "revision": set.revision,
        "enforced": enforced,
        "resources": counts,
    })))
}

pub(super) async fn vet(State(state): Api, caller: Caller) -> Answer {
    caller.check(&state, Verb::Read, Kind::SecureIngress, None)?;
    let set = state.control.resources().borrow().clone();
    let mut findings = policy::vet::vet(&set.resources);
    findings.extend(policy::vet::vet_writers(&set.writers, Release::own()));
    Ok(Json(json!({"findings": findings})))
}

/// The passphrase travels in a field of its own, so that it is in no address and no log.
pub(super) const PASSPHRASE: &str = "causeway-passphrase";
/// Shorter ones are guessed.
pub(super) const PASSPHRASE_BYTES_MIN: usize = 8;

fn passphrase(headers: &HeaderMap) -> Result<&str, ApiError> {
    let passphrase = headers.get(PASSPHRASE).and_then(|value| value.to_str().ok());
    passphrase
        .filter(|text| text.len() >= PASSPHRASE_BYTES_MIN)
        .ok_or(ApiError::Malformed("a passphrase of 8 characters is needed"))
}

pub(super) async fn export(
    State(state): Api,
    caller: Caller,
    headers: HeaderMap,
) -> Result<String, ApiError> {
    if !caller.is_admin() {
        return Err(ApiError::AdminOnly);
    }
    let mut salt = [0; 16];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_unspecified| ApiError::Malformed("no random bytes"))?;
    tracing::info!(target: "audit", who = caller.name(), "export");
    Ok(crate::store::archive::export(&**state.control.store(), passphrase(&headers)?, salt).await?)
}

pub(super) async fn import(State(state): Api, caller: Caller, headers: HeaderMap, text: String) -> Answer {
    if !caller.is_admin() {
        return Err(ApiError::AdminOnly);
    }
    tracing::info!(target: "audit", who = caller.name(), "import");
    let revision = state.control.import(passphrase(&headers)?, &text).await?;
    Ok(Json(json!({"revision": revision})))
}

pub(super) async fn renew(State(state): Api, caller: Caller) -> Answer {
    if !caller.is_admin() {
        return Err(ApiError::AdminOnly);
    }
    tracing::info!(target: "audit", who = caller.name(), "renew all certificates");
    state.certificates.renew_all();
    Ok(Json(json!({})))
}

pub(super) async fn ready(State(state): Api) -> (StatusCode, &'static str) {
    match state.listeners.get() {
        Some(_) => (StatusCode::OK, "ok\n"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
    }
}

pub(super) async fn metrics(State(state): Api) -> Result<Vec<u8>, StatusCode> {
    let mut text = Vec::new();
    let encoded = TextEncoder::new().encode(&(state.metrics)(), &mut text);
    encoded.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(text)
}

fn kind(plural: &str) -> Result<Kind, ApiError> {
    Kind::find(plural).ok_or_else(|| ApiError::NotFound(format!("kind {plural:?}")))
}

fn name(text: &str) -> Result<Name, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound(format!("{text:?}")))
}

fn key(namespace: &str, plural: &str, resource: &str) -> Result<ResourceKey, ApiError> {
    Ok(ResourceKey { kind: kind(plural)?, namespace: name(namespace)?, name: name(resource)? })
}

//! The API's description (OpenAPI 3.1), made from the kinds and their schemas. A test holds it against the router.

use axum::Json;
use policy::id::Kind;
use serde_json::{Map, Value, json};

use super::BASE;
use super::handlers::{PASSPHRASE, PASSPHRASE_BYTES_MIN};

/// The document.
pub(super) async fn document() -> Json<Value> {
    Json(describe())
}

fn describe() -> Value {
    let mut paths = Map::new();
    let mut schemas = schemas();
    for kind in Kind::ALL {
        schemas.insert(kind.as_str().into(), policy::document::schema(kind));
        schemas.insert(format!("{kind}List"), list(kind));
        paths.extend(of_kind(kind));
    }
    for (name, method, mut call) in calls().into_iter().chain(local_calls()) {
        call["operationId"] = json!(name);
        paths.insert(format!("{BASE}/{name}"), json!({method: call}));
    }
    for (path, id, text, media) in [
        ("/openapi.json", "openapi", "This document.", "application/json"),
        ("/livez", "live", "Whether the process answers.", "text/plain"),
        ("/readyz", "ready", "Whether everything listens; 503 before.", "text/plain"),
        ("/metrics", "metrics", "What is counted, for Prometheus.", "text/plain"),
    ] {
        let ok = json!({"200": {"description": text, "content": {media: {}}}});
        paths.insert(path.into(), json!({"get": {"operationId": id, "security": [], "responses": ok}}));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Causeway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "On a Unix socket, where the kernel says who calls, or over TLS with a token.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "The `token` of a Secret that a RoleBinding names. On the Unix socket none is needed.",
            }},
        },
    })
}

/// What is asked of one kind.
fn of_kind(kind: Kind) -> [(String, Value); 3] {
    let plural = kind.plural();
    let (one, many) = (schema(kind.as_str()), schema(&format!("{kind}List")));
    let place =
        |name: &str| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
    let everywhere = json!({"get": {
        "operationId": format!("list{kind}Everywhere"),
        "parameters": list_queries(),
        "responses": answers("Every one.", &many),
    }});
    let namespaced = json!({
        "parameters": [place("namespace")],
        "get": {
            "operationId": format!("list{kind}"),
            "parameters": list_queries(),
            "responses": answers("Those of a namespace.", &many),
        },
    });
    let single = json!({
        "parameters": [place("namespace"), place("name")],
        "get": {"operationId": format!("read{kind}"), "responses": answers("The resource.", &one)},
        "put": {
            "operationId": format!("put{kind}"),
            "parameters": [dry_run()],
            "requestBody": {"required": true, "content": {"application/json": {"schema": one}}},
            "responses": answers("What happened.", &schema("Applied")),
        },
        "delete": {
            "operationId": format!("delete{kind}"),
            "parameters": [dry_run()],
            "responses": answers("What happened.", &schema("Applied")),
        },
    });
    [
        (format!("{BASE}/{plural}"), everywhere),
        (format!("{BASE}/namespaces/{{namespace}}/{plural}"), namespaced),
        (format!("{BASE}/namespaces/{{namespace}}/{plural}/{{name}}"), single),
    ]
}

/// A call that is of no kind: name, method, description.
type Call = (&'static str, &'static str, Value);

/// What callers with a role may ask for.
fn calls() -> [Call; 4] {
    let text = json!({"schema": {"type": "string"}});
    let file = json!({
        "name": "file", "in": "query", "schema": {"type": "string"},
        "description": "What faults call the text.",
    });
    let apply = json!({
        "summary": "Creates or changes the resources of a text: all or none.",
        "parameters": [dry_run(), file],
        "requestBody": {"required": true, "content": {"application/yaml": text, "application/json": text}},
        "responses": answers("What happened.", &schema("Applied")),
    });
    let keys = json!({"type": "array", "items": schema("Key")});
    let delete = json!({
        "summary": "Deletes the resources of a list of keys: all or none.",
        "parameters": [dry_run()],
        "requestBody": {"required": true, "content": {"application/json": {"schema": keys}}},
        "responses": answers("What happened.", &schema("Applied")),
    });
    let object = json!({"type": "object"});
    let status = json!({
        "summary": "What is bound, stored and in force.",
        "responses": answers("So it is.", &object),
    });
    let vet = json!({"summary": "What the analyzer finds.", "responses": answers("The findings.", &object)});
    [("apply", "post", apply), ("delete", "post", delete), ("status", "get", status), ("vet", "get", vet)]
}

/// What only root and the gateway's own user may ask for.
fn local_calls() -> [Call; 3] {
    const LOCAL: &str = "Only for root and the gateway's own user, on the Unix socket.";
    let text = json!({"schema": {"type": "string"}});
    let passphrase = json!({
        "name": PASSPHRASE, "in": "header", "required": true,
        "schema": {"type": "string", "minLength": PASSPHRASE_BYTES_MIN},
    });
    let mut exported = answers("Everything, sealed under the passphrase.", &json!({}));
    exported["200"]["content"] = json!({"text/plain": text});
    let export = json!({
        "summary": "Everything in one text, sealed under a passphrase.",
        "description": LOCAL,
        "parameters": [passphrase],
        "responses": exported,
    });
    let revision =
        json!({"type": "object", "required": ["revision"], "properties": {"revision": {"type": "integer"}}});
    let import = json!({
        "summary": "Takes an export: all of it or nothing.",
        "description": LOCAL,
        "parameters": [passphrase],
        "requestBody": {"required": true, "content": {"text/plain": text}},
        "responses": answers("The revision that it made.", &revision),
    });
    let renew = json!({
        "summary": "Orders every certificate anew.",
        "description": LOCAL,
        "responses": answers("They will be.", &json!({"type": "object"})),
    });
    [("export", "post", export), ("import", "post", import), ("renew", "post", renew)]
}

fn dry_run() -> Value {
    json!({
        "name": "dryRun", "in": "query", "schema": {"type": "boolean"},
        "description": "Judge and answer, and store nothing.",
    })
}

fn list_queries() -> Value {
    json!([
        {"name": "watch", "in": "query", "schema": {"type": "boolean"}, "description": "Go on with what changes: one JSON object a line, with `type` ADDED, MODIFIED, DELETED or ERROR, and `object`."},
        {"name": "resourceVersion", "in": "query", "schema": {"type": "integer"}, "description": "Begin after this change; 410 when it is too long ago. Without it, begin with all that is there."},
        {"name": "timeoutSeconds", "in": "query", "schema": {"type": "integer"}, "description": "End the watch after so long; at most an hour."},
    ])
}

fn answers(text: &str, schema: &Value) -> Value {
    json!({
        "200": {"description": text, "content": {"application/json": {"schema": schema}}},
        "default": {
            "description": "Refused; every cause is listed. What is no request of this form is answered with a line of text.",
            "content": {
                "application/json": {"schema": self::schema("Status")},
                "text/plain": {"schema": {"type": "string"}},
            },
        },
    })
}

fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn list(kind: Kind) -> Value {
    json!({
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "items"],
        "properties": {
            "apiVersion": {"const": policy::resource::API_VERSION},
            "kind": {"const": format!("{kind}List")},
            "metadata": {"type": "object", "properties": {"resourceVersion": {"type": "string"}}},
            "items": {"type": "array", "items": schema(kind.as_str())},
        },
    })
}

/// What is spoken of beside resources.
fn schemas() -> Map<String, Value> {
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    let text = json!({"type": "string"});
    let key = json!({
        "type": "object",
        "required": ["kind", "namespace", "name"],
        "properties": {"kind": {"enum": kinds}, "namespace": text, "name": text},
    });
    let object = json!({
        "type": "object",
        "required": ["key", "outcome"],
        "properties": {"key": schema("Key"), "outcome": {"enum": ["created", "updated", "unchanged", "deleted"]}},
    });
    let applied = json!({
        "type": "object",
        "required": ["revision", "objects"],
        "properties": {"revision": {"type": "integer"}, "objects": {"type": "array", "items": object}},
    });
    let causes = json!({"type": "array", "items": {"type": "object", "properties": {
        "field": text, "fix": {"type": ["string", "null"]},
    }}});
    let status = json!({
        "type": "object",
        "required": ["kind", "status", "code", "message", "details"],
        "properties": {
            "kind": {"const": "Status"},
            "status": {"const": "Failure"},
            "code": {"type": "integer", "description": "The HTTP status."},
            "message": text,
            "details": {"type": "object", "required": ["causes"], "properties": {"causes": causes}},
        },
    });
    [("Key", key), ("Applied", applied), ("Status", status)]
        .map(|(name, is)| (name.into(), is))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests;

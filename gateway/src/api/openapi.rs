//! The API's description (OpenAPI 3.1), made from the kinds and their schemas.

use axum::Json;
use policy::id::Kind;
use serde_json::{Map, Value, json};

/// The document.
pub(super) async fn document() -> Json<Value> {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    let error =
        json!({"description": "Refused; every cause is listed.", "content": {"application/json": {}}});
    let answer = |text: &str| json!({"200": {"description": text, "content": {"application/json": {}}}, "default": error});
    let parameter = |name: &str, place: &str| json!({"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}});
    let dry_run = json!({"name": "dryRun", "in": "query", "schema": {"type": "boolean"}});
    let watch = json!([
        {"name": "watch", "in": "query", "schema": {"type": "boolean"}, "description": "Go on with what changes: one JSON object a line, with `type` ADDED, MODIFIED, DELETED or ERROR, and `object`."},
        {"name": "resourceVersion", "in": "query", "schema": {"type": "integer"}, "description": "Begin after this change; 410 when it is too long ago. Without it, begin with all that is there."},
        {"name": "timeoutSeconds", "in": "query", "schema": {"type": "integer"}, "description": "End the watch after so long; at most an hour."},
    ]);
    for kind in Kind::ALL {
        let plural = kind.plural();
        schemas.insert(kind.as_str().into(), policy::document::schema(kind));
        let body = json!({"content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{kind}")}}}});
        paths.insert(
            format!("/apis/causeway.dev/v1/{plural}"),
            json!({"get": {"operationId": format!("list{kind}Everywhere"), "parameters": watch, "responses": answer("Every one.")}}),
        );
        paths.insert(
            format!("/apis/causeway.dev/v1/namespaces/{{namespace}}/{plural}"),
            json!({
                "parameters": [parameter("namespace", "path")],
                "get": {"operationId": format!("list{kind}"), "parameters": watch, "responses": answer("Those of a namespace.")},
            }),
        );
        paths.insert(
            format!("/apis/causeway.dev/v1/namespaces/{{namespace}}/{plural}/{{name}}"),
            json!({
                "parameters": [parameter("namespace", "path"), parameter("name", "path")],
                "get": {"operationId": format!("read{kind}"), "responses": answer("The resource.")},
                "put": {"operationId": format!("put{kind}"), "parameters": [dry_run], "requestBody": body, "responses": answer("What happened.")},
                "delete": {"operationId": format!("delete{kind}"), "parameters": [dry_run], "responses": answer("What happened.")},
            }),
        );
    }
    let calls = [
        ("apply", "post", "Creates or changes the resources of a YAML or JSON text: all or none."),
        ("delete", "post", "Deletes the resources of a list of keys: all or none."),
        ("status", "get", "What is bound, stored and in force."),
        ("vet", "get", "What the analyzer finds."),
        ("export", "post", "Everything, sealed under a passphrase."),
        ("import", "post", "Takes an export."),
        ("renew", "post", "Orders every certificate anew."),
    ];
    for (name, method, text) in calls {
        let call = json!({"operationId": name, "summary": text, "responses": answer(text)});
        paths.insert(format!("/apis/causeway.dev/v1/{name}"), json!({method: call}));
    }
    Json(json!({
        "openapi": "3.1.0",
        "info": {"title": "Causeway", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
        "components": {"schemas": schemas},
    }))
}

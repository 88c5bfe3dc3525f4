//! Kubernetes CustomResourceDefinitions, from the same types.
//!
//! A structural schema is a smaller language than JSON Schema: no references, one type a node, choices without
//! types of their own (Kubernetes, "Specifying a structural schema"). What it cannot say, the gateway still
//! refuses when it reads the resource.

use serde_json::{Map, Value as Json, json};

use super::schema::inlined_spec;
use crate::id::Kind;

/// The CustomResourceDefinition (`apiextensions.k8s.io/v1`) of one kind.
#[must_use]
pub fn crd(kind: Kind) -> Json {
    let plural = kind.plural();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.causeway.dev")},
        "spec": {
            "group": "causeway.dev",
            "scope": "Namespaced",
            "names": {
                "kind": kind.as_str(),
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": kind.as_str().to_ascii_lowercase(),
                "categories": ["causeway"],
            },
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns(kind),
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "required": ["spec"],
                    "properties": {
                        "apiVersion": {"type": "string"},
                        "kind": {"type": "string"},
                        "metadata": {"type": "object"},
                        "spec": structural(inlined_spec(kind)),
                        "status": status(),
                    },
                }},
            }],
        },
    })
}

fn columns(kind: Kind) -> Json {
    let text = |name: &str, path: &str| json!({"name": name, "type": "string", "jsonPath": path});
    let condition = |name: &str| text(name, &format!(".status.conditions[?(@.type==\"{name}\")].status"));
    let mut columns = match kind {
        Kind::Application => vec![text("Ports", ".spec.ports[*].name"), condition("Ready")],
        Kind::SecureIngress => vec![
            text("Domains", ".spec.domains"),
            condition("CertificateReady"),
            condition("Named"),
            condition("Ready"),
        ],
        Kind::Issuer => vec![text("Server", ".spec.acme.server")],
        Kind::Certificate => vec![text("Domains", ".spec.domains"), condition("Ready")],
        Kind::Zone => vec![text("Origin", ".spec.origin")],
        Kind::Secret | Kind::Role => Vec::new(),
        Kind::RoleBinding => vec![text("Role", ".spec.role")],
    };
    columns.push(json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}));
    Json::Array(columns)
}

fn status() -> Json {
    let text = || json!({"type": "string"});
    json!({
        "type": "object",
        // Beside conditions, kinds report what is theirs: steps of an order, the root of a private CA.
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "observedGeneration": {"type": "integer", "format": "int64"},
            "conditions": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": {
                    "type": "object",
                    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
                    "properties": {
                        "type": text(),
                        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                        "reason": text(),
                        "message": text(),
                        "observedGeneration": {"type": "integer", "format": "int64"},
                        "lastTransitionTime": {"type": "string", "format": "date-time"},
                    },
                },
            },
        },
    })
}

/// Keywords of JSON Schema that are taken over as they are.
const KEPT: [&str; 13] = [
    "description",
    "type",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "required",
    "enum",
    "nullable",
    "default",
];

/// Rewrites a schema without references as a structural one.
fn structural(schema: Json) -> Json {
    let Json::Object(mut schema) = schema else {
        // `true` and `false`: anything goes, which the gateway then judges.
        return json!({"x-kubernetes-preserve-unknown-fields": true});
    };
    unwrap_nullable(&mut schema);
    let branches = ["oneOf", "anyOf"].iter().find_map(|key| schema.remove(*key));
    if let Some(Json::Array(branches)) = branches {
        return choice(&schema, branches);
    }
    let mut result = Map::new();
    for (key, value) in schema {
        match key.as_str() {
            "properties" => {
                let properties = into_object(value).into_iter().map(|(key, value)| (key, structural(value)));
                result.insert(key, properties.collect());
            }
            "items" => {
                result.insert(key, structural(value));
            }
            "additionalProperties" if value.is_object() => {
                result.insert(key, structural(value));
            }
            // Keys with a pattern cannot be said; their values can.
            "patternProperties" => {
                if let Some((_, value)) = into_object(value).into_iter().next() {
                    result.insert("additionalProperties".into(), structural(value));
                }
            }
            "const" => {
                result.insert("enum".into(), json!([value]));
            }
            "default" if value.is_null() => {}
            kept if KEPT.contains(&kept) => {
                result.insert(key, value);
            }
            _not_structural => {}
        }
    }
    Json::Object(result)
}

/// `type: [string, null]` and `anyOf: [X, {type: null}]` are `nullable`.
fn unwrap_nullable(schema: &mut Map<String, Json>) {
    if let Some(Json::Array(types)) = schema.get("type") {
        let only = types.iter().find(|name| *name != "null").cloned();
        schema.insert("type".into(), only.unwrap_or_else(|| "object".into()));
        schema.insert("nullable".into(), true.into());
    }
    let Some(Json::Array(branches)) = schema.get_mut("anyOf") else { return };
    let before = branches.len();
    branches.retain(|branch| branch["type"] != "null");
    if branches.len() == before {
        return;
    }
    schema.insert("nullable".into(), true.into());
    if let Some(Json::Array(branches)) = schema.get("anyOf")
        && let [only] = branches.as_slice()
    {
        for (key, value) in into_object(only.clone()) {
            schema.entry(key).or_insert(value);
        }
        schema.remove("anyOf");
    }
}

/// A choice between words, between maps of one key each, or between both.
fn choice(outer: &Map<String, Json>, branches: Vec<Json>) -> Json {
    let mut result = Map::new();
    for key in ["description", "nullable", "default"] {
        if let Some(value) = outer.get(key).filter(|value| !value.is_null()) {
            result.insert(key.into(), value.clone());
        }
    }
    let (mut words, mut properties, mut required) = (Vec::new(), Map::new(), Vec::new());
    for branch in branches {
        if let Some(word) = branch.get("const") {
            words.push(word.clone());
        } else if let Some(Json::Array(more)) = branch.get("enum") {
            words.extend(more.iter().cloned());
        } else {
            required.push(json!({"required": branch["required"]}));
            properties.extend(
                into_object(branch["properties"].clone())
                    .into_iter()
                    .map(|(key, value)| (key, structural(value))),
            );
        }
    }
    match (words.is_empty(), properties.is_empty()) {
        (false, true) => {
            result.insert("type".into(), "string".into());
            result.insert("enum".into(), words.into());
        }
        (true, false) => {
            result.insert("type".into(), "object".into());
            result.insert("properties".into(), properties.into());
            result.insert("oneOf".into(), required.into());
        }
        // A word or a map: no structural type covers both.
        (false, false) | (true, true) => {
            result.insert("x-kubernetes-preserve-unknown-fields".into(), true.into());
        }
    }
    Json::Object(result)
}

fn into_object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => Map::new(),
    }
}

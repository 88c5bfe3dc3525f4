//! JSON Schemas and Kubernetes CRDs, made from the types.

#![expect(clippy::wildcard_enum_match_arm, reason = "JSON values other than containers hold no schema")]

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::id::Kind;
use crate::resource::{
    API_VERSION, Metadata, application, certificate, issuer, role, secret, secure_ingress, zone,
};

/// The JSON Schema (draft 2020-12) of a kind, envelope included.
#[must_use]
pub fn schema(kind: Kind) -> Value {
    let mut generator =
        SchemaGenerator::new(SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.as_str(),
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": kind.as_str()},
            "metadata": generator.subschema_for::<Metadata>(),
            "spec": spec(kind, &mut generator),
            "status": {"type": "object", "description": "Set by the server."},
        },
    })
}

/// The CustomResourceDefinition of a kind. The schema is structural: nothing is referred to, and what Kubernetes'
/// dialect does not know is left out.
#[must_use]
pub fn crd(kind: Kind) -> Value {
    let mut generator = SchemaGenerator::new(SchemaSettings::openapi3().with(|s| s.inline_subschemas = true));
    let mut spec = spec(kind, &mut generator);
    make_structural(&mut spec);
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{}.causeway.dev", kind.plural())},
        "spec": {
            "group": "causeway.dev",
            "scope": "Namespaced",
            "names": {
                "kind": kind.as_str(),
                "plural": kind.plural(),
                "singular": kind.as_str().to_ascii_lowercase(),
            },
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "required": ["spec"],
                    "properties": {
                        "spec": spec,
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    },
                }},
            }],
        },
    })
}

fn spec(kind: Kind, generator: &mut SchemaGenerator) -> Value {
    let schema = match kind {
        Kind::Application => generator.subschema_for::<application::Application>(),
        Kind::SecureIngress => generator.subschema_for::<secure_ingress::SecureIngress>(),
        Kind::Issuer => generator.subschema_for::<issuer::Issuer>(),
        Kind::Certificate => generator.subschema_for::<certificate::Certificate>(),
        Kind::Zone => generator.subschema_for::<zone::Zone>(),
        Kind::Secret => generator.subschema_for::<secret::Secret>(),
        Kind::Role => generator.subschema_for::<role::Role>(),
        Kind::RoleBinding => generator.subschema_for::<role::RoleBinding>(),
    };
    schema.to_value()
}

/// Rewrites choices into what a structural schema may hold: the properties of all choices side by side, with `oneOf`
/// left to say only which are required. A choice between a word and a map becomes open, and our parser decides.
fn make_structural(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    for gone in ["$schema", "additionalProperties", "title", "nullable", "const"] {
        if gone != "additionalProperties" || fields.get(gone).is_some_and(Value::is_boolean) {
            fields.remove(gone);
        }
    }
    let choices = ["oneOf", "anyOf", "allOf"].iter().find_map(|word| fields.remove(*word));
    if let Some(Value::Array(choices)) = choices {
        let words: Vec<Value> = choices
            .iter()
            .flat_map(|choice| {
                let listed = choice["enum"].as_array().cloned().unwrap_or_default();
                listed.into_iter().chain(choice.get("const").cloned())
            })
            .collect();
        let maps: Vec<&Value> = choices.iter().filter(|choice| choice["properties"].is_object()).collect();
        if maps.is_empty() {
            fields.insert("type".into(), json!("string"));
            if !words.is_empty() {
                fields.insert("enum".into(), Value::Array(words));
            }
        } else if words.is_empty() {
            let properties = fields.entry("properties").or_insert_with(|| json!({}));
            for (name, property) in maps.iter().filter_map(|map| map["properties"].as_object()).flatten() {
                properties[name] = property.clone();
            }
            fields.insert("type".into(), json!("object"));
        } else {
            fields.remove("type");
            fields.insert("x-kubernetes-preserve-unknown-fields".into(), json!(true));
        }
    }
    for below in fields.values_mut() {
        match below {
            Value::Object(_) => make_structural(below),
            Value::Array(items) => items.iter_mut().for_each(make_structural),
            _ => {}
        }
    }
}

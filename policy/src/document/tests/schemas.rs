use serde_json::Value;

use super::super::{crd, schema};
use crate::id::Kind;
use crate::resource::condition_types;

/// Calls `visit` with every object of a JSON value, and the way to it.
fn walk(value: &Value, path: &str, visit: &mut impl FnMut(&serde_json::Map<String, Value>, &str)) {
    match value {
        Value::Object(map) => {
            visit(map, path);
            for (key, value) in map {
                walk(value, &format!("{path}.{key}"), visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_of_a_schema_leads_somewhere() {
    for kind in Kind::ALL {
        let schema = schema(kind);
        let defs = schema["$defs"].clone();
        walk(&schema, "", &mut |map, path| {
            if let Some(Value::String(reference)) = map.get("$ref") {
                let name = reference.strip_prefix("#/$defs/").unwrap();
                assert!(defs.get(name).is_some(), "{kind}{path}: {reference}");
            }
        });
        assert_eq!(schema["properties"]["kind"]["const"], kind.as_str());
    }
}

#[test]
fn a_schema_says_what_the_parser_demands() {
    let schema = schema(Kind::Application);
    let app = &schema["$defs"]["Application"];
    assert_eq!(app["required"], serde_json::json!(["endpoints", "ports"]));
    assert_eq!(app["additionalProperties"], false);
    assert_eq!(app["properties"]["ports"]["description"], "The ports it listens on, each with its protocol.");
}

/// A structural schema (Kubernetes): no references, a type for each node, `properties` or
/// `additionalProperties` but not both, and nothing but `required` within a choice.
fn assert_structural(schema: &Value, path: &str) {
    let map = schema.as_object().unwrap_or_else(|| panic!("{path} is no object"));
    for key in
        ["$ref", "$schema", "$defs", "anyOf", "allOf", "const", "patternProperties", "title", "definitions"]
    {
        assert!(!map.contains_key(key), "{path} has {key}");
    }
    let free = map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    let kind = map.get("type").and_then(Value::as_str);
    assert!(kind.is_some() || free, "{path} has no type: {schema}");
    assert!(!(map.contains_key("properties") && map.contains_key("additionalProperties")), "{path}");
    assert_ne!(map.get("default"), Some(&Value::Null), "{path}");
    if kind == Some("array") {
        assert_structural(&map["items"], &format!("{path}[]"));
    }
    for branch in map.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        assert_eq!(branch.as_object().unwrap().keys().collect::<Vec<_>>(), ["required"], "{path}");
    }
    for (key, value) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
        assert_structural(value, &format!("{path}.{key}"));
    }
    if let Some(value) = map.get("additionalProperties") {
        assert_structural(value, &format!("{path}.*"));
    }
}

#[test]
fn every_crd_is_structural() {
    for kind in Kind::ALL {
        let crd = crd(kind);
        let version = &crd["spec"]["versions"][0];
        assert_structural(&version["schema"]["openAPIV3Schema"], kind.as_str());
        assert_eq!(version["subresources"], serde_json::json!({"status": {}}));
        assert_eq!(crd["metadata"]["name"], format!("{}.causeway.dev", kind.plural()));
    }
}

#[test]
fn a_crd_says_choices_as_kubernetes_can() {
    let crd = crd(Kind::Application);
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    let endpoint = &spec["endpoints"]["items"];
    assert_eq!(endpoint["oneOf"], serde_json::json!([{"required": ["address"]}, {"required": ["dns"]}]));
    assert_eq!(endpoint["properties"]["dns"]["type"], "string");
    assert_eq!(spec["balance"]["enum"], serde_json::json!(["roundRobin", "leastRequest"]));
    let entry = &spec["api"]["items"]["properties"];
    assert_eq!(entry["authentication"]["x-kubernetes-preserve-unknown-fields"], true);
    assert_eq!(entry["headers"]["additionalProperties"]["type"], "string");
    assert_eq!(spec["health"]["nullable"], true);
}

#[test]
fn columns_of_a_crd_show_conditions_that_are_set() {
    for kind in Kind::ALL {
        let crd = crd(kind);
        let columns = crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap().clone();
        for column in columns {
            let path = column["jsonPath"].as_str().unwrap();
            let Some((_, path)) = path.split_once("@.type==\"") else { continue };
            let (named, _) = path.split_once('"').unwrap();
            assert!(condition_types(kind).contains(&named), "{kind}: nobody sets {named}");
        }
    }
}

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, StatusCode};

use super::super::tests::{Bench, bench};
use super::super::{Peer, ROUTES};
use super::*;

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// Every operation of the document: path, method, and what is said of it.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                operations.push((path.clone(), method.to_owned(), operation.clone()));
            }
        }
    }
    operations
}

fn parameters(operation: &Value, place: &str) -> BTreeSet<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.filter(|parameter| parameter["in"] == place);
    parameters.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
}

async fn call(bench: &Bench, path: &str, method: &str, local: bool) -> (StatusCode, String) {
    let path = path.replace("{namespace}", "shop").replace("{name}", "x");
    let request = Request::builder().method(method.to_uppercase().as_str()).uri(path);
    let mut request = request
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Body::from("[]"))
        .unwrap();
    if local {
        request.extensions_mut().insert(ConnectInfo(Peer { uid: Some(0) }));
    }
    let (status, answer) = bench.send(request).await;
    (status, answer.as_str().map_or_else(|| answer.to_string(), str::to_owned))
}

#[tokio::test]
async fn every_route_is_described_with_its_methods_and_no_other() {
    let (bench, document) = (bench().await, describe());
    let mut routed = BTreeSet::new();
    for (route, _) in ROUTES {
        for kind in Kind::ALL {
            routed.insert(route.replace("{plural}", kind.plural()));
        }
    }
    let described: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(described, routed);
    for path in routed {
        for method in METHODS {
            let (status, _) = call(&bench, &path, method, true).await;
            let is_described = document["paths"][&path].get(method).is_some();
            assert_eq!(status != StatusCode::METHOD_NOT_ALLOWED, is_described, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_query_and_header_that_a_call_takes_is_described_and_no_other() {
    let bench = bench().await;
    for (path, method, operation) in operations(&describe()) {
        let (_, answer) = call(&bench, &format!("{path}?nonsense=1"), &method, true).await;
        // Who takes queries refuses an unknown one, and names those that it knows.
        let taken: BTreeSet<String> = match answer.split_once("unknown field `nonsense`, expected") {
            Some((_, names)) => names.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
            None => BTreeSet::new(),
        };
        assert_eq!(parameters(&operation, "query"), taken, "{method} {path}: {answer}");
        let (_, answer) = call(&bench, &path, &method, true).await;
        let wants_passphrase = answer.contains("a passphrase of");
        assert_eq!(
            parameters(&operation, "header").contains(PASSPHRASE),
            wants_passphrase,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn who_needs_no_token_is_described_and_a_refusal_has_its_schema() {
    let (bench, document) = (bench().await, describe());
    let required = document["components"]["schemas"]["Status"]["required"].as_array().unwrap();
    for (path, method, operation) in operations(&document) {
        let (status, answer) = call(&bench, &path, &method, false).await;
        let is_open = operation["security"] == json!([]);
        assert_eq!(status != StatusCode::UNAUTHORIZED, is_open, "{method} {path}");
        if !is_open {
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert!(required.iter().all(|field| answer.get(field.as_str().unwrap()).is_some()), "{answer}");
        }
    }
}

#[test]
fn bodies_are_described_and_references_lead_somewhere() {
    let document = describe();
    for (path, method, operation) in operations(&document) {
        let name = path.rsplit('/').next().unwrap();
        let sends = method == "put" || (method == "post" && ["apply", "delete", "import"].contains(&name));
        assert_eq!(operation.get("requestBody").is_some(), sends, "{method} {path}");
    }
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
}

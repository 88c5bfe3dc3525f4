//! Resources as the API shows them: with status, and without secrets.

use policy::resource::{Resource, Spec};
use serde_json::{Value, json};

use crate::control_plane::PLACEHOLDER;
use crate::status::StatusBoard;

/// One resource.
pub(super) fn shown(resource: &Resource, status: &StatusBoard) -> Value {
    let mut value = policy::document::to_json(resource);
    if let Spec::Secret(secret) = &resource.spec {
        let sealed = secret.string_data.keys().map(|name| (name.clone(), json!(PLACEHOLDER)));
        value["spec"]["stringData"] = Value::Object(sealed.collect());
    }
    value["status"] = status.json(&resource.key());
    value
}

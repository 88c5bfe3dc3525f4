//! JSON Schema of the resources, generated from their types.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::{Schema, SchemaGenerator};
use serde_json::{Value as Json, json};

use crate::id::Kind;
use crate::resource::{
    API_VERSION, Metadata, application, certificate, issuer, role, secret, secure_ingress, zone,
};

/// The JSON Schema (draft 2020-12) of one kind, envelope and all: for editors, forms and other programs.
#[must_use]
pub fn schema(kind: Kind) -> Json {
    let mut generator = SchemaGenerator::default();
    let metadata = generator.subschema_for::<Metadata>();
    let spec = of_spec(kind, &mut generator);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("https://{API_VERSION}/{kind}"),
        "title": kind.as_str(),
        "type": "object",
        "additionalProperties": false,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": kind.as_str()},
            "metadata": metadata,
            "spec": spec,
            "status": {"type": "object", "description": "Written by the server; passed over on input."},
        },
        "$defs": generator.definitions(),
    })
}

fn of_spec(kind: Kind, generator: &mut SchemaGenerator) -> Schema {
    match kind {
        Kind::Application => generator.subschema_for::<application::Application>(),
        Kind::SecureIngress => generator.subschema_for::<secure_ingress::SecureIngress>(),
        Kind::Issuer => generator.subschema_for::<issuer::Issuer>(),
        Kind::Certificate => generator.subschema_for::<certificate::Certificate>(),
        Kind::Zone => generator.subschema_for::<zone::Zone>(),
        Kind::Secret => generator.subschema_for::<secret::Secret>(),
        Kind::Role => generator.subschema_for::<role::Role>(),
        Kind::RoleBinding => generator.subschema_for::<role::RoleBinding>(),
    }
}

/// The schema of a spec without references, for [`super::crd`].
pub(super) fn inlined_spec(kind: Kind) -> Json {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    of_spec(kind, &mut settings.into_generator()).to_value()
}

/// What the types of a kind's spec are made of: their required fields, and what each field is for. `None` asks
/// for the metadata's.
pub(super) fn shape(kind: Option<Kind>) -> &'static Json {
    static SHAPES: OnceLock<BTreeMap<Option<Kind>, Json>> = OnceLock::new();
    let shapes = SHAPES.get_or_init(|| {
        let metadata = {
            let mut generator = SchemaGenerator::default();
            generator.subschema_for::<Metadata>();
            json!({"$defs": generator.definitions()})
        };
        let of_kind = |kind| {
            let mut generator = SchemaGenerator::default();
            of_spec(kind, &mut generator);
            (Some(kind), json!({"$defs": generator.definitions()}))
        };
        Kind::ALL.into_iter().map(of_kind).chain([(None, metadata)]).collect()
    });
    shapes.get(&kind).unwrap_or(&Json::Null)
}

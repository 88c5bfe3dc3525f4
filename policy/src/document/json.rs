//! Resources as JSON values, in and out.

use serde_json::{Value as Json, json};

use super::budget::{DEPTH_MAX, Spent};
use super::tree::{Entry, Mark, Node, Value};
use crate::resource::{API_VERSION, Resource};

/// Writes a resource with its envelope. Secrets are written too: whoever shows the result takes them out first.
#[must_use]
pub fn to_json(resource: &Resource) -> Json {
    json!({
        "apiVersion": API_VERSION,
        "kind": resource.spec.kind().as_str(),
        "metadata": resource.metadata,
        "spec": resource.spec,
    })
}

/// The tree of a JSON value, which stands nowhere.
pub(super) fn tree(value: &Json, depth: usize, spent: &mut Spent) -> Result<Node, String> {
    if depth > DEPTH_MAX {
        return Err(format!("the value is nested deeper than {DEPTH_MAX} levels"));
    }
    spent.value(value.as_str().map_or(0, str::len))?;
    let value = match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match (number.as_i128(), number.as_f64()) {
            (Some(number), _) => Value::Integer(number),
            (None, number) => Value::Float(number.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => {
            Value::List(items.iter().map(|item| tree(item, depth + 1, spent)).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => Value::Map(
            fields
                .iter()
                .map(|(key, value)| {
                    spent.value(key.len())?;
                    Ok(Entry {
                        key: key.clone(),
                        key_mark: Mark::default(),
                        node: tree(value, depth + 1, spent)?,
                    })
                })
                .collect::<Result<_, String>>()?,
        ),
    };
    Ok(Node::new(value, Mark::default()))
}

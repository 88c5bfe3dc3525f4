//! One resource on the command line: `KIND NAME` or `KIND/NAME`, and where it is if not where it was looked for.

use http::{Method, StatusCode};
use policy::id::{Name, ResourceKey};

use super::{BASE, CommandError, kind};
use crate::client::{Client, ClientError};

/// Reads `KIND NAME` or `KIND/NAME`.
pub(super) fn key(words: &[String], namespace: &str) -> Result<ResourceKey, CommandError> {
    let (word, name) = match words {
        [word, name] => (word.as_str(), name.as_str()),
        [both] => both.split_once('/').ok_or_else(usage)?,
        _none_or_many => return Err(usage()),
    };
    Ok(ResourceKey { kind: kind(word)?, namespace: name_of(namespace)?, name: name_of(name)? })
}

fn usage() -> CommandError {
    CommandError::Usage("name KIND NAME, or KIND/NAME".into())
}

fn name_of(text: &str) -> Result<Name, CommandError> {
    text.parse().map_err(|error| CommandError::Usage(format!("{text:?} is no name: {error}")))
}

/// Where the API has a resource.
pub(super) fn path(key: &ResourceKey) -> String {
    format!("{BASE}/namespaces/{}/{}/{}", key.namespace, key.kind.plural(), key.name)
}

/// Says of a resource that was not found in which other namespaces there is one of its name.
pub(super) async fn or_elsewhere(client: &Client, key: &ResourceKey, error: ClientError) -> CommandError {
    if !matches!(error, ClientError::Refused { status: StatusCode::NOT_FOUND, .. }) {
        return error.into();
    }
    let all = client.json(Method::GET, &format!("{BASE}/{}", key.kind.plural()), String::new()).await;
    // Who may not see them all is told what the gateway said.
    let Ok(all) = all else { return error.into() };
    let same = all["items"].as_array().into_iter().flatten().map(|item| &item["metadata"]);
    let same = same.filter(|metadata| metadata["name"] == key.name.as_str());
    let namespaces: Vec<&str> = same.filter_map(|metadata| metadata["namespace"].as_str()).collect();
    match namespaces.as_slice() {
        [] => error.into(),
        [first, ..] => CommandError::Usage(format!(
            "there is no {key}, but one in {}; add -n {first}",
            namespaces.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_named_in_two_words_or_with_a_slash() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for line in ["secureingress shop", "secureingress/shop", "secureingresses/shop"] {
            assert_eq!(key(&words(line), "p").unwrap().to_string(), "SecureIngress p/shop", "{line}");
        }
        for line in ["secureingress", "nothing/shop", "secureingress/", "zone/a/b", "zone a b"] {
            assert!(key(&words(line), "p").is_err(), "{line}");
        }
    }
}

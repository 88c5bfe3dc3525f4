//! wait: until what was applied is in force.

use std::io::Write as _;
use std::time::Duration;

use http::Method;
use policy::clock::{Clock as _, SystemClock};
use policy::id::{Kind, ResourceKey};
use serde_json::Value;

use super::{BASE, CommandError, Ended, named};
use crate::client::Client;

/// Between two looks.
const POLL: Duration = Duration::from_millis(100);

pub(super) async fn run(
    client: &Client,
    what: &str,
    resource: &[String],
    namespace: &str,
    timeout: Duration,
) -> Result<Ended, CommandError> {
    let condition = match (what, what.strip_prefix("condition=")) {
        ("enforced", _) => None,
        (_, Some(condition)) => Some(condition),
        (_, None) => return Err(CommandError::Usage("wait for `enforced` or `condition=TYPE`".into())),
    };
    let key = match resource {
        [] if condition.is_none() => None,
        words => Some(named::key(words, namespace)?),
    };
    let end = SystemClock.monotonic() + timeout;
    loop {
        let missing = missing(client, key.as_ref(), condition).await?;
        let Some(missing) = missing else { return Ok(Ended::Well) };
        if SystemClock.monotonic() >= end {
            writeln!(std::io::stderr(), "not in time: {missing}")?;
            return Ok(Ended::Otherwise);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What is still waited for.
async fn missing(
    client: &Client,
    key: Option<&ResourceKey>,
    condition: Option<&str>,
) -> Result<Option<String>, CommandError> {
    // First the resource: what is in force is then looked at no earlier than what is to be.
    let resource = match key {
        Some(key) => match client.json(Method::GET, &named::path(key), String::new()).await {
            Ok(resource) => Some(resource),
            Err(error) => return Err(named::or_elsewhere(client, key, error).await),
        },
        None => None,
    };
    let status = client.json(Method::GET, &format!("{BASE}/status"), String::new()).await?;
    Ok(behind(&status).or_else(|| resource.and_then(|resource| unmet(&resource, &status, condition))))
}

/// What the gateway has stored and not in force.
fn behind(status: &Value) -> Option<String> {
    let (stored, enforced) = (&status["revision"], &status["enforced"]);
    let who = status["name"].as_str().unwrap_or_default();
    (stored.as_u64() > enforced.as_u64())
        .then(|| format!("gateway {who} has revision {enforced} in force, not {stored}"))
}

/// What is not yet so of a resource as it is now. What is said of an older generation counts for nothing.
fn unmet(resource: &Value, status: &Value, condition: Option<&str>) -> Option<String> {
    let version = resource["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok());
    if version > status["enforced"].as_u64() {
        return Some(format!("revision {} is not in force", version.unwrap_or_default()));
    }
    let generation = &resource["metadata"]["generation"];
    let observed = &resource["status"]["observedGeneration"];
    if observed.as_u64() < generation.as_u64() {
        return Some(format!("generation {generation} is not compiled, {observed} is"));
    }
    let kind = condition.unwrap_or("Ready");
    let conditions = resource["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let Some(found) = conditions.iter().find(|condition| condition["type"] == kind) else {
        // Of some kinds there is nothing more to say than that they are compiled and in force.
        let is_reported = resource["kind"].as_str().and_then(Kind::find).is_some_and(has_ready);
        return (condition.is_some() || is_reported).then(|| format!("{kind}: it has not been reported yet"));
    };
    if found["observedGeneration"].as_u64() < generation.as_u64() {
        let of = &found["observedGeneration"];
        return Some(format!("{kind}: reported of generation {of}, not {generation}"));
    }
    let message = found["message"].as_str().unwrap_or_default();
    (found["status"] != "True").then(|| format!("{kind}: {message}"))
}

const fn has_ready(kind: Kind) -> bool {
    match kind {
        Kind::Application | Kind::SecureIngress | Kind::Certificate => true,
        Kind::Issuer | Kind::Zone | Kind::Secret | Kind::Role | Kind::RoleBinding => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource(generation: u64, observed: u64, ready: u64, is: &str) -> Value {
        json!({
            "kind": "SecureIngress",
            "metadata": {"generation": generation, "resourceVersion": "7"},
            "status": {
                "observedGeneration": observed,
                "conditions": [{"type": "Ready", "status": is, "observedGeneration": ready, "message": "why"}],
            },
        })
    }

    fn check(resource: &Value, enforced: u64) -> Option<String> {
        unmet(resource, &json!({"enforced": enforced}), None)
    }

    #[test]
    fn a_resource_is_in_force_when_all_of_it_is_of_its_newest_generation() {
        assert_eq!(check(&resource(2, 2, 2, "True"), 7), None);
    }

    #[test]
    fn what_is_said_of_an_older_generation_counts_for_nothing() {
        assert!(check(&resource(2, 1, 2, "True"), 7).unwrap().contains("generation 2"));
        assert!(check(&resource(2, 2, 1, "True"), 7).unwrap().contains("generation 1"));
        assert!(check(&resource(2, 2, 2, "True"), 6).unwrap().contains("revision 7"));
        assert_eq!(check(&resource(2, 2, 2, "False"), 7).unwrap(), "Ready: why");
    }

    #[test]
    fn a_gateway_is_behind_until_what_is_stored_is_in_force() {
        assert!(behind(&json!({"name": "a", "revision": 3, "enforced": 2})).is_some());
        assert!(behind(&json!({"name": "a", "revision": 3, "enforced": 3})).is_none());
    }

    #[test]
    fn a_kind_without_progress_is_waited_for_by_its_generation_alone() {
        let mut zone =
            json!({"kind": "Zone", "metadata": {"generation": 1, "resourceVersion": "7"}, "status": {}});
        assert!(check(&zone, 7).is_some());
        zone["status"] = json!({"observedGeneration": 1, "conditions": []});
        assert_eq!(check(&zone, 7), None);
        let asked = unmet(&zone, &json!({"enforced": 7}), Some("Ready"));
        assert_eq!(asked.unwrap(), "Ready: it has not been reported yet");
    }
}

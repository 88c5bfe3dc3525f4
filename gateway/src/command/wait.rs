//! wait: until what was applied is in force.

use std::io::Write as _;
use std::time::Duration;

use http::Method;
use policy::clock::{Clock as _, SystemClock};
use serde_json::Value;

use super::{BASE, CommandError, Ended, kind};
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
    let path = match resource {
        [] if condition.is_none() => None,
        [word, name] => Some(format!("{BASE}/namespaces/{namespace}/{}/{name}", kind(word)?.plural())),
        _ => return Err(CommandError::Usage("name KIND NAME".into())),
    };
    let end = SystemClock.monotonic() + timeout;
    loop {
        let missing = missing(client, path.as_deref(), condition).await?;
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
    path: Option<&str>,
    condition: Option<&str>,
) -> Result<Option<String>, CommandError> {
    let status = client.json(Method::GET, &format!("{BASE}/status"), String::new()).await?;
    let (stored, enforced) = (&status["revision"], &status["enforced"]);
    if stored.as_u64() > enforced.as_u64() {
        let who = status["name"].as_str().unwrap_or_default();
        return Ok(Some(format!("gateway {who} has revision {enforced} in force, not {stored}")));
    }
    let Some(path) = path else { return Ok(None) };
    let resource = client.json(Method::GET, path, String::new()).await?;
    let kind = condition.unwrap_or("Ready");
    let conditions = resource["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|condition| condition["type"] == kind);
    if found.is_some_and(|condition| condition["status"] == "True") {
        return Ok(None);
    }
    let message =
        found.map_or("it has not been reported yet", |c: &Value| c["message"].as_str().unwrap_or_default());
    Ok(Some(format!("{kind}: {message}")))
}

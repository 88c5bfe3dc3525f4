//! apply, get, delete, diff, compile.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use http::{Method, StatusCode};
use policy::document::{Fault, Parsed};
use policy::id::{Kind, ResourceKey};
use policy::resource::Resource;
use policy::snapshot::{Generation, Input, Site, Stage, compile as compile_snapshot};
use serde_json::{Value, json};

use super::{BASE, CommandError, Ended, files, kind, named, show};
use crate::arguments::Output;
use crate::client::{Client, ClientError};
use crate::control_plane::Outcome;

pub(super) async fn apply(client: &Client, paths: &[PathBuf], dry_run: bool) -> Result<(), CommandError> {
    let parsed = files::parse(paths)?;
    let applied = send(client, &parsed, dry_run).await?;
    let mut out = std::io::stdout().lock();
    for object in applied["objects"].as_array().into_iter().flatten() {
        let key = &object["key"];
        let text = |name: &str| key[name].as_str().unwrap_or_default();
        let outcome = object["outcome"].as_str().unwrap_or_default();
        let suffix = if dry_run { " (dry run)" } else { "" };
        writeln!(out, "{} {}/{} {outcome}{suffix}", text("kind"), text("namespace"), text("name"))?;
    }
    Ok(())
}

async fn send(client: &Client, parsed: &[Parsed], dry_run: bool) -> Result<Value, CommandError> {
    let items: Vec<Value> = parsed.iter().map(|parsed| policy::document::to_json(&parsed.resource)).collect();
    let body = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let sent = client.json(Method::POST, &format!("{BASE}/apply?dryRun={dry_run}"), body).await;
    sent.map_err(|error| located(error, parsed))
}

/// The gateway names resource and field; the files know the line.
pub(super) fn located(error: ClientError, parsed: &[Parsed]) -> CommandError {
    let ClientError::Refused { status, message, causes } = error else { return error.into() };
    let mut faults = Vec::new();
    let mut stored = Vec::new();
    for cause in &causes {
        match fault_in_files(cause, parsed) {
            Some(fault) => faults.push(fault),
            None => stored.push(cause.clone()),
        }
    }
    if faults.is_empty() {
        return ClientError::Refused { status, message, causes }.into();
    }
    CommandError::Refused { faults, causes: stored }
}

fn fault_in_files(cause: &Value, parsed: &[Parsed]) -> Option<Fault> {
    let key: ResourceKey = serde_json::from_value(cause["key"].clone()).ok()?;
    let source = parsed.iter().find(|parsed| parsed.resource.key() == key)?;
    let text = |name: &str| cause[name].as_str().map(str::to_owned);
    let field = text("field")?;
    Some(Fault {
        place: source.places.locate(&field),
        resource: Some(key.to_string()),
        reason: text("reason")?,
        fix: text("fix"),
        code: None,
        field,
    })
}

pub(super) async fn get(
    client: &Client,
    word: &str,
    name: Option<&str>,
    namespace: Option<&str>,
    output: Output,
) -> Result<(), CommandError> {
    let kinds = if word == "all" { Kind::ALL.to_vec() } else { vec![kind(word)?] };
    let mut items = Vec::new();
    for kind in &kinds {
        let plural = kind.plural();
        let path = match namespace {
            Some(namespace) => format!("{BASE}/namespaces/{namespace}/{plural}"),
            None => format!("{BASE}/{plural}"),
        };
        let list = client.json(Method::GET, &path, String::new()).await?;
        items.extend(list["items"].as_array().cloned().unwrap_or_default());
    }
    if let Some(name) = name {
        items.retain(|item| item["metadata"]["name"] == name);
        if items.is_empty() {
            return Err(CommandError::Usage(format!("there is no {word} {name}")));
        }
    }
    match (output, name, items.len()) {
        // Beside the table, whose rows a program may count.
        (Output::Table, _, 0) => Ok(writeln!(std::io::stderr(), "none found")?),
        (Output::Table, _, _) => Ok(print_table(&items)?),
        (output, Some(_), 1) => show::value(&items[0], output),
        (output, _, _) => show::value(&json!({"apiVersion": "v1", "kind": "List", "items": items}), output),
    }
}

/// The columns of [`row`].
pub(super) const HEAD: [&str; 5] = ["KIND", "NAMESPACE", "NAME", "READY", "MESSAGE"];

/// A resource in a table.
pub(super) fn row(item: &Value) -> [String; 5] {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conditions = item["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
    let certificate = conditions.iter().find(|condition| condition["type"] == "CertificateReady");
    let shown = ready.or(certificate);
    [
        text(&item["kind"]),
        text(&item["metadata"]["namespace"]),
        text(&item["metadata"]["name"]),
        shown.map_or_else(|| "-".into(), |condition| text(&condition["status"])),
        shown.map_or_else(String::new, |condition| text(&condition["message"])),
    ]
}

fn print_table(items: &[Value]) -> std::io::Result<()> {
    let rows: Vec<Vec<String>> = items.iter().map(|item| row(item).into()).collect();
    show::table(&HEAD, &rows)
}

pub(super) async fn delete(
    client: &Client,
    resource: &[String],
    namespace: &str,
    paths: &[PathBuf],
) -> Result<(), CommandError> {
    let keys: Vec<ResourceKey> = match (resource, paths.is_empty()) {
        ([], false) => files::parse(paths)?.iter().map(|parsed| parsed.resource.key()).collect(),
        ([_, ..], true) => vec![named::key(resource, namespace)?],
        (_, _) => return Err(CommandError::Usage("name KIND NAME, or files with -f, and not both".into())),
    };
    let body = serde_json::to_string(&keys)?;
    let deleted = client.json(Method::POST, &format!("{BASE}/delete"), body).await;
    match (deleted, keys.as_slice()) {
        (Ok(_), _) => {}
        (Err(error), [key]) => return Err(named::or_elsewhere(client, key, error).await),
        (Err(error), _) => return Err(error.into()),
    }
    let mut out = std::io::stdout().lock();
    for key in keys {
        writeln!(out, "{key} deleted")?;
    }
    Ok(())
}

pub(super) async fn diff(client: &Client, paths: &[PathBuf]) -> Result<Ended, CommandError> {
    let parsed = files::parse(paths)?;
    // Refused now rather than by apply, and compared with what is not shown.
    let judged = send(client, &parsed, true).await?;
    let mut ended = Ended::Well;
    let mut out = std::io::stdout().lock();
    for parsed in &parsed {
        let key = parsed.resource.key();
        let before = match client.json(Method::GET, &named::path(&key), String::new()).await {
            Ok(before) => comparable(&before),
            Err(ClientError::Refused { status: StatusCode::NOT_FOUND, .. }) => String::new(),
            Err(error) => return Err(error.into()),
        };
        let mut after = policy::document::to_json(&parsed.resource);
        // A secret is never shown; whether its values differ, the gateway says.
        if key.kind == Kind::Secret
            && let Some(values) = after["spec"]["stringData"].as_object_mut()
        {
            values.values_mut().for_each(|value| *value = json!(crate::control_plane::PLACEHOLDER));
        }
        let lines = difference(&before, &comparable(&after), would_change(&judged, &key));
        if !lines.is_empty() {
            ended = Ended::Otherwise;
            writeln!(out, "--- {key} (stored)\n+++ {key} (files)")?;
            for line in lines {
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(ended)
}

/// Whether the dry run changed a resource.
pub(super) fn would_change(judged: &Value, key: &ResourceKey) -> bool {
    let key = json!(key);
    let mut objects = judged["objects"].as_array().into_iter().flatten();
    objects.any(|object| object["key"] == key && object["outcome"] != json!(Outcome::Unchanged))
}

/// What differs in what is shown, or else that something does.
pub(super) fn difference(before: &str, after: &str, changes: bool) -> Vec<String> {
    let lines = changed_lines(before, after);
    if lines.is_empty() && changes { vec!["values differ".into()] } else { lines }
}

/// Without what the server sets.
fn comparable(resource: &Value) -> String {
    let mut resource = resource.clone();
    if let Some(fields) = resource.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = resource["metadata"].as_object_mut() {
        for set in ["resourceVersion", "generation", "creationTimestamp"] {
            metadata.remove(set);
        }
    }
    serde_json::to_string_pretty(&resource).unwrap_or_default()
}

/// The table of [`changed_lines`] stays below 32 MiB; beyond, the whole middle is shown as replaced.
const TABLE_CELLS_MAX: usize = 4 << 20;

/// Lines that differ, by their longest common subsequence.
pub(super) fn changed_lines(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let alike = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[alike..], &new[alike..]);
    let alike = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - alike], &new[..new.len() - alike]);
    if old.len().saturating_mul(new.len()) > TABLE_CELLS_MAX {
        let gone = old.iter().map(|line| format!("- {line}"));
        return gone.chain(new.iter().map(|line| format!("+ {line}"))).collect();
    }
    let mut common = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("- {}", old[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", new[j]));
            j += 1;
        }
    }
    lines
}

pub(super) fn compile(paths: &[PathBuf], output: Output) -> Result<(), CommandError> {
    let parsed = files::parse(paths)?;
    let sources: BTreeMap<ResourceKey, &Parsed> =
        parsed.iter().map(|parsed| (parsed.resource.key(), parsed)).collect();
    let resources: BTreeMap<ResourceKey, Resource> =
        parsed.iter().map(|parsed| (parsed.resource.key(), parsed.resource.clone())).collect();
    let site = Site::default();
    let (no_stages, no_interim) = (BTreeMap::new(), BTreeMap::new());
    let input = |stages| Input {
        generation: Generation::default(),
        resources: &resources,
        site: &site,
        stages,
        interim: &no_interim,
        departing: &[],
    };
    let located = |rejected: Vec<policy::snapshot::Rejected>| {
        let faults = rejected.into_iter().map(|rejected| {
            let unknown = policy::document::Place { file: "?".into(), line: 0, column: 0 };
            Fault {
                place: sources
                    .get(&rejected.key)
                    .map_or(unknown, |source| source.places.locate(&rejected.field)),
                resource: Some(rejected.key.to_string()),
                field: rejected.field,
                reason: rejected.reason.to_string(),
                fix: Some(rejected.reason.fix()),
                code: None,
            }
        });
        CommandError::Faults(faults.collect())
    };
    let first = compile_snapshot(&input(&no_stages)).map_err(located)?;
    // Shown as it will be once everything is exposed.
    let stages =
        first.ingress.hosts.by_domain().keys().map(|domain| (domain.clone(), Stage::Named)).collect();
    let snapshot = compile_snapshot(&input(&stages)).map_err(located)?;
    let mut shown = serde_json::to_value(&snapshot)?;
    let places: BTreeMap<String, String> = sources
        .iter()
        .map(|(key, source)| (key.to_string(), source.places.locate("kind").to_string()))
        .collect();
    shown["sources"] = json!(places);
    show::value(&shown, output)
}

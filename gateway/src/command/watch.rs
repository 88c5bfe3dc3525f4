//! get --watch: what changes, as it changes.

use std::io::Write as _;

use serde_json::Value;

use super::resources::{HEAD, row};
use super::{BASE, CommandError, kind, show};
use crate::arguments::Output;
use crate::client::{Client, ClientError};

/// Wide enough for most; a row cannot wait for those that come after it.
const WIDTHS: [usize; 4] = [14, 16, 24, 7];

pub(super) async fn run(
    client: &Client,
    word: &str,
    name: Option<&str>,
    namespace: Option<&str>,
    output: Output,
) -> Result<(), CommandError> {
    let plural = kind(word)?.plural();
    let path = match namespace {
        Some(namespace) => format!("{BASE}/namespaces/{namespace}/{plural}?watch=true"),
        None => format!("{BASE}/{plural}?watch=true"),
    };
    if output == Output::Table {
        print(&HEAD.map(str::to_owned))?;
    }
    client
        .lines(&path, |event| {
            let object = &event["object"];
            if event["type"] == "ERROR" {
                let message = object["message"].as_str().unwrap_or_default().to_owned();
                let status = object["code"].as_u64().and_then(|code| u16::try_from(code).ok());
                let status =
                    status.and_then(|code| http::StatusCode::from_u16(code).ok()).unwrap_or_default();
                return Err(ClientError::Refused { status, message, causes: Vec::new() }.into());
            }
            if name.is_some_and(|name| object["metadata"]["name"] != name) {
                return Ok(());
            }
            match output {
                Output::Table => print(&changed(&event)),
                Output::Yaml => show::value(object, output),
                // One a line, so that a program can read it.
                Output::Json => Ok(writeln!(std::io::stdout(), "{event}")?),
            }
        })
        .await
}

fn changed(event: &Value) -> [String; 5] {
    let mut row = row(&event["object"]);
    if event["type"] == "DELETED" {
        row[3] = "deleted".into();
        row[4].clear();
    }
    row
}

fn print(row: &[String; 5]) -> Result<(), CommandError> {
    let cells = row.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:width$}"));
    let cells: Vec<String> = cells.chain([row[4].clone()]).collect();
    Ok(writeln!(std::io::stdout(), "{}", cells.join("   ").trim_end())?)
}

//! vet: in files, or in the running gateway.

use std::io::Write as _;
use std::path::PathBuf;

use http::Method;
use policy::vet::{About, CODES, Release};
use serde_json::{Value, json};

use super::{BASE, CommandError, Ended, files, show};
use crate::arguments::Output;
use crate::client::Client;

pub(super) async fn run(
    client: &Client,
    paths: &[PathBuf],
    output: Output,
    explain: Option<String>,
) -> Result<Ended, CommandError> {
    if let Some(code) = explain {
        return self::explain(&code);
    }
    let (findings, places) = if paths.is_empty() {
        (live(client).await?, Vec::new())
    } else {
        let parsed = files::parse(paths)?;
        let resources =
            parsed.iter().map(|parsed| (parsed.resource.key(), parsed.resource.clone())).collect();
        let found = policy::vet::vet(&resources);
        let place = |finding: &policy::vet::Finding| {
            let About::Resource(key) = &finding.about else { return String::new() };
            let source = parsed.iter().find(|parsed| parsed.resource.key() == *key);
            source.map_or_else(String::new, |source| source.places.locate(&finding.field).to_string())
        };
        let places: Vec<String> = found.iter().map(place).collect();
        (found.iter().map(|finding| json!(finding)).collect(), places)
    };
    let is_error = findings.iter().any(|finding| finding["severity"] == "error");
    match output {
        Output::Table => print(&findings, &places)?,
        Output::Json | Output::Yaml => show::value(&json!({"findings": findings}), output)?,
    }
    Ok(if is_error { Ended::Otherwise } else { Ended::Well })
}

/// What the running gateway finds, and what is found of the gateway.
pub(super) async fn live(client: &Client) -> Result<Vec<Value>, CommandError> {
    let status = client.json(Method::GET, &format!("{BASE}/status"), String::new()).await?;
    let text = |name: &str| status[name].as_str().unwrap_or_default();
    let gateway = text("version").parse().ok();
    let skew = gateway.and_then(|gateway| policy::vet::vet_gateway(text("name"), gateway, Release::own()));
    let answer = client.json(Method::GET, &format!("{BASE}/vet"), String::new()).await?;
    let found = answer["findings"].as_array().cloned().unwrap_or_default();
    Ok(skew.iter().map(|finding| json!(finding)).chain(found).collect())
}

fn print(findings: &[Value], places: &[String]) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    if findings.is_empty() {
        writeln!(out, "nothing found")?;
    }
    for (index, finding) in findings.iter().enumerate() {
        let text = |name: &str| finding[name].as_str().unwrap_or_default();
        let key = |name: &str| finding["key"][name].as_str().unwrap_or_default();
        let resource = match key("namespace") {
            "" => format!("{} {}", key("kind"), key("name")),
            namespace => format!("{} {namespace}/{}", key("kind"), key("name")),
        };
        let place = places.get(index).map_or(resource, Clone::clone);
        let head = format!("{} {} {place}: {}", text("code"), text("severity"), text("field"));
        writeln!(out, "{head}: {}\n  fix: {}", text("message"), text("fix"))?;
    }
    Ok(())
}

fn explain(code: &str) -> Result<Ended, CommandError> {
    let page = PAGES.iter().find(|(name, _)| name.eq_ignore_ascii_case(code));
    let Some((_, page)) = page else {
        let known: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        return Err(CommandError::Usage(format!("there is no code {code}; known: {}", known.join(", "))));
    };
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(Ended::Well)
}

macro_rules! pages {
    ($($code:literal),*) => {
        [$(($code, include_str!(concat!("../../../docs/vet/", $code, ".md")))),*]
    };
}

/// The page of each code.
const PAGES: [(&str, &str); CODES.len()] = pages![
    "CW0001", "CW0101", "CW0102", "CW0103", "CW0104", "CW0105", "CW0106", "CW0107", "CW0201", "CW0202",
    "CW0203", "CW0204", "CW0301", "CW0302", "CW0303", "CW0401"
];

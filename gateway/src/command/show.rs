//! Answers as people and programs read them.

use std::io::{self, Write};

use policy::document::Fault;
use serde_json::Value;

use super::CommandError;
use crate::arguments::Output;

/// A value as YAML or JSON.
pub(super) fn value(value: &Value, output: Output) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    match output {
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(value)?)?,
        Output::Yaml | Output::Table => {
            let text = serde_saphyr::to_string(value);
            let text = text.map_err(|error| CommandError::Usage(format!("no YAML form: {error}")))?;
            writeln!(out, "---\n{}", text.trim_end())?;
        }
    }
    Ok(())
}

/// Rows under a head, each column as wide as it needs.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = io::stdout().lock();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("   ").trim_end())?;
    }
    Ok(())
}

/// A fault of a file.
pub(super) fn fault(out: &mut impl Write, fault: &Fault) -> io::Result<()> {
    let field = if fault.field.is_empty() { String::new() } else { format!(" {}:", fault.field) };
    writeln!(out, "error: {}:{field} {}", fault.place, fault.reason)?;
    if let Some(fix) = &fault.fix {
        writeln!(out, "  fix: {fix}")?;
    }
    match fault.code {
        Some(code) => writeln!(out, "  see: causeway vet --explain {code}"),
        None => Ok(()),
    }
}

/// A cause that the gateway named.
pub(super) fn cause(out: &mut impl Write, cause: &Value) -> io::Result<()> {
    let text = |name: &str| cause[name].as_str().unwrap_or_default();
    let place = match (&cause["place"], &cause["key"]) {
        (Value::Object(place), _) => {
            let file = place["file"].as_str().unwrap_or_default();
            format!("{file}:{}:{}", place["line"], place["column"])
        }
        (_, Value::Object(key)) => {
            let part = |name: &str| key[name].as_str().unwrap_or_default();
            format!("{} {}/{}", part("kind"), part("namespace"), part("name"))
        }
        (_, _) => String::new(),
    };
    writeln!(out, "  {place}: {}: {}", text("field"), text("reason"))?;
    if !text("fix").is_empty() {
        writeln!(out, "    fix: {}", text("fix"))?;
    }
    Ok(())
}

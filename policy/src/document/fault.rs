//! What is wrong with a document, and where.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::tree::{Mark, Path};

/// A place in a file.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Place {
    /// The file, as it was called.
    pub file: String,
    /// Counts from 1; 0 when the value came from no text.
    pub line: u32,
    /// Counts characters from 1; 0 when the value came from no text.
    pub column: u32,
}

impl Place {
    pub(super) fn new(file: &Arc<str>, mark: Mark) -> Self {
        Self { file: file.to_string(), line: mark.line, column: mark.column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 { write!(f, ":{}:{}", self.line, self.column) } else { Ok(()) }
    }
}

/// One thing that is wrong. All that were found are reported together.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// In which resource, as far as it could be told: `Application bookinfo/productpage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// In which field, e.g. `spec.ports[0].name`; empty for the document as a whole.
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// The smallest change that would help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The code of [`crate::vet`] whose page tells more, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.file.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.reason)?;
        match &self.fix {
            Some(fix) => write!(f, "; {fix}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// A fault before it is known in which file and resource it stands.
#[derive(Clone, Debug)]
pub(super) struct Flaw {
    pub(super) mark: Mark,
    pub(super) path: Path,
    pub(super) reason: String,
    pub(super) fix: Option<String>,
    pub(super) code: Option<&'static str>,
}

impl Flaw {
    pub(super) fn new(mark: Mark, path: Path, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { mark, path, reason: reason.into(), fix: Some(fix.into()), code: None }
    }

    pub(super) fn coded(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    pub(super) fn into_fault(self, file: &Arc<str>, resource: Option<&str>) -> Fault {
        Fault {
            place: Place::new(file, self.mark),
            resource: resource.map(str::to_owned),
            field: self.path.to_string(),
            reason: self.reason,
            fix: self.fix,
            code: self.code,
        }
    }
}

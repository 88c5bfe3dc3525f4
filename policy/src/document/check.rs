//! Rules that no single value can hold by itself, but one resource can: lists that must have something in them,
//! names that must differ, entries that refer to each other.
//!
//! What needs other resources is judged by [`crate::snapshot::compile`].

mod application;
mod identity;
mod ingress;
mod zone;

use super::collect::FAULTS_MAX;
use super::fault::Flaw;
use super::tree::{Node, Path};
use crate::resource::{Metadata, Spec};

/// Judges the metadata of a resource.
pub(super) fn metadata(metadata: &Metadata, root: &Node, flaws: &mut Vec<Flaw>) {
    identity::metadata(&mut Checker { root, flaws }, metadata);
}

/// Judges the spec of a resource.
pub(super) fn spec(spec: &Spec, root: &Node, flaws: &mut Vec<Flaw>) {
    let checker = &mut Checker { root, flaws };
    match spec {
        Spec::Application(spec) => application::check(checker, spec),
        Spec::SecureIngress(spec) => ingress::check(checker, spec),
        Spec::Issuer(spec) => ingress::issuer(checker, spec),
        Spec::Certificate(spec) => ingress::certificate(checker, spec),
        Spec::Zone(spec) => zone::check(checker, spec),
        Spec::Secret(spec) => identity::secret(checker, spec),
        Spec::Role(spec) => identity::role(checker, spec),
        Spec::RoleBinding(spec) => identity::role_binding(checker, spec),
    }
}

/// Collects what is wrong. Paths are those of the typed value, from which faulty parts may be missing; they are
/// told as they stand in the text.
struct Checker<'a> {
    root: &'a Node,
    flaws: &'a mut Vec<Flaw>,
}

impl Checker<'_> {
    fn fault(&mut self, path: &Path, reason: impl Into<String>, fix: impl Into<String>) {
        if self.flaws.len() < FAULTS_MAX {
            let (path, mark) = self.root.resolve(path);
            self.flaws.push(Flaw::new(mark, path, reason, fix));
        }
    }

    /// A fault that a page of the analyzer tells more of.
    fn coded(&mut self, code: &'static str, path: &Path, reason: impl Into<String>, fix: impl Into<String>) {
        if self.flaws.len() < FAULTS_MAX {
            let (path, mark) = self.root.resolve(path);
            self.flaws.push(Flaw::new(mark, path, reason, fix).coded(code));
        }
    }

    /// Whether something at `path` was left out because it is faulty, so that nothing can be said of absence.
    fn is_partial(&self, path: &Path) -> bool {
        self.root.pruned_about(path)
    }

    /// A list must have between one and `max` elements.
    fn count<T>(&mut self, path: &Path, list: &[T], max: usize, fix: &str) {
        if list.is_empty() && !self.is_partial(path) {
            self.fault(path, "the list is empty", fix);
        }
        self.at_most(path, list.len(), max);
    }

    fn at_most(&mut self, path: &Path, count: usize, max: usize) {
        if count > max {
            self.fault(path, format!("there are {count} elements; at most {max} are taken"), "remove some");
        }
    }

    /// No two elements may be equal in what `of` shows of them.
    fn distinct<T, K: Ord + std::fmt::Display>(
        &mut self,
        list: &[T],
        of: impl Fn(&T) -> K,
        at: impl Fn(usize) -> Path,
    ) {
        let mut seen = std::collections::BTreeSet::new();
        for (index, element) in list.iter().enumerate() {
            let key = of(element);
            let reason = format!("{key} stands here a second time");
            if !seen.insert(key) {
                self.fault(&at(index), reason, "remove it, or write the one that was meant");
            }
        }
    }

    /// A text of so many bytes must be there.
    fn text(&mut self, path: &Path, text: &str, bytes_max: usize, fix: &str) {
        if text.is_empty() {
            self.fault(path, "the text is empty", fix);
        } else if text.len() > bytes_max {
            let reason = format!("the text has {} bytes; at most {bytes_max} are taken", text.len());
            self.fault(path, reason, "shorten it");
        }
    }
}

fn spec_field(key: &str) -> Path {
    Path::of("spec").key(key)
}

//! Rules of metadata, `Secret`, `Role` and `RoleBinding`.

use std::collections::BTreeMap;

use super::{Checker, spec_field};
use crate::document::tree::Path;
use crate::resource::Metadata;
use crate::resource::role::{Role, RoleBinding};
use crate::resource::secret::Secret;

/// Most labels of one resource, or of one selector. People use a dozen.
const LABELS_MAX: usize = 64;
/// Longest value of a label, and longest name in a label's key (Kubernetes, "Syntax and character set").
const LABEL_BYTES_MAX: usize = 63;
/// All annotations of a resource together, as in Kubernetes.
const ANNOTATIONS_BYTES_MAX: usize = 256 << 10;
/// All values of a secret together, as in Kubernetes.
const SECRET_BYTES_MAX: usize = 1 << 20;
/// Most rules of one role, subjects of one binding, and elements of their lists.
const RIGHTS_MAX: usize = 1_000;

pub(super) fn metadata(checker: &mut Checker<'_>, metadata: &Metadata) {
    let path = Path::of("metadata");
    labels(checker, &metadata.labels, &path.key("labels"));
    let at = path.key("annotations");
    let bytes: usize = metadata.annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > ANNOTATIONS_BYTES_MAX {
        let reason = format!("the annotations have {bytes} bytes; at most {ANNOTATIONS_BYTES_MAX} are taken");
        checker.fault(&at, reason, "keep large data elsewhere");
    }
    for key in metadata.annotations.keys() {
        label_key(checker, key, &at);
    }
}

pub(super) fn labels(checker: &mut Checker<'_>, labels: &BTreeMap<String, String>, path: &Path) {
    checker.at_most(path, labels.len(), LABELS_MAX);
    for (key, value) in labels {
        label_key(checker, key, path);
        if !value.is_empty() && !is_label_word(value) {
            let fix =
                "write at most 63 letters, digits, '-', '_' or '.', with a letter or digit at both ends";
            checker.fault(&path.key(key), format!("{:?} is no value of a label", shown(value)), fix);
        }
    }
}

fn label_key(checker: &mut Checker<'_>, key: &str, path: &Path) {
    let (prefix, word) = key.rsplit_once('/').map_or((None, key), |(prefix, word)| (Some(prefix), word));
    let good_prefix = prefix.is_none_or(|prefix| prefix.parse::<crate::id::Name>().is_ok());
    if !good_prefix || !is_label_word(word) {
        let fix = "write a word, or a domain, '/' and a word: team, example.com/team";
        checker.fault(&path.key(key), format!("{:?} is no key of a label", shown(key)), fix);
    }
}

fn is_label_word(word: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    word.len() <= LABEL_BYTES_MAX
        && edge(word.chars().next())
        && edge(word.chars().next_back())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn shown(text: &str) -> String {
    text.chars().take(LABEL_BYTES_MAX + 1).collect()
}

pub(super) fn secret(checker: &mut Checker<'_>, secret: &Secret) {
    let path = spec_field("stringData");
    if secret.string_data.is_empty() && !checker.is_partial(&path) {
        checker.fault(&path, "the secret holds nothing", "write at least one value: {token: …}");
    }
    let bytes: usize = secret.string_data.iter().map(|(key, value)| key.len() + value.reveal().len()).sum();
    if bytes > SECRET_BYTES_MAX {
        let reason = format!("the values have {bytes} bytes; at most {SECRET_BYTES_MAX} are taken");
        checker.fault(&path, reason, "split it into several secrets");
    }
    for key in secret.string_data.keys() {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if key.is_empty() || key.len() > 253 || !key.chars().all(good) {
            let fix = "write letters, digits, '-', '_' and '.', as in tls.key";
            checker.fault(&path.key(key), "this is no key of a secret", fix);
        }
    }
}

pub(super) fn role(checker: &mut Checker<'_>, role: &Role) {
    let path = spec_field("rules");
    checker.count(&path, &role.rules, RIGHTS_MAX, "allow something: [{verbs: [read]}]");
    for (index, rule) in role.rules.iter().enumerate() {
        let verbs = path.index(index).key("verbs");
        checker.count(&verbs, &rule.verbs, RIGHTS_MAX, "write some of read, write, delete");
        checker.at_most(&path.index(index).key("namespaces"), rule.namespaces.len(), RIGHTS_MAX);
    }
}

pub(super) fn role_binding(checker: &mut Checker<'_>, binding: &RoleBinding) {
    let path = spec_field("subjects");
    checker.count(
        &path,
        &binding.subjects,
        RIGHTS_MAX,
        "name who gets the role: [{user: ada}] or [{token: NAME}]",
    );
}

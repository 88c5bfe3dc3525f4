//! "Did you mean …?"

/// A fix for a word that is not among `known`.
pub(super) fn field(word: &str, known: &[&str]) -> String {
    let close = known.iter().map(|name| (distance(word, name), *name)).min();
    match close {
        Some((distance, name)) if distance <= 1 + name.len() / 4 => format!("did you mean {name}?"),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// Edits between two words (Levenshtein), without regard to case.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    // A word of thousands of letters is no typing mistake.
    for (i, a) in one.to_lowercase().chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(field("endpoint", &["endpoints", "ports"]), "did you mean endpoints?");
        assert_eq!(field("serviceaccount", &["serviceAccount"]), "did you mean serviceAccount?");
        assert_eq!(field("xyzzy", &["endpoints", "ports"]), "known here: endpoints, ports");
    }
}

//! Finds the word that was meant.

/// Longest word that is compared: names of fields and kinds are short, and the cost is the product of lengths.
const COMPARED_CHARS_MAX: usize = 64;

/// The one of `known` that `word` was most likely meant to be, if any is near enough.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > COMPARED_CHARS_MAX {
        return None;
    }
    let folded: Vec<char> = word.to_lowercase().chars().collect();
    // A third of the letters may be wrong: `enpoint` is `endpoints`, but `foo` is not `for`.
    let tolerance = (folded.len() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            (distance(&folded, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate)
        })
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before = vec![0; to.len() + 1];
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, a) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in to.iter().enumerate() {
            let replaced = above[column] + usize::from(a != b);
            let mut best = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *a == to[column - 1] && from[row - 1] == *b {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[to.len()]
}

/// A list for people: `a, b or c`.
pub(super) fn alternatives<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => "nothing".into(),
        [only] => only.as_ref().into(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", first.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_fingers_finds_the_word_that_was_meant() {
        let fields = ["endpoints", "ports", "api", "health"];
        for (word, meant) in [
            ("endpoint", Some("endpoints")),
            ("Ports", Some("ports")),
            ("prots", Some("ports")),
            ("aip", Some("api")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, fields), meant, "{word}");
        }
    }
}

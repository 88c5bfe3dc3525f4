use super::super::{ALIASES_MAX, BYTES_MAX, DEPTH_MAX, FAULTS_MAX};
use super::{faults, lines};

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..9 {
        let parts = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{parts}]\n"));
    }
    let lines = lines(&text);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("holds more than 1000000 values, aliases written out"), "{lines:?}");
}

#[test]
fn many_documents_do_not_multiply_the_budget() {
    let mut bomb = "---\na0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
    for level in 1..5 {
        let parts = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{parts}]\n"));
    }
    let faults = faults(&bomb.repeat(40));
    assert!(faults.last().is_some_and(|fault| fault.reason.contains("holds more than")), "{faults:?}");
}

#[test]
fn long_text_behind_aliases_is_counted() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 20].join(", "));
    assert!(lines(&text)[0].contains("bytes, aliases written out"));
}

#[test]
fn more_aliases_than_anybody_writes_are_refused() {
    let text = format!("a: &a 1\nb: [{}]\n", vec!["*a"; ALIASES_MAX + 1].join(", "));
    assert!(lines(&text)[0].contains("holds more than 1000 aliases"));
}

#[test]
fn an_alias_inside_its_own_value_is_refused() {
    let expected = "app.yaml:1:8: a[0]: the alias stands inside the value that it names; write the value out";
    assert!(lines("a: &a [*a]\n").iter().any(|line| line == expected));
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
        let lines = lines(&text);
        // The scanner has a limit of its own for brackets, which may be reached first.
        let refused = [format!("deeper than {DEPTH_MAX} levels"), "recursion limit exceeded".to_owned()];
        assert_eq!(lines.len(), 1);
        assert!(refused.iter().any(|reason| lines[0].contains(reason)), "{lines:?}");
    }
    let mut value = serde_json::json!(1);
    for _ in 0..100 {
        value = serde_json::json!([value]);
    }
    let faults = super::super::from_json(&value).unwrap_err();
    assert_eq!(faults[0].to_string(), "the value is nested deeper than 64 levels; write less");
}

#[test]
fn deep_nesting_behind_aliases_is_refused() {
    let mut text = String::from("a0: &a0 [1]\n");
    for level in 1..DEPTH_MAX + 1 {
        text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(lines(&text)[0].contains("levels, aliases written out"));
}

#[test]
fn a_text_that_is_too_long_is_not_even_read() {
    let text = format!("#{}", "x".repeat(BYTES_MAX));
    assert_eq!(
        lines(&text),
        ["app.yaml: the text has 16777217 bytes; at most 16777216 are read; split it into several files"]
    );
}

#[test]
fn no_more_faults_are_told_than_anybody_reads() {
    let ports: String = (0..10_000).map(|index| format!("    - {{name: p{index}, port: x}}\n")).collect();
    let text = format!(
        "apiVersion: causeway.dev/v1\nkind: Application\nmetadata: {{name: a}}\nspec:\n  endpoints: []\n  ports:\n{ports}"
    );
    assert_eq!(faults(&text).len(), FAULTS_MAX);
    assert_eq!(faults(&"--- x\n".repeat(1000)).len(), FAULTS_MAX);
}

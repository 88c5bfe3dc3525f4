//! Paths written as the patterns of other programs.

use super::check;

#[test]
fn a_pattern_of_another_program_is_refused_with_what_to_write_here() {
    for (kind, path, column, reason) in CASES {
        let text = format!(
            "apiVersion: causeway.dev/v1
kind: Application
metadata: {{name: web, namespace: shop}}
spec:
  endpoints: [{{address: 10.0.0.7}}]
  ports: [{{name: http-web, port: 8080}}]
  api: [{{path: {{{kind}: '{path}'}}, authentication: none}}]
"
        );
        check(&text, &[&format!("app.yaml:7:{column}: spec.api[0].path.{kind}: {reason}")]);
    }
}

const CASES: &[(&str, &str, u32, &str)] = &[
    (
        "prefix",
        "/static/*",
        25,
        r#"the segment "*" would be taken literally; a prefix already takes all below it: write `prefix: /static/`"#,
    ),
    (
        "exact",
        "/static/**",
        24,
        r#"the segment "**" would be taken literally; a prefix already takes all below it: write `prefix: /static/`"#,
    ),
    (
        "prefix",
        "/users/:id",
        25,
        r#"the segment ":id" would be taken literally; write `template: /users/{id}`"#,
    ),
    (
        "template",
        "/users/:id/orders/*",
        27,
        r#"the segment ":id" would be taken literally; write `template: /users/{id}/orders/{part4}`"#,
    ),
    (
        "exact",
        "/users/*/orders",
        24,
        r#"the segment "*" would be taken literally; write `template: /users/{part2}/orders`"#,
    ),
];

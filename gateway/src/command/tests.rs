use clap::Parser as _;

use super::*;

const ROLE: &str =
    "{apiVersion: causeway.dev/v1, kind: Role, metadata: {name: r}, spec: {rules: [{verbs: [read]}]}}\n";
const DANGLING: &str = "apiVersion: causeway.dev/v1\nkind: RoleBinding\nmetadata: {name: b}\nspec:\n  role: nobody\n  subjects: [{user: a}]\n";

/// Runs a command line in which `{}` stands for a fresh folder with these files.
async fn run_in(files: &[(&str, &str)], line: &str) -> (Result<Ended, CommandError>, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let at = folder.path().display().to_string();
    let line = line.replace("{}", &at);
    (dispatch(Arguments::try_parse_from(line.split(' ')).unwrap()).await, at)
}

#[tokio::test]
async fn an_absent_gateway_is_said_with_what_to_do() {
    let (ended, at) = run_in(&[("a.yaml", ROLE)], "causeway apply -f {}/a.yaml --socket {}/none.sock").await;
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("causeway run") && error.contains(&at), "{error}");
}

#[tokio::test]
async fn every_fault_of_a_folder_is_reported_at_its_place() {
    let bad = ROLE.replace("verbs", "verb");
    let (ended, at) = run_in(
        &[("a.yaml", &bad), ("b.yml", ROLE), ("c.yaml", &bad), ("d.txt", "{")],
        "causeway apply -f {}",
    )
    .await;
    let Err(CommandError::Faults(faults)) = ended else { panic!("{ended:?}") };
    let files: std::collections::BTreeSet<&str> =
        faults.iter().map(|fault| fault.place.file.as_str()).collect();
    assert_eq!(files.into_iter().collect::<Vec<_>>(), [format!("{at}/a.yaml"), format!("{at}/c.yaml")]);
}

#[tokio::test]
async fn a_resource_in_two_files_is_reported_with_both_places() {
    let (ended, at) = run_in(&[("a.yaml", ROLE), ("b.yaml", ROLE)], "causeway compile -f {}").await;
    let Err(CommandError::Faults(faults)) = ended else { panic!("{ended:?}") };
    assert_eq!((faults.len(), faults[0].place.file.as_str()), (1, format!("{at}/b.yaml").as_str()));
    assert!(faults[0].reason.contains(&format!("{at}/a.yaml:1:")), "{}", faults[0].reason);
}

#[tokio::test]
async fn what_does_not_compile_is_refused_with_its_line() {
    let (ended, _) = run_in(&[("b.yaml", DANGLING)], "causeway compile -f {}/b.yaml").await;
    let Err(CommandError::Faults(faults)) = ended else { panic!("{ended:?}") };
    assert_eq!((faults[0].field.as_str(), faults[0].place.line), ("spec.role", 5));
}

#[tokio::test]
async fn vet_of_files_needs_no_gateway() {
    let (ended, _) = run_in(&[("a.yaml", ROLE)], "causeway vet -f {} --socket {}/none.sock").await;
    assert_eq!(ended.unwrap(), Ended::Well);
}

#[tokio::test]
async fn every_code_has_a_page_and_no_other_word_has() {
    for (code, _) in policy::vet::CODES {
        let (ended, _) = run_in(&[], &format!("causeway vet --explain {code}")).await;
        assert_eq!(ended.unwrap(), Ended::Well);
    }
    let (ended, _) = run_in(&[], "causeway vet --explain CW9999").await;
    assert!(matches!(ended, Err(CommandError::Usage(_))));
}

#[tokio::test]
async fn an_unknown_kind_is_refused_with_the_known_ones() {
    let (ended, _) = run_in(&[], "causeway schema gadget").await;
    assert!(matches!(ended, Err(CommandError::Usage(text)) if text.contains("secureingresses")));
}

#[test]
fn causes_in_files_get_their_line_and_stored_ones_stay() {
    let parsed = policy::document::parse("b.yaml", DANGLING).unwrap();
    let cause = |name: &str| {
        let key = serde_json::json!({"kind": "RoleBinding", "namespace": "default", "name": name});
        serde_json::json!({"key": key, "field": "spec.role", "reason": "missing"})
    };
    let causes = vec![cause("b"), cause("stored")];
    let status = http::StatusCode::UNPROCESSABLE_ENTITY;
    let error = ClientError::Refused { status, message: String::new(), causes };
    let CommandError::Refused { faults, causes } = resources::located(error, &parsed) else { panic!() };
    assert_eq!((faults[0].place.to_string().as_str(), causes.len()), ("b.yaml:5:9", 1));
}

#[test]
fn a_diff_holds_only_the_lines_that_differ() {
    assert_eq!(resources::changed_lines("a\nb\nc", "a\nx\nc"), ["- b", "+ x"]);
    assert_eq!(resources::changed_lines("", "a"), ["+ a"]);
    assert!(resources::changed_lines("a\nb", "a\nb").is_empty());
    let long = |word: &str| (0..3_000).map(|line| format!("{word}{line}\n")).collect::<String>();
    assert_eq!(resources::changed_lines(&long("a"), &long("b")).len(), 6_000);
}

/// What `vet` finds against a gateway that says it is of this release and finds nothing itself.
async fn found_live(release: &str) -> Vec<serde_json::Value> {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    let status = serde_json::json!({"name": "edge-1", "version": release});
    let router = axum::Router::new()
        .route(&format!("{BASE}/status"), axum::routing::get(async || axum::Json(status)))
        .route(
            &format!("{BASE}/vet"),
            axum::routing::get(async || axum::Json(serde_json::json!({"findings": []}))),
        );
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let line = ["causeway", "vet", "--socket", socket.to_str().unwrap()];
    let client = Client::new(Arguments::try_parse_from(line).unwrap().connection);
    let found = vet::live(&client).await.unwrap();
    serving.abort();
    found
}

#[tokio::test]
async fn a_gateway_of_another_minor_release_is_found_by_vet_and_one_of_ours_is_not() {
    assert!(found_live(env!("CARGO_PKG_VERSION")).await.is_empty());
    let found = found_live("99.0.0").await;
    assert_eq!((found.len(), &found[0]["code"]), (1, &serde_json::json!("CW0105")));
    assert_eq!(found[0]["key"], serde_json::json!({"kind": "Gateway", "name": "edge-1"}));
}

#[test]
fn a_fault_with_a_page_says_where_it_is() {
    let text =
        "apiVersion: causeway.dev/v2\nkind: Role\nmetadata: {name: r}\nspec: {rules: [{verbs: [read]}]}\n";
    let shown = |text: &str| {
        let mut out = Vec::new();
        for fault in policy::document::parse("a.yaml", text).unwrap_err() {
            show::fault(&mut out, &fault).unwrap();
        }
        String::from_utf8(out).unwrap()
    };
    assert!(shown(text).starts_with("error: a.yaml:1:13: apiVersion: "));
    assert!(shown(text).ends_with("\n  see: causeway vet --explain CW0105\n"), "{}", shown(text));
    assert!(!shown(&text.replace("v2", "v1").replace("read", "reed")).contains("see:"));
}

#[test]
fn a_secret_whose_values_differ_differs() {
    let key: policy::id::ResourceKey =
        serde_json::from_value(serde_json::json!({"kind": "Secret", "namespace": "shop", "name": "s"}))
            .unwrap();
    let judged = |outcome: crate::control_plane::Outcome| serde_json::json!({"revision": 1, "objects": [{"key": key, "outcome": outcome}]});
    let (shown, updated) = ("a: (not shown)", judged(crate::control_plane::Outcome::Updated));
    assert!(resources::would_change(&updated, &key));
    assert_eq!(resources::difference(shown, shown, true), ["values differ"]);
    assert!(!resources::would_change(&judged(crate::control_plane::Outcome::Unchanged), &key));
    assert!(resources::difference(shown, shown, false).is_empty());
}

#[tokio::test]
async fn a_taken_address_is_refused_with_the_field_to_change() {
    for (field, is_list) in
        [("http", true), ("https", true), ("dns", true), ("admin", false), ("metrics", false)]
    {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let value = if is_list { format!("[\"{address}\"]") } else { format!("\"{address}\"") };
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let config = folder.path().join("causeway.toml");
        let free: String = ["http", "https", "dns"]
            .into_iter()
            .filter(|other| *other != field)
            .map(|other| format!("{other} = [\"127.0.0.1:0\"]\n"))
            .collect();
        let text = format!(
            "name = \"edge-1\"\nstate = \"{at}/state\"\nsocket = \"{at}/socket\"\nworkers = 1\n[log]\naccess = \"off\"\n[listen]\n{field} = {value}\n{free}"
        );
        std::fs::write(&config, text).unwrap();
        let error = serve::run(&config).await.unwrap_err();
        let CommandError::Start { fix, .. } = &error else { panic!("{field}: {}", crate::chain(&error)) };
        let expected = value.replace("127.0.0.1", "203.0.113.10");
        assert_eq!(
            fix.as_deref().unwrap_or("no fix"),
            format!("end what listens there, or set listen.{field} in {}, e.g. {expected}", config.display()),
        );
    }
}

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::id::{Kind, ResourceKey};
use crate::resource::application::{Balance, PathText, Protocol, Timeouts};
use crate::snapshot::{Backend, Digest};

fn text(path: &str) -> PathText {
    path.parse().unwrap()
}

fn exact(path: &str) -> PathMatch {
    PathMatch::Exact(text(path))
}

fn prefix(path: &str) -> PathMatch {
    PathMatch::Prefix(text(path))
}

fn template(path: &str) -> PathMatch {
    PathMatch::Template(text(path))
}

/// A route, known by its place in the table.
fn route(path: PathMatch, methods: &[&str], headers: &[(&str, &str)]) -> Route {
    let key =
        ResourceKey { kind: Kind::Application, namespace: "n".parse().unwrap(), name: "a".parse().unwrap() };
    let backend = Backend {
        id: Digest(0),
        name: String::new(),
        protocol: Protocol::Http,
        endpoints: Vec::new(),
        balance: Balance::RoundRobin,
        health: None,
        timeouts: Timeouts::default(),
    };
    Route {
        id: String::new(),
        source: key,
        api_index: 0,
        path,
        methods: methods.iter().map(|method| method.parse().unwrap()).collect(),
        headers: headers.iter().map(|(name, value)| (name.parse().unwrap(), (*value).to_owned())).collect(),
        authentication: None,
        backend: Arc::new(backend),
    }
}

fn table(routes: Vec<Route>) -> RouteTable {
    let numbered = routes.into_iter().enumerate().map(|(index, route)| Route { api_index: index, ..route });
    RouteTable::new(numbered.map(Arc::new).collect())
}

/// What a lookup says, in a form that can be compared.
#[derive(Debug, PartialEq)]
enum Said {
    Route(usize),
    Allowed(Vec<String>),
    Nothing,
}

fn said(table: &RouteTable, method: &str, path: &str, fields: &BTreeMap<&str, &str>) -> Said {
    match table.find(method, path, |name, value| fields.get(name) == Some(&value)) {
        RouteMatch::Found(route) => Said::Route(route.api_index),
        RouteMatch::Method { allowed } => {
            Said::Allowed(allowed.iter().map(|name| name.to_string()).collect())
        }
        RouteMatch::None => Said::Nothing,
    }
}

/// Which routes answer GET for each path, by their place in the list.
fn check(paths: Vec<PathMatch>, expected: &[(&str, Option<usize>)]) {
    let table = table(paths.into_iter().map(|path| route(path, &[], &[])).collect());
    for (path, index) in expected {
        let wanted = index.map_or(Said::Nothing, Said::Route);
        assert_eq!(said(&table, "GET", path, &BTreeMap::new()), wanted, "{path}");
    }
}

#[test]
fn an_exact_path_is_that_path_and_no_other() {
    check(
        vec![exact("/"), exact("/a"), exact("/b/")],
        &[
            ("/", Some(0)),
            ("/a", Some(1)),
            ("/a/", None),
            ("/b/", Some(2)),
            ("/b", None),
            ("/a/b", None),
            ("/ab", None),
        ],
    );
}

#[test]
fn a_prefix_covers_whole_segments_and_the_longest_wins() {
    check(
        vec![prefix("/a"), prefix("/a/b/"), exact("/a/c")],
        &[
            ("/a", Some(0)),
            ("/a/", Some(0)),
            ("/a/x/y", Some(0)),
            ("/ab", None),
            ("/", None),
            ("/a/b", Some(1)),
            ("/a/b/", Some(1)),
            ("/a/b/c", Some(1)),
            ("/a/bc", Some(0)),
            ("/a/c", Some(2)),
            ("/a/c/", Some(0)),
        ],
    );
}

#[test]
fn a_variable_takes_one_segment_whatever_it_holds_and_literals_go_first() {
    check(
        vec![template("/u/{id}"), template("/u/{id}/o/{n}"), template("/{kind}/me"), exact("/u/me")],
        &[
            ("/u/7", Some(0)),
            ("/u", None),
            ("/u/", None),
            ("/u/7/", None),
            ("/u/7/o", None),
            ("/u/7/o/1", Some(1)),
            ("/x/me", Some(2)),
            ("/u/me", Some(3)),
            ("/u/{id}", Some(0)),
        ],
    );
}

#[test]
fn a_template_goes_before_every_prefix_so_that_what_it_demands_is_demanded() {
    check(
        vec![prefix("/shop/admin"), template("/{tenant}/admin"), prefix("/")],
        &[("/shop/admin", Some(1)), ("/shop/admin/x", Some(0)), ("/shop", Some(2))],
    );
}

#[test]
fn a_method_that_no_route_has_is_told_from_a_path_that_is_not_there() {
    let table = table(vec![
        route(exact("/a"), &["PUT", "GET"], &[]),
        route(exact("/a"), &["POST"], &[]),
        route(prefix("/"), &["GET"], &[("x-tenant", "1")]),
    ]);
    let none = BTreeMap::new();
    assert_eq!(said(&table, "POST", "/a", &none), Said::Route(1));
    let allowed = ["GET", "POST", "PUT"].map(str::to_owned).to_vec();
    assert_eq!(said(&table, "DELETE", "/a", &none), Said::Allowed(allowed));
    // Who lacks the field is not told that there is something.
    assert_eq!(said(&table, "DELETE", "/b", &none), Said::Nothing);
    assert_eq!(said(&table, "GET", "/b", &none), Said::Nothing);
    assert_eq!(said(&table, "GET", "/b", &BTreeMap::from([("x-tenant", "2")])), Said::Nothing);
    assert_eq!(said(&table, "GET", "/b", &BTreeMap::from([("x-tenant", "1")])), Said::Route(2));
}

#[test]
fn at_one_path_more_header_matches_go_first_and_then_named_methods() {
    let table = table(vec![
        route(exact("/a"), &[], &[]),
        route(exact("/a"), &["GET"], &[]),
        route(exact("/a"), &[], &[("x-a", "1")]),
        route(exact("/a"), &[], &[("x-a", "1"), ("x-b", "1")]),
    ]);
    let fields = |names: &[&'static str]| names.iter().map(|name| (*name, "1")).collect::<BTreeMap<_, _>>();
    for (method, names, expected) in [
        ("POST", &[][..], 0),
        ("GET", &[], 1),
        ("GET", &["x-a"], 2),
        ("GET", &["x-b"], 1),
        ("GET", &["x-a", "x-b"], 3),
    ] {
        assert_eq!(said(&table, method, "/a", &fields(names)), Said::Route(expected), "{method} {names:?}");
    }
}

#[test]
fn a_less_specific_path_serves_the_methods_that_the_most_specific_one_has_not() {
    let table = table(vec![
        route(exact("/a/b"), &["GET"], &[]),
        route(template("/a/{x}"), &["PUT"], &[]),
        route(prefix("/a"), &["POST"], &[]),
    ]);
    for (method, expected) in [("GET", 0), ("PUT", 1), ("POST", 2)] {
        assert_eq!(said(&table, method, "/a/b", &BTreeMap::new()), Said::Route(expected), "{method}");
    }
}

/// The same by going through all routes: how a path fits, best first, or that it does not.
fn fit(pattern: &PathMatch, path: &str) -> Option<(u8, Vec<u8>, Reverse<usize>)> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match pattern {
        PathMatch::Exact(exact) => (exact.as_str() == path).then_some((0, Vec::new(), Reverse(0))),
        PathMatch::Template(template) => {
            let own: Vec<&str> = template.as_str().split('/').skip(1).collect();
            let fits = |(own, one): (&&str, &&str)| own == one || own.starts_with('{') && !one.is_empty();
            let whole = own.len() == segments.len() && own.iter().zip(&segments).all(fits);
            let variable = own.iter().map(|segment| u8::from(segment.starts_with('{'))).collect();
            whole.then_some((1, variable, Reverse(0)))
        }
        PathMatch::Prefix(prefix) => {
            let own: Vec<&str> = prefix.as_str().split('/').filter(|segment| !segment.is_empty()).collect();
            segments.starts_with(&own).then_some((2, Vec::new(), Reverse(own.len())))
        }
    }
}

fn model(table: &RouteTable, method: &str, path: &str, fields: &BTreeMap<&str, &str>) -> Said {
    let fitting = table.routes.iter().filter_map(|route| {
        let has =
            route.headers.iter().all(|(name, value)| fields.get(name.as_str()) == Some(&value.as_str()));
        let fit = fit(&route.path, path).filter(|_| has)?;
        Some(((fit, Reverse(route.headers.len()), route.methods.is_empty(), route.api_index), route))
    });
    let fitting: BTreeMap<_, _> = fitting.collect();
    let serves =
        |route: &Route| route.methods.is_empty() || route.methods.iter().any(|own| own.as_str() == method);
    if let Some(route) = fitting.values().find(|route| serves(route)) {
        return Said::Route(route.api_index);
    }
    let allowed: BTreeSet<_> = fitting.values().flat_map(|route| &route.methods).collect();
    if allowed.is_empty() {
        return Said::Nothing;
    }
    Said::Allowed(allowed.into_iter().map(ToString::to_string).collect())
}

fn any_path(segment: &'static str) -> impl Strategy<Value = String> {
    (proptest::collection::vec(segment, 0..4), any::<bool>()).prop_map(|(segments, slash)| {
        let slash = if slash && !segments.is_empty() { "/" } else { "" };
        format!("/{}{slash}", segments.join("/"))
    })
}

fn any_route() -> impl Strategy<Value = Route> {
    let path = prop_oneof![
        any_path("[ab]").prop_map(|path| exact(&path)),
        any_path("[ab]").prop_map(|path| prefix(&path)),
        any_path("[ab]|\\{[xy]\\}")
            .prop_filter("a template has a variable", |path| path.contains('{'))
            .prop_map(|path| template(&path)),
    ];
    let methods = proptest::sample::subsequence(vec!["DELETE", "GET", "POST"], 0..=2);
    let headers = proptest::sample::subsequence(vec![("x-a", "1"), ("x-a", "2"), ("x-b", "1")], 0..=2);
    (path, methods, headers).prop_map(|(path, methods, headers)| route(path, &methods, &headers))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_trie_says_what_going_through_all_routes_says(
        routes in proptest::collection::vec(any_route(), 0..24),
        paths in proptest::collection::vec(any_path("[abc]"), 1..12),
        fields in proptest::sample::subsequence(vec![("x-a", "1"), ("x-b", "1")], 0..=2),
    ) {
        let table = table(routes);
        let fields = fields.into_iter().collect();
        for path in &paths {
            for method in ["GET", "POST", "DELETE", "PUT"] {
                let expected = model(&table, method, path, &fields);
                prop_assert_eq!(said(&table, method, path, &fields), expected, "{} {}", method, path);
            }
        }
    }
}

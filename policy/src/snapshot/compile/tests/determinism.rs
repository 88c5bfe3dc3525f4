//! Invariant 1: the same input, byte for byte the same snapshot.

use proptest::prelude::*;

use super::*;

/// Resources of few names, so that they often lead to each other and sometimes collide.
fn any_resource() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..3u8, 0..2u8, proptest::collection::vec((any_path(), any::<bool>()), 0..4)).prop_map(
            |(name, namespace, api)| {
                let api = api.into_iter().map(|(path, open)| {
                    let authentication = if open { "none" } else { "{jwt: {issuer: corp}}" };
                    format!("{{path: {path}, authentication: {authentication}}}")
                });
                let api = api.collect::<Vec<_>>().join(", ");
                format!(
                    "{{apiVersion: causeway.dev/v1, kind: Application, metadata: {{name: a{name}, namespace: n{namespace}}}, \
                     spec: {{endpoints: [{{address: 10.0.0.1}}, {{address: 10.0.0.2}}], ports: [{{name: http-web, port: 80}}], api: [{api}]}}}}"
                )
            },
        ),
        4 => (0..3u8, proptest::sample::subsequence(vec!["n0", "n1"], 1..=2), any_domains(), any::<bool>()).prop_map(
            |(name, namespaces, domains, ours)| {
                let dns = if ours { "dns: {zone: example.com}, " } else { "" };
                format!(
                    "{{apiVersion: causeway.dev/v1, kind: SecureIngress, metadata: {{name: i{name}}}, \
                     spec: {{domains: [{}], certificate: {{issuer: ca}}, {dns}\
                     jwt: [{{name: corp, issuer: i, audiences: [a], jwks: {{uri: 'https://id.example/'}}}}], \
                     applications: {{namespaces: [{}]}}}}}}",
                    domains.join(", "),
                    namespaces.join(", "),
                )
            },
        ),
        2 => any::<bool>().prop_map(|private| {
            let spec = if private { "{privateCa: {}}" } else { "{acme: {email: a@example.com}}" };
            format!("{{apiVersion: causeway.dev/v1, kind: Issuer, metadata: {{name: ca}}, spec: {spec}}}")
        }),
        2 => (0..2u8, any::<bool>()).prop_map(|(name, record)| {
            let records = if record { "{name: d0, a: [192.0.2.9]}" } else { "{name: www, txt: [b, a]}" };
            format!(
                "{{apiVersion: causeway.dev/v1, kind: Zone, metadata: {{name: example.com, namespace: z{name}}}, \
                 spec: {{nameservers: [{{name: ns.example.com}}], records: [{records}]}}}}"
            )
        }),
    ]
}

fn any_path() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab]{1,2}".prop_map(|name| format!("{{exact: /{name}}}")),
        "[ab]".prop_map(|name| format!("{{prefix: /{name}/}}")),
        "[xy]".prop_map(|name| format!("{{template: '/u/{{{name}}}'}}")),
    ]
}

fn any_domains() -> impl Strategy<Value = Vec<&'static str>> {
    let domains =
        vec!["d0.example.com", "d1.example.com", "'*.d2.example.com'", "d3.example.com", "d4.example.org"];
    proptest::sample::subsequence(domains, 1..=2)
}

/// What compilation says, byte for byte.
fn bytes(resources: &BTreeMap<ResourceKey, Resource>) -> (bool, Vec<u8>) {
    let names = ["d0.example.com", "d1.example.com"];
    let stages = names.map(|name| (domain(name), Stage::Named)).into_iter().collect();
    match compiled_at(resources, &stages, &[]) {
        Ok(snapshot) => (true, serde_json::to_vec(&snapshot).unwrap()),
        Err(rejected) => (false, serde_json::to_vec(&rejected).unwrap()),
    }
}

/// The last of those that have the same name.
fn read(documents: &[String]) -> Vec<Resource> {
    let parsed = documents.iter().flat_map(|text| crate::document::parse("f", text).unwrap());
    let by_key: BTreeMap<_, _> = parsed.map(|parsed| (parsed.resource.key(), parsed.resource)).collect();
    by_key.into_values().collect()
}

fn by_key(resources: impl IntoIterator<Item = Resource>) -> BTreeMap<ResourceKey, Resource> {
    resources.into_iter().map(|resource| (resource.key(), resource)).collect()
}

/// Turns every list around whose order means nothing.
fn turned(mut resource: Resource) -> Resource {
    match &mut resource.spec {
        Spec::Application(spec) => {
            spec.endpoints.reverse();
            spec.ports.reverse();
        }
        Spec::SecureIngress(spec) => {
            spec.domains.reverse();
            spec.applications.namespaces.reverse();
        }
        Spec::Zone(spec) => spec.records.reverse(),
        Spec::Issuer(_) | Spec::Certificate(_) | Spec::Secret(_) | Spec::Role(_) | Spec::RoleBinding(_) => {}
    }
    resource
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_order_of_what_is_given_changes_no_byte(
        (documents, shuffled) in proptest::collection::vec(any_resource(), 1..10).prop_flat_map(|documents| {
            let read = read(&documents);
            (Just(read.clone()), Just(read).prop_shuffle())
        }),
    ) {
        let first = bytes(&by_key(documents));
        prop_assert_eq!(&bytes(&by_key(shuffled.clone())), &first);
        if first.0 {
            // Fields of a refusal count elements, so only what goes together is the same.
            prop_assert_eq!(&bytes(&by_key(shuffled.into_iter().map(turned))), &first);
        }
    }

    #[test]
    fn revisions_and_owners_notes_change_no_byte(
        documents in proptest::collection::vec(any_resource(), 1..10),
        revision in any::<u64>(),
    ) {
        let plain = by_key(read(&documents));
        let (good, expected) = bytes(&plain);
        prop_assume!(good);
        let mut stored = plain;
        for (number, resource) in (0..).zip(stored.values_mut()) {
            resource.metadata.resource_version = Some((revision ^ number).to_string());
            resource.metadata.generation = Some(number);
            resource.metadata.annotations.insert("note".into(), "x".into());
        }
        prop_assert_eq!(bytes(&stored).1, expected);
    }

    /// Mistakes that have nothing to do with each other do not hide each other.
    #[test]
    fn what_is_refused_of_all_is_what_is_refused_of_each(mistakes in proptest::sample::subsequence(MISTAKES.to_vec(), 0..=MISTAKES.len())) {
        let texts: Vec<_> = mistakes
            .iter()
            .enumerate()
            .map(|(number, (from, to))| {
                let text = GOOD.replace(from, to);
                let text = text.replace("example", &format!("example{number}"));
                text.replace("platform", &format!("platform{number}")).replace("bookinfo", &format!("bookinfo{number}"))
            })
            .collect();
        let refused = |text: &str| {
            if text.is_empty() {
                return Vec::new();
            }
            compiled(text).err().unwrap_or_default()
        };
        let mut of_each: Vec<_> = texts.iter().flat_map(|text| refused(text)).collect();
        of_each.sort();
        prop_assert!(of_each.len() >= mistakes.len());
        prop_assert_eq!(refused(&texts.join("---")), of_each);
    }
}

/// Edits of [`GOOD`] that are refused.
const MISTAKES: [(&str, &str); 6] = [
    ("issuer: corp}", "issuer: nobody}"),
    ("certificate: {issuer: acme}", "certificate: {issuer: none}"),
    ("zone: example.com", "zone: other.com"),
    ("'*.shop.example.com'", "shop.else.com"),
    ("email: ops@example.com", "email: ops@example.com, challenge: http01"),
    ("name: ns.example.com}]", "name: ns.example.com}], records: [{name: shop, a: [192.0.2.1]}]"),
];

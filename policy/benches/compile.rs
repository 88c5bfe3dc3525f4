//! How long a compilation takes at the size that a gateway is made for: `cargo bench -p policy`.
//!
//! It prints and does not judge: what another process does on the same cores would fail a judgement. Time on the core
//! is what a machine with nothing else to do would show.

#![expect(clippy::print_stdout, reason = "what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use policy::id::ResourceKey;
use policy::resource::Resource;
use policy::snapshot::{Generation, Input, Site, compile};

/// The size that DESIGN.md names.
const ROUTES: usize = 10_000;
/// Enough for a median.
const ROUNDS: usize = 15;

fn main() {
    measure("10,000 hosts, each with its application, ingress and issuer", &many_hosts());
    measure("one host with 10,000 paths of one application", &many_paths());
}

fn measure(what: &str, text: &str) {
    let parsed = policy::document::parse("bench.yaml", text).expect("what we write is well formed");
    let resources: BTreeMap<ResourceKey, Resource> =
        parsed.into_iter().map(|parsed| (parsed.resource.key(), parsed.resource)).collect();
    let site = Site { addresses: vec!["192.0.2.1".parse().expect("an address")] };
    let stages = BTreeMap::new();
    let mut elapsed = Vec::with_capacity(ROUNDS);
    let mut on_core = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let input = Input {
            generation: Generation(1),
            resources: &resources,
            site: &site,
            stages: &stages,
            interim: &BTreeMap::new(),
            departing: &[],
        };
        let (start, core_start) = (Instant::now(), time_on_core());
        let snapshot = compile(&input);
        elapsed.push(start.elapsed());
        on_core.push(time_on_core().saturating_sub(core_start));
        let snapshot = snapshot.expect("what we write goes together");
        let hosts = snapshot.ingress.hosts.by_domain().values();
        assert_eq!(hosts.map(|host| host.routes.routes.len()).sum::<usize>(), ROUTES);
    }
    println!("{what}:\n  elapsed {}\n  on core {}", summary(&mut elapsed), summary(&mut on_core));
}

fn summary(times: &mut [Duration]) -> String {
    times.sort();
    let (least, median, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    format!("median {median:.1?}, least {least:.1?}, most {most:.1?}")
}

/// How long this thread has run, to within a tick of the scheduler; zero where Linux does not say.
fn time_on_core() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

const ZONE: &str = "apiVersion: causeway.dev/v1\nkind: Zone\nmetadata: {name: example.com}\nspec: {nameservers: [{name: ns.example.com}]}\n";

fn many_hosts() -> String {
    let mut text = ZONE.to_owned();
    for n in 0..ROUTES {
        let written = write!(
            text,
            "---
apiVersion: causeway.dev/v1
kind: Application
metadata: {{name: app, namespace: n{n}}}
spec:
  endpoints: [{{address: 10.0.0.7}}]
  ports: [{{name: http-web, port: 80}}]
  api: [{{path: {{prefix: /}}, authentication: {{jwt: {{issuer: corp}}}}}}]
---
apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {{name: shop, namespace: n{n}}}
spec:
  domains: [h{n}.example.com]
  certificate: {{issuer: acme}}
  dns: {{zone: example.com}}
  jwt: [{{name: corp, issuer: 'https://id.example.com', audiences: [shop], jwks: {{uri: 'https://id.example.com/jwks'}}}}]
  applications: {{namespaces: [n{n}]}}
---
apiVersion: causeway.dev/v1
kind: Issuer
metadata: {{name: acme, namespace: n{n}}}
spec: {{acme: {{email: ops@example.com}}}}
"
        );
        written.expect("a String takes all");
    }
    text
}

fn many_paths() -> String {
    let mut text = ZONE.to_owned();
    text.push_str(
        "---
apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: acme}
spec: {acme: {email: ops@example.com}}
---
apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop}
spec:
  domains: [shop.example.com]
  certificate: {issuer: acme}
  dns: {zone: example.com}
  applications: {namespaces: [default]}
---
apiVersion: causeway.dev/v1
kind: Application
metadata: {name: app}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 80}]
  api:
",
    );
    for n in 0..ROUTES {
        let kind = ["exact", "prefix", "template"][n % 3];
        let below = if kind == "template" { "/{id}" } else { "" };
        let path = format!("/v{}/area{}/thing{n}{below}", n % 7, n % 101);
        let entry =
            writeln!(text, "    - {{path: {{{kind}: '{path}'}}, methods: [GET], authentication: none}}");
        entry.expect("a String takes all");
    }
    text
}

use policy::id::{Kind, ResourceKey, Span};
use policy::resource::secure_ingress::{Limits, PlainHttp};
use policy::snapshot::{HostDns, RouteTable};

use super::*;

const TTL: u32 = 60;

fn certificate() -> CertificateName {
    CertificateName(ResourceKey {
        kind: Kind::SecureIngress,
        namespace: "platform".parse().unwrap(),
        name: "shop".parse().unwrap(),
    })
}

fn ready(name: CertificateName, covered: &[&str]) -> Ready {
    [(name, covered.iter().map(|name| name.parse().unwrap()).collect())].into()
}

fn wanted(names: &[&str]) -> BTreeMap<Domain, Arc<Host>> {
    names
        .iter()
        .map(|name| {
            let domain: Domain = name.parse().unwrap();
            let host = Host {
                domain: domain.clone(),
                source: certificate().0,
                stage: Stage::Routed,
                certificate: certificate(),
                plain_http: PlainHttp::Redirect,
                hsts: None,
                limits: Limits::default(),
                dns: Some(HostDns { origin: "example.com".parse().unwrap(), ttl: Span::from_secs(TTL) }),
                routes: Arc::new(RouteTable::default()),
            };
            (domain, Arc::new(host))
        })
        .collect()
}

/// An exposure under test, with the generation that was last published.
struct Bench {
    exposure: Exposure,
    generation: u64,
    start: Instant,
}

impl Bench {
    fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "a starting point; the test moves on from it by itself"
        )]
        Self { exposure: Exposure::default(), generation: 0, start: Instant::now() }
    }

    fn publish(&mut self) {
        self.generation += 1;
        self.exposure.handle_published(Generation(self.generation));
    }

    fn enforce(&mut self, after_secs: u64) -> Outcome {
        let now = self.start + Duration::from_secs(after_secs);
        self.exposure.handle_enforced(Generation(self.generation), now)
    }

    fn want(&mut self, names: &[&str], after_secs: u64) {
        let now = self.start + Duration::from_secs(after_secs);
        let _moved = self.exposure.handle_wanted(&wanted(names), now);
        self.publish();
    }

    fn stage(&self) -> Option<Stage> {
        self.exposure.stages().get(&"shop.example.com".parse().unwrap()).copied()
    }

    fn exposed() -> Self {
        let mut bench = Self::new();
        bench.want(&["shop.example.com"], 0);
        let _moved = bench.exposure.handle_ready(ready(certificate(), &["shop.example.com"]));
        bench.publish();
        assert_eq!(bench.enforce(0), Outcome::Changed);
        bench.publish();
        assert_eq!(bench.stage(), Some(Stage::Named));
        bench
    }
}

#[test]
fn a_host_without_a_certificate_is_neither_listened_for_nor_named() {
    let mut bench = Bench::new();
    bench.want(&["shop.example.com"], 0);
    assert_eq!(bench.enforce(100), Outcome::Same);
    assert_eq!(bench.stage(), Some(Stage::Routed));
}

#[test]
fn a_name_waits_until_every_worker_listens() {
    let mut bench = Bench::new();
    bench.want(&["shop.example.com"], 0);
    assert_eq!(bench.exposure.handle_ready(ready(certificate(), &["shop.example.com"])), Outcome::Changed);
    assert_eq!(bench.stage(), Some(Stage::Listening));
    let before = bench.generation;
    bench.publish();
    let now = bench.start;
    assert_eq!(bench.exposure.handle_enforced(Generation(before), now), Outcome::Same);
    assert_eq!(bench.stage(), Some(Stage::Listening));
    assert_eq!(bench.enforce(0), Outcome::Changed);
    assert_eq!(bench.stage(), Some(Stage::Named));
}

#[test]
fn an_unwanted_host_loses_name_then_listener_then_routes() {
    let mut bench = Bench::exposed();
    bench.want(&[], 1000);
    assert_eq!(bench.stage(), Some(Stage::Listening), "the name goes at once");
    assert_eq!(bench.exposure.departing()[0].stage, Stage::Listening);
    assert_eq!(bench.enforce(1000 + u64::from(TTL) - 1), Outcome::Same, "caches may still hold the name");
    assert_eq!(bench.enforce(1000 + u64::from(TTL)), Outcome::Changed);
    assert_eq!(bench.stage(), Some(Stage::Routed), "then the listener");
    bench.publish();
    assert_eq!(bench.enforce(1000 + u64::from(TTL)), Outcome::Changed);
    assert_eq!(bench.stage(), None, "then the routes");
}

#[test]
fn a_step_down_waits_until_the_one_before_is_in_force() {
    let mut bench = Bench::exposed();
    let before = bench.generation;
    bench.want(&[], 0);
    let later = bench.start + Duration::from_secs(1000);
    assert_eq!(bench.exposure.handle_enforced(Generation(before), later), Outcome::Same);
    assert_eq!(bench.stage(), Some(Stage::Listening));
}

#[test]
fn a_host_that_is_wanted_again_while_it_leaves_climbs_back() {
    let mut bench = Bench::exposed();
    bench.want(&[], 0);
    bench.want(&["shop.example.com"], 1);
    assert_eq!(bench.enforce(1), Outcome::Changed);
    assert_eq!(bench.stage(), Some(Stage::Named));
    assert!(bench.exposure.departing().is_empty());
    assert_eq!(bench.exposure.poll_timeout(), None);
}

#[test]
fn a_host_that_was_never_named_leaves_without_waiting() {
    let mut bench = Bench::new();
    bench.want(&["shop.example.com"], 0);
    bench.want(&[], 1);
    assert_eq!(bench.enforce(1), Outcome::Changed);
    assert_eq!(bench.stage(), None);
}

#[test]
fn the_certificate_of_a_leaving_host_is_kept() {
    let mut bench = Bench::exposed();
    bench.want(&[], 0);
    assert_eq!(bench.exposure.outlived_certificates().collect::<Vec<_>>(), [&certificate()]);
}

#[test]
fn a_host_that_the_certificate_does_not_cover_waits_for_one_that_does() {
    let mut bench = Bench::exposed();
    bench.want(&["shop.example.com", "b.example.com"], 0);
    let b: Domain = "b.example.com".parse().unwrap();
    assert_eq!(bench.enforce(100), Outcome::Same);
    assert_eq!(bench.exposure.stages()[&b], Stage::Routed);
    let both = ready(certificate(), &["shop.example.com", "b.example.com"]);
    assert_eq!(bench.exposure.handle_ready(both), Outcome::Changed);
    assert_eq!(bench.exposure.stages()[&b], Stage::Listening);
}

#[test]
fn a_wildcard_covers_the_hosts_below_it() {
    let mut bench = Bench::new();
    bench.want(&["shop.example.com"], 0);
    assert_eq!(
        bench.exposure.handle_ready(ready(certificate(), &["*.shop.example.com"])),
        Outcome::Same,
        "but not the host itself"
    );
    assert_eq!(bench.exposure.handle_ready(ready(certificate(), &["*.example.com"])), Outcome::Changed);
}

#[test]
fn a_host_keeps_the_certificate_it_has_until_the_one_its_resource_names_now_is_there() {
    let mut bench = Bench::exposed();
    let shop: Domain = "shop.example.com".parse().unwrap();
    let own = CertificateName(ResourceKey { kind: Kind::Certificate, ..certificate().0 });
    let mut hosts = wanted(&["shop.example.com"]);
    Arc::make_mut(hosts.get_mut(&shop).unwrap()).certificate = own.clone();
    let _moved = bench.exposure.handle_wanted(&hosts, bench.start);
    bench.publish();
    assert_eq!(bench.exposure.interim(), [(shop.clone(), certificate())].into());
    assert_eq!(bench.exposure.outlived_certificates().collect::<Vec<_>>(), [&certificate()]);
    assert_eq!(bench.stage(), Some(Stage::Named));

    let mut both = ready(certificate(), &["shop.example.com"]);
    both.insert(own, vec![shop]);
    assert_eq!(bench.exposure.handle_ready(both), Outcome::Changed);
    assert!(bench.exposure.interim().is_empty());
    assert_eq!(bench.exposure.outlived_certificates().count(), 0);
    assert_eq!(bench.stage(), Some(Stage::Named));
}

#[test]
fn a_host_that_leaves_before_its_new_certificate_came_is_served_with_the_old_one() {
    let mut bench = Bench::exposed();
    let mut hosts = wanted(&["shop.example.com"]);
    let host = Arc::make_mut(hosts.values_mut().next().unwrap());
    host.certificate = CertificateName(ResourceKey { kind: Kind::Certificate, ..certificate().0 });
    let _moved = bench.exposure.handle_wanted(&hosts, bench.start);
    bench.want(&[], 0);
    assert_eq!(bench.exposure.departing()[0].certificate, certificate());
}

#[test]
fn a_host_leaves_after_the_longest_time_to_live_that_caches_heard_of() {
    let mut bench = Bench::exposed();
    let mut hosts = wanted(&["shop.example.com"]);
    let host = Arc::make_mut(hosts.values_mut().next().unwrap());
    host.dns.as_mut().unwrap().ttl = Span::from_secs(1);
    let _moved = bench.exposure.handle_wanted(&hosts, bench.start);
    bench.publish();
    bench.want(&[], 10);
    assert_eq!(bench.enforce(u64::from(TTL) - 1), Outcome::Same);
    assert_eq!(bench.enforce(u64::from(TTL)), Outcome::Changed);
}

#[test]
fn a_host_that_went_before_the_start_is_served_until_caches_have_forgotten_it() {
    let mut bench = Bench::new();
    bench.want(&[], 0);
    let hosts = wanted(&["shop.example.com"]);
    let (host, at) = (hosts.values().next().unwrap(), bench.start + Duration::from_secs(5));
    assert_eq!(bench.exposure.handle_departed(host, at), Outcome::Changed);
    bench.publish();
    assert_eq!(bench.exposure.departing()[0].stage, Stage::Listening);
    assert_eq!(bench.enforce(4), Outcome::Same);
    assert_eq!(bench.enforce(5), Outcome::Changed);
}

#[test]
fn a_host_that_went_before_the_start_and_is_wanted_again_comes_as_any_other() {
    let mut bench = Bench::new();
    bench.want(&["shop.example.com"], 0);
    let hosts = wanted(&["shop.example.com"]);
    assert_eq!(bench.exposure.handle_departed(hosts.values().next().unwrap(), bench.start), Outcome::Same);
    assert_eq!(bench.stage(), Some(Stage::Routed));
}

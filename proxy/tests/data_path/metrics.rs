//! What the data plane counts, as a scrape reads it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use policy::clock::{Clock as _, SystemClock};
use proxy::{ConnectionLimits, ListenerKind};
use rustls::{ClientConfig, RootCertStore};

use crate::app::App;
use crate::client::connect;
use crate::plane::{Plane, Wanted};

/// The value of the series of `family` whose last label is `last`.
fn series(plane: &Plane, family: &str, last: &str) -> Option<f64> {
    let families = plane.running.metrics();
    let metrics = families.iter().find(|own| own.name() == family)?.get_metric();
    let metric = metrics.iter().find(|metric| metric.get_label().last().unwrap().value() == last)?;
    Some(metric.get_counter().get_value().max(metric.get_gauge().get_value()))
}

fn wait_for(plane: &Plane, family: &str, last: &str, value: f64) {
    let end = SystemClock.monotonic() + Duration::from_secs(10);
    while series(plane, family, last) != Some(value) {
        assert!(SystemClock.monotonic() < end, "{family} of {last} is {:?}", series(plane, family, last));
        std::thread::yield_now();
    }
}

#[test]
fn failed_handshakes_are_counted_by_their_reason() {
    let limits =
        ConnectionLimits { handshake_timeout: Duration::from_secs(1), ..ConnectionLimits::default() };
    let plane = Plane::with_limits(&Wanted::default(), limits);
    let trust = plane.certify();
    let counted = |reason| wait_for(&plane, "causeway_tls_handshake_failures_total", reason, 1.0);
    let https = || connect(plane.address(ListenerKind::Https));

    assert!(plane.tls(&trust, "nobody.example.com").write_all(b"x").is_err());
    counted("no_certificate");

    https().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    counted("malformed");

    drop(https());
    counted("closed");

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let trusts_nobody = client.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    assert!(plane.tls(&Arc::new(trusts_nobody), "shop.example.com").write_all(b"x").is_err());
    counted("rejected_by_client");

    let mut odd = ClientConfig::clone(&trust);
    odd.alpn_protocols = vec![b"spdy/1".to_vec()];
    assert!(plane.tls(&Arc::new(odd), "shop.example.com").write_all(b"x").is_err());
    counted("incompatible");

    let _silent = https();
    counted("timeout");
    wait_for(&plane, "causeway_tls_handshakes_total", "failed", 6.0);
}

#[test]
fn the_endpoints_of_a_backend_are_counted_by_their_health() {
    let app = App::echo();
    let timeouts = "{connect: 2s}\n  health: {path: /, interval: 1s, unhealthyAfter: 1}";
    let wanted = Wanted { port: app.address.port(), timeouts, ..Wanted::default() };
    let plane = Plane::start(&wanted);
    let endpoints = "causeway_backend_endpoints";
    wait_for(&plane, endpoints, "healthy", 1.0);
    wait_for(&plane, endpoints, "unhealthy", 0.0);
    // Nothing listens there.
    plane.publish(&Wanted { port: 1, ..wanted }, 2);
    wait_for(&plane, endpoints, "unhealthy", 1.0);
    wait_for(&plane, endpoints, "healthy", 0.0);
}

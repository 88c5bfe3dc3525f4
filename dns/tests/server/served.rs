//! A running server, with zones as an operator writes them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use dns::Zones;
use policy::snapshot::{Generation, Input, Site, Stage, compile};
use tokio::runtime::Runtime;

/// Longer than any answer takes on a loaded machine. Where silence is expected, a later answer shows it instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Served {
    pub(crate) zones: Arc<Zones>,
    pub(crate) address: SocketAddr,
    server: Option<dns::Server>,
    runtime: Runtime,
}

impl Served {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let zones = Arc::new(Zones::with_serial(2_026_112_400));
        publish(&zones);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = runtime.block_on(dns::serve(&[any], Arc::clone(&zones))).unwrap();
        Self { zones, address: server.addresses()[0], server: Some(server), runtime }
    }

    pub(crate) fn udp(&self) -> UdpSocket {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub(crate) fn shutdown(mut self) -> SocketAddr {
        self.runtime.block_on(self.server.take().unwrap().shutdown());
        self.address
    }

    /// The value of a series, such as `causeway_dns_dropped_total`.
    pub(crate) fn counted(&self, series: &str) -> u64 {
        let text = prometheus::TextEncoder::new().encode_to_string(&self.zones.metrics()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

/// `shop` is exposed, `later` is not named yet.
const RESOURCES: &str = "
apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: ca, namespace: platform}
spec: {privateCa: {}}
---
apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: example.com, namespace: platform}
spec:
  nameservers: [{name: ns1.example.com, addresses: [192.0.2.1, '2001:db8::1']}, {name: ns2.elsewhere.test}]
  contact: dns.admin@example.com
  caa: [letsencrypt.org]
  records:
    - {name: '@', mx: [{preference: 10, exchange: mail.example.com}]}
    - {name: '@', txt: ['v=spf1 -all']}
    - {name: mail, a: [192.0.2.25]}
    - {name: www, cname: shop.example.com}
    - {name: '*.wild', a: [192.0.2.7]}
    - {name: long, txt: ['LONG']}
    - {name: big, txt: ['LONG1', 'LONG2', 'LONG3', 'LONG4', 'LONG5']}
    - {name: sub, ns: [ns.sub.example.com]}
    - {name: ns.sub, a: [192.0.2.53]}
---
apiVersion: causeway.dev/v1
kind: Application
metadata: {name: app, namespace: shop}
spec:
  endpoints: [{address: 127.0.0.1}]
  ports: [{name: http, port: 80}]
  api: [{path: {prefix: /}, authentication: none}]
---
apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com, later.example.com]
  certificate: {issuer: ca}
  dns: {zone: example.com, ttl: 60s}
  applications: {namespaces: [shop]}
";

fn publish(zones: &Zones) {
    let text = RESOURCES.replace("LONG", &"0123456789".repeat(40));
    let parsed = policy::document::parse("zones.yaml", &text).unwrap();
    let resources: BTreeMap<_, _> = parsed.into_iter().map(|p| (p.resource.key(), p.resource)).collect();
    let snapshot = compile(&Input {
        generation: Generation(1),
        resources: &resources,
        site: &Site { addresses: vec!["192.0.2.80".parse().unwrap(), "2001:db8::80".parse().unwrap()] },
        stages: &BTreeMap::from([("shop.example.com".parse().unwrap(), Stage::Named)]),
        interim: &BTreeMap::new(),
        departing: &[],
    });
    zones.publish(&snapshot.unwrap().zones);
}

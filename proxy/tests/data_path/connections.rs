//! Connections: kept, limited, replaced under way.

use std::io::{Read as _, Write as _};
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use proxy::ConnectionLimits;

use crate::app::{App, answer, read_head, read_to_end};
use crate::client::{ask, get, read};
use crate::plane::{Plane, Wanted};

#[test]
fn pipelined_requests_are_answered_in_order_over_one_connection() {
    let app = App::echo();
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let mut client = plane.client();
    client.write_all([get("/1"), get("/2"), get("/3")].concat().as_bytes()).unwrap();
    for path in ["/1", "/2", "/3"] {
        assert!(read(&mut client).body.starts_with(&format!("GET {path} ")));
    }
    assert_eq!(app.connections(), 1);
}

#[test]
fn a_kept_connection_that_the_app_closed_costs_no_request() {
    // The first connection answers once and dies upon the second request, unseen until then.
    let app = App::start(|number, mut stream| {
        while read_head(&mut stream).is_some() {
            answer(&mut stream, &number.to_string());
            if number == 0 {
                drop(read_head(&mut stream));
                return;
            }
        }
    });
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let mut client = plane.client();
    assert_eq!(ask(&mut client, &get("/")).body, "0");
    assert_eq!(ask(&mut client, &get("/")).body, "1");
}

#[test]
fn a_request_that_cannot_be_sent_twice_is_not() {
    let app = App::start(|_, mut stream| {
        drop(read_head(&mut stream));
        answer(&mut stream, "once");
        drop(read_head(&mut stream));
    });
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let mut client = plane.client();
    assert_eq!(ask(&mut client, &get("/")).body, "once");
    assert_eq!(ask(&mut client, "POST / HTTP/1.1\r\nhost: shop.example.com\r\n\r\n").status, 502);
    assert_eq!(app.connections(), 1);
}

#[test]
fn half_a_head_is_refused_when_its_time_is_over() {
    let limits = ConnectionLimits { head_timeout: Duration::from_millis(200), ..ConnectionLimits::default() };
    let plane = Plane::with_limits(&Wanted::default(), limits);
    let mut client = plane.client();
    assert_eq!(ask(&mut client, "GET / HTTP/1.1\r\nhost: shop").status, 408);
    assert_eq!(read_to_end(&mut client), b"");
}

#[test]
fn a_connection_above_the_limit_is_closed_and_those_below_go_on() {
    let app = App::echo();
    let limits = ConnectionLimits { connections_max: 1, ..ConnectionLimits::default() };
    let plane = Plane::with_limits(&Wanted { port: app.address.port(), ..Wanted::default() }, limits);
    let mut first = plane.client();
    assert_eq!(ask(&mut first, &get("/")).status, 200);
    assert_eq!(plane.client().read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(ask(&mut first, &get("/")).status, 200);
}

#[test]
fn an_app_that_never_answers_is_504() {
    let app = App::start(|_, mut stream| drop(read_to_end(&mut stream)));
    let timeouts = "{response: 200ms}";
    let plane = Plane::start(&Wanted { port: app.address.port(), timeouts, ..Wanted::default() });
    assert_eq!(ask(&mut plane.client(), &get("/")).status, 504);
}

#[test]
fn a_request_keeps_the_snapshot_that_it_began_with() {
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (begun, may_go_on) = (Mutex::new(begun), Mutex::new(may_go_on));
    let old = App::start(move |_, mut stream| {
        let _head = read_head(&mut stream);
        begun.lock().unwrap().send(()).unwrap();
        may_go_on.lock().unwrap().recv().unwrap();
        answer(&mut stream, "old");
    });
    let new = App::echo();
    let plane = Plane::start(&Wanted { port: old.address.port(), ..Wanted::default() });
    let mut client = plane.client();
    client.write_all(get("/").as_bytes()).unwrap();
    has_begun.recv_timeout(Duration::from_secs(10)).unwrap();
    plane.publish(&Wanted { port: new.address.port(), ..Wanted::default() }, 2);
    assert!(ask(&mut plane.client(), &get("/")).body.starts_with("GET / "));
    go_on.send(()).unwrap();
    assert_eq!(read(&mut client).body, "old");
    assert!(ask(&mut client, &get("/")).body.starts_with("GET / "));
}

#[test]
fn a_new_certificate_serves_new_handshakes_and_drops_no_connection() {
    let app = App::echo();
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let old = plane.certify();
    let mut kept = plane.tls(&old, "shop.example.com");
    assert_eq!(ask(&mut kept, &get("/")).status, 200);
    let new = plane.certify();
    assert_eq!(ask(&mut plane.tls(&new, "shop.example.com"), &get("/")).status, 200);
    assert_eq!(ask(&mut kept, &get("/")).status, 200);
}

#[test]
fn draining_ends_idle_connections_and_lets_requests_finish() {
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (begun, may_go_on) = (Mutex::new(begun), Mutex::new(may_go_on));
    let app = App::start(move |_, mut stream| {
        let _head = read_head(&mut stream);
        begun.lock().unwrap().send(()).unwrap();
        may_go_on.lock().unwrap().recv().unwrap();
        answer(&mut stream, "late");
    });
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let (mut idle, mut busy) = (plane.client(), plane.client());
    assert_eq!(ask(&mut idle, "GET / HTTP/1.1\r\nhost: nobody.example.com\r\n\r\n").status, 404);
    busy.write_all(get("/").as_bytes()).unwrap();
    has_begun.recv_timeout(Duration::from_secs(10)).unwrap();
    let running = plane.running;
    let draining = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(running.drain(Duration::from_secs(10)));
    });
    assert_eq!(read_to_end(&mut idle), b"");
    go_on.send(()).unwrap();
    let answer = read(&mut busy);
    assert_eq!((answer.body.as_str(), answer.field("connection")), ("late", Some("close")));
    drop(busy);
    draining.join().unwrap();
}

/// The last requests before a stop are those that an operator asks about.
#[tokio::test]
async fn what_was_answered_before_the_end_is_in_the_log() {
    let app = App::echo();
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let mut client = plane.client();
    for _ in 0..40 {
        ask(&mut client, &get("/"));
    }
    drop(client);
    let Plane { running, log, .. } = plane;
    running.drain(Duration::from_secs(10)).await;
    let lines = String::from_utf8(log.try_iter().flatten().collect()).unwrap();
    assert_eq!(lines.lines().count(), 40);
}

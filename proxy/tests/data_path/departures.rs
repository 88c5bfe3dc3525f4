//! Clients that leave before their answer is whole.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use crate::app::{App, answer, read_head, read_to_end};
use crate::client::{get, read};
use crate::plane::{Plane, Wanted};

/// An app that says `first` upon a request and then nothing, until the gateway leaves; each step is told.
fn silent(first: &'static str) -> (App, mpsc::Receiver<&'static str>) {
    let (steps, seen) = mpsc::channel();
    let steps = Mutex::new(steps);
    let app = App::start(move |_, mut stream| {
        drop(read_head(&mut stream));
        stream.write_all(first.as_bytes()).unwrap();
        let steps = steps.lock().unwrap().clone();
        steps.send("asked").unwrap();
        drop(read_to_end(&mut stream));
        steps.send("left").unwrap();
    });
    (app, seen)
}

/// Ends a connection with a reset rather than with the end of its stream.
fn reset(client: TcpStream) {
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
}

fn next(steps: &mpsc::Receiver<&'static str>) -> &'static str {
    steps.recv_timeout(Duration::from_secs(10)).expect("a step of the app")
}

#[test]
fn a_client_that_leaves_while_the_app_thinks_ends_the_request_there() {
    for leave in [reset, drop] {
        let (app, steps) = silent("");
        let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
        let mut client = plane.client();
        client.write_all(get("/slow").as_bytes()).unwrap();
        assert_eq!(next(&steps), "asked");
        leave(client);
        assert_eq!(next(&steps), "left");
        let logged = plane.logged();
        assert!(logged.contains(r#""status":499"#) && logged.contains(r#""client_gone""#), "{logged}");
    }
}

#[test]
fn a_client_that_leaves_within_a_silent_answer_ends_it_there() {
    for leave in [reset, drop] {
        let (app, steps) = silent("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n");
        let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
        let mut client = plane.client();
        client.write_all(get("/slow").as_bytes()).unwrap();
        assert_eq!(next(&steps), "asked");
        assert!(read_head(&mut client).unwrap().starts_with("HTTP/1.1 200 "));
        client.read_exact(&mut [0; 7]).unwrap();
        leave(client);
        assert_eq!(next(&steps), "left");
        let logged = plane.logged();
        assert!(logged.contains(r#""client_gone""#), "{logged}");
    }
}

#[test]
fn a_client_that_only_ended_its_own_side_still_gets_its_answer() {
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let app = App::start(move |_, mut stream| {
        drop(read_head(&mut stream));
        may_go_on.lock().unwrap().recv().unwrap();
        answer(&mut stream, "late");
    });
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let mut client = plane.client();
    client.write_all(get("/").as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(read(&mut client).body, "late");
}

#[test]
fn a_request_that_came_early_does_not_hide_in_the_one_that_is_served() {
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let app = App::start(move |_, mut stream| {
        while let Some(head) = read_head(&mut stream) {
            if head.starts_with("GET /1 ") {
                may_go_on.lock().unwrap().recv().unwrap();
            }
            answer(&mut stream, &head[5..6]);
        }
    });
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let mut client = plane.client();
    client.write_all(get("/1").as_bytes()).unwrap();
    client.write_all(get("/2").as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(read(&mut client).body, "1");
    assert_eq!(read(&mut client).body, "2");
}

//! What a request may do.

use std::io::Write as _;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::App;
use crate::client::{ask, get};
use crate::frames::{Reply, ask_in_frames, get_fields};
use crate::plane::{Plane, Wanted};

#[test]
fn a_request_reaches_the_app_with_what_only_the_edge_may_say() {
    let app = App::echo();
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let request = "GET /a?b=c HTTP/1.1\r\nhost: Shop.Example.com\r\nx-forwarded-for: 6.6.6.6\r\n\r\n";
    let answer = ask(&mut plane.client(), request);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.starts_with("GET /a?b=c HTTP/1.1\r\nhost: shop.example.com\r\n"), "{answer:?}");
    assert!(answer.body.contains("x-forwarded-for: 127.0.0.1\r\n"), "{answer:?}");
    assert!(!answer.body.contains("6.6.6.6"), "{answer:?}");
    let id = answer.field("x-request-id").unwrap();
    assert!(answer.body.contains(&format!("x-request-id: {id}\r\n")), "{answer:?}");
}

#[test]
fn what_is_not_exposed_is_refused_and_the_connection_lives_on() {
    let app = App::echo();
    let api = "[{path: {exact: /a}, methods: [GET, POST], authentication: none}]";
    let plane = Plane::start(&Wanted { port: app.address.port(), api, ..Wanted::default() });
    let mut client = plane.client();
    assert_eq!(ask(&mut client, &get("/b")).status, 404);
    let refused = ask(&mut client, "DELETE /a HTTP/1.1\r\nhost: shop.example.com\r\n\r\n");
    assert_eq!((refused.status, refused.field("allow")), (405, Some("GET, HEAD, POST")));
    assert_eq!(ask(&mut client, "GET /a HTTP/1.1\r\nhost: nobody.example.com\r\n\r\n").status, 404);
    assert_eq!(ask(&mut client, &get("/a")).status, 200);
    assert_eq!(ask(&mut client, &get("/x/../a")).status, 400);
    assert_eq!(app.connections(), 1);
}

/// Invariant 3: a route is chosen by what the app will see.
#[test]
fn a_field_that_does_not_reach_the_app_chooses_no_route() {
    let app = App::echo();
    let api = "[{path: {exact: /tenant}, headers: {x-tenant: a}, authentication: none}, \
                {path: {exact: /address}, headers: {x-real-ip: 6.6.6.6}, authentication: none}, \
                {path: {exact: /te}, headers: {te: trailers}, authentication: none}]";
    let plane = Plane::start(&Wanted { port: app.address.port(), api, ..Wanted::default() });
    let mut client = plane.client();
    let mut status = |path: &str, fields: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: shop.example.com\r\n{fields}\r\n");
        ask(&mut client, &request).status
    };
    assert_eq!(status("/tenant", "x-tenant: a\r\n"), 200);
    assert_eq!(status("/tenant", "x-tenant: a\r\nconnection: x-tenant\r\n"), 404);
    assert_eq!(status("/address", "x-real-ip: 6.6.6.6\r\n"), 404);
    assert_eq!(status("/te", "te: trailers\r\n"), 404);
    let trust = plane.certify();
    let reply = |path, name, value| ask_in_frames(&plane, &trust, &get_fields(path, &[(name, value)]), &[]);
    assert_eq!(reply("/tenant", "x-tenant", "a"), Reply::Status(200));
    assert_eq!(reply("/address", "x-real-ip", "6.6.6.6"), Reply::Status(404));
    assert_eq!(reply("/te", "te", "trailers"), Reply::Status(404));
}

#[test]
fn plain_http_leads_to_https_but_challenges_are_answered() {
    let plane = Plane::start(&Wanted { ingress: "http: redirect", ..Wanted::default() });
    plane.challenge("token", "token.thumbprint");
    let mut client = plane.client();
    let redirect = ask(&mut client, &get("/a?b"));
    let port = plane.address(proxy::ListenerKind::Https).port();
    let expected = format!("https://shop.example.com:{port}/a?b");
    assert_eq!((redirect.status, redirect.field("location")), (308, Some(expected.as_str())));
    let answer = ask(&mut client, &get("/.well-known/acme-challenge/token"));
    assert_eq!((answer.status, answer.body.as_str()), (200, "token.thumbprint"));
    assert_eq!(ask(&mut client, &get("/.well-known/acme-challenge/other")).status, 308);
}

#[test]
fn a_connection_speaks_for_the_name_of_its_certificate_alone() {
    let app = App::echo();
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let trust = plane.certify();
    let mut client = plane.tls(&trust, "shop.example.com");
    let answer = ask(&mut client, &get("/"));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.field("strict-transport-security").is_some(), "{answer:?}");
    assert_eq!(ask(&mut client, "GET / HTTP/1.1\r\nhost: other.example.com\r\n\r\n").status, 421);
}

#[test]
fn a_name_that_is_not_served_gets_no_certificate() {
    let plane = Plane::start(&Wanted::default());
    let trust = plane.certify();
    let mut client = plane.tls(&trust, "nobody.example.com");
    assert!(client.write_all(b"x").and_then(|()| client.flush()).is_err());
}

/// An issuer's key as `spec.jwt` and the data path read it, and a way to sign with it.
fn issuer() -> (String, impl Fn(&str) -> String) {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = key.public_key().as_ref().to_vec();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..65]));
    let jwks =
        format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","alg":"ES256","kid":"k","x":"{x}","y":"{y}"}}]}}"#);
    let sign = move |claims: &str| {
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"k"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    (jwks, sign)
}

#[test]
fn a_token_is_asked_for_and_never_over_plain_http() {
    let app = App::echo();
    let api = "[{path: {prefix: /}, authentication: {jwt: {issuer: corp, claims: {team: web}}}}]";
    let (jwks, sign) = issuer();
    let ingress = format!(
        "http: serve\n  jwt: [{{name: corp, issuer: 'https://id', audiences: [a], jwks: {{inline: '{jwks}'}}}}]"
    );
    let plane =
        Plane::start(&Wanted { port: app.address.port(), api, ingress: &ingress, ..Wanted::default() });
    let trust = plane.certify();
    assert_eq!(ask(&mut plane.client(), &get("/")).status, 308);
    let mut client = plane.tls(&trust, "shop.example.com");
    let refused = ask(&mut client, &get("/"));
    assert_eq!(refused.status, 401, "{refused:?}");
    assert!(refused.field("www-authenticate").unwrap().starts_with("Bearer"), "{refused:?}");

    let snapshot = plane.current.load();
    let routes = &snapshot.ingress.host("shop.example.com").unwrap().routes.routes;
    let provider = routes[0].authentication.as_ref().unwrap().provider.key_set;
    let mut status = |token: &str| {
        let request =
            format!("GET / HTTP/1.1\r\nhost: shop.example.com\r\nauthorization: Bearer {token}\r\n\r\n");
        ask(&mut client, &request).status
    };
    let good = sign(r#"{"iss":"https://id","aud":"a","sub":"ada","team":"web","exp":4000000000}"#);
    assert_eq!(status(&good), 401, "no keys are known yet");
    plane.key_sets.publish(provider, proxy::jwt::KeySet::parse(jwks.as_bytes()).unwrap());
    assert_eq!(status("a.b.c"), 401);
    assert_eq!(status(&sign(r#"{"iss":"https://id","aud":"other","team":"web","exp":4000000000}"#)), 401);
    assert_eq!(status(&sign(r#"{"iss":"https://id","aud":"a","team":"ops","exp":4000000000}"#)), 403);
    assert_eq!(app.connections(), 0);
    assert_eq!(status(&good), 200);
    assert!(!plane.key_sets.take_missed(provider), "every key was there");
    let (others, _) = issuer();
    let others = others.replace(r#""kid":"k""#, r#""kid":"other""#);
    plane.key_sets.publish(provider, proxy::jwt::KeySet::parse(others.as_bytes()).unwrap());
    assert_eq!(status(&good), 401, "its key is not among them");
    assert!(plane.key_sets.take_missed(provider), "who keeps the keys is told");
    assert!(!plane.key_sets.take_missed(provider), "and once is enough");
}

#[test]
fn an_app_that_is_not_there_is_502() {
    let plane = Plane::start(&Wanted::default());
    assert_eq!(ask(&mut plane.client(), &get("/")).status, 502);
}

//! What the types of resources take by themselves.

use super::application::{PathText, Port, Protocol};
use super::secret::Secret;
use super::zone::RelativeName;

#[test]
fn paths_are_taken_only_in_canonical_form() {
    for (path, good) in [
        ("/", true),
        ("/static/", true),
        ("/a/b.c/~d", true),
        ("/users/{id}", true),
        ("/a:b@c,d=e", true),
        ("", false),
        ("a", false),
        ("//", false),
        ("/a//b", false),
        ("/./a", false),
        ("/a/..", false),
        ("/...", true),
        ("/a;b", false),
        ("/a%2fb", false),
        ("/a\\b", false),
        ("/a?b", false),
        ("/a#b", false),
        ("/é", false),
        ("/a b", false),
        ("/a\0", false),
    ] {
        assert_eq!(path.parse::<PathText>().is_ok(), good, "{path}");
    }
    assert!(format!("/{}", "a".repeat(1023)).parse::<PathText>().is_ok());
    assert!(format!("/{}", "a".repeat(1024)).parse::<PathText>().is_err());
}

#[test]
fn a_protocol_is_declared_by_the_field_or_by_the_prefix_of_the_name() {
    for (name, protocol, expected) in [
        ("http-web", None, Some(Protocol::Http)),
        ("http", None, Some(Protocol::Http)),
        ("http2-web", None, Some(Protocol::Http2)),
        ("grpc-api", None, Some(Protocol::Grpc)),
        ("tls-x", None, Some(Protocol::Tls)),
        ("https-web", None, None),
        ("httpweb", None, None),
        ("web-http", None, None),
        ("web", Some(Protocol::Tcp), Some(Protocol::Tcp)),
        ("http-web", Some(Protocol::Grpc), Some(Protocol::Grpc)),
    ] {
        let port = Port { name: name.parse().unwrap(), port: std::num::NonZeroU16::MIN, protocol };
        assert_eq!(port.declared_protocol(), expected, "{name}");
    }
}

#[test]
fn names_of_records_are_relative() {
    for (name, good) in [
        ("@", true),
        ("*", true),
        ("www", true),
        ("*.shop", true),
        ("_dmarc", true),
        ("a.b", true),
        ("www.", false),
        ("", false),
        ("a.*", false),
        ("a b", false),
    ] {
        assert_eq!(name.parse::<RelativeName>().is_ok(), good, "{name}");
    }
    assert_eq!("WWW".parse::<RelativeName>().unwrap().as_str(), "www");
}

#[test]
fn the_debug_form_of_a_secret_hides_its_values() {
    let secret: Secret = serde_json::from_str(r#"{"stringData": {"token": "hunter2"}}"#).unwrap();
    assert_eq!(secret.string_data["token"].reveal(), "hunter2");
    let shown = format!("{secret:?}");
    assert!(shown.contains("token") && !shown.contains("hunter2"), "{shown}");
}

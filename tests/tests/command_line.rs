//! The command line against a running gateway: what it says.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use tests::gateway::{Gateway, binary};

const ZONE: &str = "apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: example.com, namespace: platform}
spec: {nameservers: [{name: ns1.example.com}]}
";

#[test]
fn each_command_says_what_it_did_or_where_to_look() {
    let mut gateway = Gateway::prepare();
    gateway.start();
    let said = |arguments: &[&str], code: i32, expected: &str| {
        let (ended, out, error) = gateway.causeway(arguments);
        assert_eq!(ended, code, "{arguments:?}: {out}{error}");
        assert!(format!("{out}{error}").contains(expected), "{arguments:?}: {out}{error}");
    };
    said(&["get", "zones"], 0, "none found");
    gateway.apply("zone.yaml", ZONE);
    said(&["get", "zone/example.com"], 0, "example.com");

    let elsewhere = "there is no Zone default/example.com, but one in platform; add -n platform";
    said(&["wait", "zone/example.com"], 2, elsewhere);
    said(&["delete", "zone", "example.com"], 2, elsewhere);
    said(&["delete", "zone/none", "-n", "platform"], 2, "there is no");
    said(&["wait", "zone/example.com", "-n", "platform", "--timeout", "30s"], 0, "");

    let passphrase = gateway.write("passphrase", "correct horse battery staple");
    let file = gateway.write("all", "of a mode that everyone can read");
    said(&["export", "-o", &file, "--passphrase-file", &passphrase], 0, "exported to");
    let mode = std::fs::metadata(&file).map(|metadata| metadata.permissions().mode() & 0o777);
    assert_eq!(mode.ok(), Some(0o600));
    said(&["import", "-f", &file, "--passphrase-file", &passphrase], 0, "imported");
    said(&["renew"], 0, "every certificate");
    said(&["delete", "zone/example.com", "-n", "platform"], 0, "Zone platform/example.com deleted");
}

#[test]
fn a_reader_that_has_enough_is_no_fault() {
    for arguments in [&["completions", "bash"][..], &["crds"]] {
        let mut command = Command::new(binary());
        let command = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && error.is_empty(), "{arguments:?}: {error}");
    }
}

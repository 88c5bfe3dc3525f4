use super::faults;

/// The codes of a text's faults.
fn codes(text: &str) -> Vec<Option<&'static str>> {
    faults(text).iter().map(|fault| fault.code).collect()
}

const APPLICATION: &str = "apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web}
spec: {endpoints: [{address: 10.0.0.7}], ports: [{name: http-web, port: 80}]}
";

#[test]
fn a_port_without_a_protocol_is_refused_under_its_code() {
    assert_eq!(codes(&APPLICATION.replace("http-web", "web")), [Some("CW0103")]);
    assert!(super::parse("f", &APPLICATION.replace("http-web", "tcp-web")).is_ok());
}

#[test]
fn a_later_api_version_is_refused_under_the_code_of_releases_and_another_one_is_not() {
    assert_eq!(codes(&APPLICATION.replace("dev/v1", "dev/v2")), [Some("CW0105")]);
    assert_eq!(codes(&APPLICATION.replace("dev/v1", "dev/v0")), [None]);
    assert_eq!(codes(&APPLICATION.replace("causeway.dev/v1", "apps/v2")), [None]);
}

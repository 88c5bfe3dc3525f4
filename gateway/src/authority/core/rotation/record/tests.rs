use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::*;
use crate::authority::core::rotation::{Instance, Node};

fn at(hours: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_secs(3600) * hours
}

fn authority(name: &str) -> AuthorityId {
    AuthorityId::of_key(name.as_bytes())
}

fn instance(name: &str) -> Instance {
    Instance { id: "spiffe://east/a".parse().unwrap(), name: name.parse().unwrap() }
}

/// Every step of a rotation, as it is after each.
fn steps() -> Vec<Rotation> {
    let mut rotation = Rotation::default();
    let mut seen = vec![rotation.clone()];
    let mut step = |act: &dyn Fn(&mut Rotation)| {
        act(&mut rotation);
        seen.push(rotation.clone());
    };
    let serial = Serial::from_random([7; 16]);
    let life = Duration::from_secs(3600);
    step(&|it| assert!(it.prepare(authority("a"), SvidKind::X509, at(1000)).is_ok()));
    step(&|it| it.activate(&authority("a"), at(0)).unwrap());
    step(&|it| it.handle_joined(Node::Sidecar(instance("one")), it.sequence()).unwrap());
    step(&|it| it.handle_joined(Node::Peer("west".parse().unwrap()), it.sequence()).unwrap());
    step(&|it| assert!(it.permit(SvidKind::X509, instance("one"), serial, life, at(0)).is_ok()));
    step(&|it| assert!(it.prepare(authority("b"), SvidKind::X509, at(2000)).is_ok()));
    step(&|it| {
        let sequence = it.sequence();
        assert!(it.handle_acknowledged(&Node::Sidecar(instance("one")), sequence).unwrap());
        assert!(it.handle_acknowledged(&Node::Peer("west".parse().unwrap()), sequence).unwrap());
    });
    step(&|it| it.activate(&authority("b"), at(1)).unwrap());
    step(&|it| assert!(it.taint(&authority("a"), at(1)).is_ok()));
    step(&|it| assert!(it.revoke(&authority("a"), None, at(5)).is_ok()));
    seen
}

#[test]
fn a_rotation_that_is_kept_is_the_same_when_it_is_read_at_every_step() {
    for rotation in steps() {
        let text = serde_json::to_string(&rotation).unwrap();
        assert_eq!(serde_json::from_str::<Rotation>(&text).unwrap(), rotation, "{text}");
    }
}

#[test]
fn what_depended_before_a_restart_depends_after_it() {
    let kept = serde_json::to_value(&steps()[8]).unwrap();
    let mut read: Rotation = serde_json::from_value(kept).unwrap();
    let refused = read.revoke(&authority("a"), None, at(0)).unwrap_err();
    assert!(refused.to_string().contains("spiffe://east/a (one)"), "{refused}");
}

fn refused(alter: impl FnOnce(&mut Value)) -> String {
    let mut kept = serde_json::to_value(&steps()[8]).unwrap();
    alter(&mut kept);
    serde_json::from_value::<Rotation>(kept).unwrap_err().to_string()
}

#[test]
fn a_record_that_contradicts_itself_is_refused() {
    let (a, b) = (authority("a"), authority("b"));
    let said = refused(|kept| kept["authorities"][a.as_str()]["stage"] = json!("active"));
    assert!(said.contains("two authorities sign X509"), "{said}");
    let said = refused(|kept| kept["authorities"][b.as_str()]["since"] = json!(9));
    assert!(said.contains("of a bundle that there is not yet"), "{said}");
    let said = refused(|kept| kept["census"][0][1] = json!(9));
    assert!(said.contains("bundle 9 is acknowledged"), "{said}");
    let said = refused(|kept| kept["authorities"][a.as_str()]["stage"] = json!("revoked"));
    assert!(said.contains("which there is not, or is revoked"), "{said}");
    let said = refused(|kept| kept["holdings"][0][1][0]["authority"] = json!("A"));
    assert!(said.contains("no authority has the id"), "{said}");
    let said = refused(|kept| kept["holdings"][0][1][0]["serial"][0] = json!(128));
    assert!(said.contains("positive"), "{said}");
    let said = refused(|kept| kept["more"] = json!(1));
    assert!(said.contains("unknown field"), "{said}");
}

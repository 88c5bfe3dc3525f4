use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn at(hours: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000) + HOUR * hours
}

fn authority(name: &str) -> AuthorityId {
    AuthorityId::of_key(name.as_bytes())
}

fn instance(name: &str) -> Instance {
    Instance { id: "spiffe://east/a".parse().unwrap(), name: name.parse().unwrap() }
}

fn sidecar(name: &str) -> Node {
    Node::Sidecar(instance(name))
}

fn serial(number: u8) -> Serial {
    Serial::from_random([number; 16])
}

fn x509(rotation: &mut Rotation, holder: &str, number: u8, now: SystemTime) -> Result<Permit, Refused> {
    rotation.permit(SvidKind::X509, instance(holder), serial(number), HOUR * 24, now)
}

/// A site with an active authority `a` and these sidecars, which all trust it.
fn site(sidecars: &[&str]) -> Rotation {
    let mut rotation = Rotation::default();
    rotation.prepare(authority("a"), SvidKind::X509, at(1000)).unwrap();
    rotation.activate(&authority("a"), at(0)).unwrap();
    for name in sidecars {
        rotation.handle_joined(sidecar(name), rotation.sequence()).unwrap();
    }
    rotation
}

fn acknowledge(rotation: &mut Rotation, name: &str) {
    let sequence = rotation.sequence();
    assert_eq!(rotation.handle_acknowledged(&sidecar(name), sequence), Ok(true));
}

fn stage(rotation: &Rotation, name: &str) -> Stage {
    rotation.authorities()[&authority(name)].stage
}

fn in_bundle(rotation: &Rotation) -> BTreeSet<AuthorityId> {
    rotation.bundle().map(|(id, _)| id.clone()).collect()
}

#[test]
fn the_first_authority_of_a_new_site_waits_for_nobody() {
    let mut rotation = Rotation::default();
    assert_eq!(x509(&mut rotation, "one", 1, at(0)), Err(Refused::NoneActive(SvidKind::X509)));
    assert_eq!(rotation.prepare(authority("a"), SvidKind::X509, at(1000)), Ok(BundleSequence(1)));
    assert_eq!(x509(&mut rotation, "one", 1, at(0)), Err(Refused::NoneActive(SvidKind::X509)));
    rotation.activate(&authority("a"), at(0)).unwrap();
    let permit = x509(&mut rotation, "one", 1, at(0)).unwrap();
    assert_eq!((permit.authority(), permit.not_after()), (&authority("a"), at(24)));
}

#[test]
fn a_new_authority_signs_only_once_everyone_has_acknowledged_it_and_until_then_they_are_named() {
    let mut rotation = site(&["one", "two"]);
    let peer = Node::Peer("west".parse().unwrap());
    rotation.handle_joined(peer.clone(), rotation.sequence()).unwrap();
    let sequence = rotation.prepare(authority("b"), SvidKind::X509, at(1000)).unwrap();
    let refused = |missing: &[Node]| {
        Err(Refused::NotAcknowledged { sequence, missing: missing.iter().cloned().collect() })
    };
    assert_eq!(
        rotation.activate(&authority("b"), at(0)),
        refused(&[sidecar("one"), sidecar("two"), peer.clone()])
    );
    acknowledge(&mut rotation, "one");
    rotation.handle_acknowledged(&peer, sequence).unwrap();
    assert_eq!(rotation.activate(&authority("b"), at(0)), refused(&[sidecar("two")]));
    assert_eq!(rotation.progress(), (3, [sidecar("two")].into()));
    assert_eq!(x509(&mut rotation, "one", 1, at(0)).unwrap().authority(), &authority("a"));
    acknowledge(&mut rotation, "two");
    rotation.activate(&authority("b"), at(0)).unwrap();
    assert_eq!((stage(&rotation, "a"), stage(&rotation, "b")), (Stage::Old, Stage::Active));
    assert_eq!(x509(&mut rotation, "one", 2, at(0)).unwrap().authority(), &authority("b"));
}

#[test]
fn what_operators_read_names_who_is_missing_and_who_depends() {
    let mut rotation = rotated();
    let refused = rotation.revoke(&authority("a"), None, at(1)).unwrap_err().to_string();
    let expected = format!(
        "authority {} is still depended on by spiffe://east/a (one), spiffe://east/a (two)",
        authority("a")
    );
    assert_eq!(refused, expected);
    let peers = ["p1", "p2", "p3", "p4"].map(|name| Node::Peer(name.parse().unwrap()));
    for peer in &peers {
        rotation.handle_joined(peer.clone(), rotation.sequence()).unwrap();
    }
    rotation.prepare(authority("c"), SvidKind::X509, at(1000)).unwrap();
    let refused = rotation.activate(&authority("c"), at(1)).unwrap_err().to_string();
    let expected = "bundle 3 is not acknowledged by sidecar spiffe://east/a (one), sidecar spiffe://east/a (two), \
                    peer p1, peer p2, peer p3 and 1 more";
    assert_eq!(refused, expected);
}

#[test]
fn who_has_departed_is_not_waited_for() {
    let mut rotation = site(&["one", "gone"]);
    rotation.prepare(authority("b"), SvidKind::X509, at(1000)).unwrap();
    acknowledge(&mut rotation, "one");
    assert!(rotation.activate(&authority("b"), at(0)).is_err());
    rotation.handle_departed(&sidecar("gone"));
    assert_eq!(rotation.activate(&authority("b"), at(0)), Ok(()));
}

#[test]
fn a_node_begins_to_enforce_only_with_the_bundle_in_force() {
    let mut rotation = site(&[]);
    let old = rotation.sequence();
    let new = rotation.prepare(authority("b"), SvidKind::X509, at(1000)).unwrap();
    assert_eq!(rotation.handle_joined(sidecar("one"), old), Err(Refused::Behind { needed: new }));
    assert_eq!(rotation.handle_joined(sidecar("one"), new), Ok(()));
}

#[test]
fn acknowledgements_do_not_go_back_and_do_not_run_ahead() {
    let mut rotation = site(&["one"]);
    let old = rotation.sequence();
    let new = rotation.prepare(authority("b"), SvidKind::X509, at(1000)).unwrap();
    acknowledge(&mut rotation, "one");
    assert_eq!(rotation.handle_acknowledged(&sidecar("one"), old), Ok(true));
    assert_eq!(rotation.progress().1, BTreeSet::new());
    let ahead = BundleSequence(new.0 + 1);
    let refused = Err(Refused::FutureBundle { offered: ahead, current: new });
    assert_eq!(rotation.handle_acknowledged(&sidecar("one"), ahead), refused);
    assert_eq!(rotation.handle_acknowledged(&sidecar("stranger"), new), Ok(false));
    assert_eq!(rotation.progress().0, 1);
}

/// A site where `b` has followed `a`, and `one` and `two` hold SVIDs of `a`.
fn rotated() -> Rotation {
    let mut rotation = site(&["one", "two"]);
    x509(&mut rotation, "one", 1, at(0)).unwrap();
    x509(&mut rotation, "two", 2, at(0)).unwrap();
    rotation.prepare(authority("b"), SvidKind::X509, at(1000)).unwrap();
    acknowledge(&mut rotation, "one");
    acknowledge(&mut rotation, "two");
    rotation.activate(&authority("b"), at(1)).unwrap();
    rotation
}

#[test]
fn revoking_is_refused_while_someone_depends_and_names_them() {
    let mut rotation = rotated();
    let refused = |holders: &[&str]| {
        let holders = holders.iter().map(|name| instance(name)).collect();
        Err(Refused::DependedOn { authority: authority("a"), holders })
    };
    assert_eq!(rotation.revoke(&authority("a"), None, at(1)), refused(&["one", "two"]));
    // A new SVID that may not have arrived replaces nothing.
    x509(&mut rotation, "one", 3, at(1)).unwrap();
    assert_eq!(rotation.revoke(&authority("a"), None, at(1)), refused(&["one", "two"]));
    rotation.handle_installed(&instance("one"), serial(3));
    assert_eq!(rotation.revoke(&authority("a"), None, at(1)), refused(&["two"]));
    // To the last second of its life.
    assert_eq!(rotation.revoke(&authority("a"), None, at(24)), refused(&["two"]));
    let before = rotation.sequence();
    let done = rotation.revoke(&authority("a"), None, at(24) + Duration::from_secs(1)).unwrap();
    assert_eq!((done.sequence > before, done.overridden), (true, None));
    assert_eq!(in_bundle(&rotation), [authority("b")].into());
}

#[test]
fn a_person_may_revoke_in_spite_of_who_depends_and_it_is_told_whom_that_cut_off() {
    let mut rotation = rotated();
    let over = Override { by: "ada".into(), reason: "the key leaked".into() };
    let done = rotation.revoke(&authority("a"), Some(over.clone()), at(1)).unwrap();
    assert_eq!(done.overridden, Some((over.clone(), [instance("one"), instance("two")].into())));
    assert_eq!(stage(&rotation, "a"), Stage::Revoked);
    // Where nobody depends, there is nothing to override.
    rotation.prepare(authority("c"), SvidKind::X509, at(1000)).unwrap();
    assert_eq!(rotation.revoke(&authority("c"), Some(over), at(1)).unwrap().overridden, None);
}

#[test]
fn tainting_names_whose_svids_are_to_be_replaced_and_leaves_them_trusted() {
    let mut rotation = rotated();
    let holders = rotation.taint(&authority("a"), at(1)).unwrap();
    assert_eq!(holders, [instance("one"), instance("two")].into());
    assert!(in_bundle(&rotation).contains(&authority("a")));
    assert!(rotation.revoke(&authority("a"), None, at(1)).is_err());
}

#[test]
fn a_replica_s_new_svid_does_not_stand_for_another_replica_s() {
    let mut rotation = rotated();
    x509(&mut rotation, "one", 3, at(1)).unwrap();
    rotation.handle_installed(&instance("one"), serial(3));
    let Err(Refused::DependedOn { holders, .. }) = rotation.revoke(&authority("a"), None, at(1)) else {
        panic!("two depends");
    };
    assert_eq!(holders, [instance("two")].into());
}

#[test]
fn steps_lead_only_where_the_diagram_says() {
    let mut rotation = rotated();
    let refused = |name: &str, stage| Err(Refused::Stage { authority: authority(name), stage });
    assert_eq!(rotation.activate(&authority("a"), at(1)), refused("a", Stage::Old));
    assert_eq!(rotation.activate(&authority("b"), at(1)), refused("b", Stage::Active));
    assert_eq!(rotation.taint(&authority("b"), at(1)).map(|_| ()), refused("b", Stage::Active));
    assert_eq!(rotation.revoke(&authority("b"), None, at(1)).map(|_| ()), refused("b", Stage::Active));
    rotation.taint(&authority("a"), at(1)).unwrap();
    assert_eq!(rotation.activate(&authority("a"), at(1)), refused("a", Stage::Tainted));
    rotation.revoke(&authority("a"), None, at(100)).unwrap();
    assert_eq!(rotation.revoke(&authority("a"), None, at(100)).map(|_| ()), refused("a", Stage::Revoked));
    assert_eq!(
        rotation.prepare(authority("a"), SvidKind::X509, at(1000)),
        Err(Refused::Reused(authority("a")))
    );
    assert_eq!(rotation.activate(&authority("x"), at(1)), Err(Refused::Unknown(authority("x"))));
}

#[test]
fn an_svid_does_not_outlive_its_authority_or_the_longest_life() {
    let mut rotation = site(&[]);
    let permit = |rotation: &mut Rotation, hours: u32, now| {
        rotation.permit(SvidKind::X509, instance("one"), serial(1), HOUR * hours, now)
    };
    assert_eq!(permit(&mut rotation, 1, at(0)).unwrap().not_after(), at(1));
    assert_eq!(permit(&mut rotation, 1000, at(0)).unwrap().not_after(), at(24));
    assert_eq!(permit(&mut rotation, 24, at(990)).unwrap().not_after(), at(1000));
    assert_eq!(permit(&mut rotation, 24, at(1000)), Err(Refused::Expired(authority("a"))));
    rotation.prepare(authority("b"), SvidKind::X509, at(5)).unwrap();
    assert_eq!(rotation.activate(&authority("b"), at(5)), Err(Refused::Expired(authority("b"))));
}

#[test]
fn the_two_kinds_rotate_apart_in_one_bundle() {
    let mut rotation = site(&[]);
    rotation.prepare(authority("j"), SvidKind::Jwt, at(1000)).unwrap();
    rotation.activate(&authority("j"), at(0)).unwrap();
    assert_eq!((stage(&rotation, "a"), stage(&rotation, "j")), (Stage::Active, Stage::Active));
    let token = |rotation: &mut Rotation, number, now| {
        rotation.permit(SvidKind::Jwt, instance("one"), serial(number), HOUR * 24, now).unwrap()
    };
    assert_eq!(token(&mut rotation, 1, at(0)).not_after(), at(1));
    assert_eq!(token(&mut rotation, 2, at(1)).not_after(), at(2));
    rotation.prepare(authority("k"), SvidKind::Jwt, at(1000)).unwrap();
    rotation.activate(&authority("k"), at(1)).unwrap();
    // A token is its bearer's until it expires, whatever else was installed.
    x509(&mut rotation, "one", 3, at(1)).unwrap();
    rotation.handle_installed(&instance("one"), serial(3));
    assert!(rotation.revoke(&authority("j"), None, at(2)).is_err());
    assert!(rotation.revoke(&authority("j"), None, at(2) + Duration::from_secs(1)).is_ok());
}

#[test]
fn what_has_expired_is_forgotten() {
    let mut rotation = rotated();
    rotation.forget_expired(at(24));
    assert!(rotation.revoke(&authority("a"), None, at(24)).is_err());
    rotation.forget_expired(at(25));
    assert_eq!(rotation.holdings.holders(&authority("a"), at(0)), BTreeSet::new());
}

#[derive(Clone, Debug)]
enum Event {
    Prepare(SvidKind),
    Activate(usize),
    Taint(usize),
    Revoke(usize, bool),
    Join(u8),
    /// The node's disk has the bundle in force from now on. Its acknowledgement is on the way.
    TakeBundle(u8),
    /// One of the acknowledgements on the way arrives, in any order.
    DeliverAcknowledgement(usize),
    Depart(u8),
    Permit(u8, SvidKind, u8),
    /// The holder shows an SVID that it got, and none that it got before. Word of it may be lost.
    Install(u8, usize, bool),
    Wait(u8),
    Forget,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let kind = || prop_oneof![3 => Just(SvidKind::X509), 1 => Just(SvidKind::Jwt)];
    let node = || 0..3u8;
    let event = prop_oneof![
        2 => kind().prop_map(Event::Prepare),
        4 => (0..8usize).prop_map(Event::Activate),
        1 => (0..8usize).prop_map(Event::Taint),
        2 => (0..8usize, prop::bool::weighted(0.1)).prop_map(|(id, over)| Event::Revoke(id, over)),
        1 => node().prop_map(Event::Join),
        6 => node().prop_map(Event::TakeBundle),
        6 => (0..8usize).prop_map(Event::DeliverAcknowledgement),
        1 => node().prop_map(Event::Depart),
        6 => (node(), kind(), 0..30u8).prop_map(|(node, kind, hours)| Event::Permit(node, kind, hours)),
        3 => (node(), 0..4usize, any::<bool>()).prop_map(|(node, at, told)| Event::Install(node, at, told)),
        1 => (0..20u8).prop_map(Event::Wait),
        1 => Just(Event::Forget),
    ];
    prop::collection::vec(event, 1..200)
}

struct Shown {
    holder: u8,
    kind: SvidKind,
    serial: Serial,
    authority: AuthorityId,
    not_after: SystemTime,
}

/// The world as it is, beside the rotation that only hears of it.
#[derive(Default)]
struct World {
    rotation: Rotation,
    now_hours: u32,
    /// What each bundle had in it, by its sequence.
    bundles: Vec<BTreeSet<AuthorityId>>,
    /// The bundle on the disk of each live node.
    disks: BTreeMap<u8, BundleSequence>,
    on_the_way: Vec<(u8, BundleSequence)>,
    /// What each holder shows or may yet show.
    shown: Vec<Shown>,
    overridden: BTreeSet<AuthorityId>,
    made: u64,
    signed: usize,
}

impl World {
    fn of_a_young_site() -> Self {
        let mut world = Self { bundles: vec![BTreeSet::new()], ..Self::default() };
        for event in [Event::Prepare(SvidKind::X509), Event::Activate(0), Event::Prepare(SvidKind::Jwt)] {
            world.apply(&event);
        }
        [Event::Activate(0), Event::Join(0), Event::Join(1)].iter().for_each(|event| world.apply(event));
        world
    }

    fn now(&self) -> SystemTime {
        at(self.now_hours)
    }

    /// One that stands there, whatever the index; else any, so that wrong steps are tried too.
    fn nth(&self, index: usize, stages: &[Stage]) -> Option<AuthorityId> {
        let all = self.rotation.authorities();
        let fitting: Vec<_> = all.iter().filter(|(_, one)| stages.contains(&one.stage)).collect();
        let one = fitting.get(index % fitting.len().max(1)).map(|(id, _)| (*id).clone());
        one.or_else(|| all.keys().nth(index % all.len().max(1)).cloned())
    }

    fn apply(&mut self, event: &Event) {
        let now = self.now();
        match *event {
            Event::Prepare(kind) => {
                self.made += 1;
                let id = AuthorityId::of_key(&self.made.to_be_bytes());
                let life = HOUR * u32::try_from(100 + self.made * 37 % 400).unwrap();
                self.rotation.prepare(id, kind, now + life).unwrap();
            }
            Event::Activate(index) => {
                let _ = self.nth(index, &[Stage::Prepared]).map(|id| self.rotation.activate(&id, now));
            }
            Event::Taint(index) => {
                let _ = self.nth(index, &[Stage::Old]).map(|id| self.rotation.taint(&id, now));
            }
            Event::Revoke(index, is_forced) => self.revoke(index, is_forced),
            Event::Join(node) => {
                let sequence = self.rotation.sequence();
                self.rotation.handle_joined(sidecar(&node.to_string()), sequence).unwrap();
                self.disks.insert(node, sequence);
            }
            Event::TakeBundle(node) => {
                let sequence = self.rotation.sequence();
                if let Some(disk) = self.disks.get_mut(&node) {
                    *disk = sequence;
                    self.on_the_way.push((node, sequence));
                }
            }
            Event::DeliverAcknowledgement(index) if index < self.on_the_way.len() => {
                let (node, sequence) = self.on_the_way.remove(index);
                self.rotation.handle_acknowledged(&sidecar(&node.to_string()), sequence).unwrap();
            }
            Event::DeliverAcknowledgement(_) => {}
            Event::Depart(node) => {
                self.rotation.handle_departed(&sidecar(&node.to_string()));
                self.disks.remove(&node);
            }
            Event::Permit(node, kind, hours) => self.permit(node, kind, hours),
            Event::Install(node, index, is_told) => self.install(node, index, is_told),
            Event::Wait(hours) => self.now_hours += u32::from(hours),
            Event::Forget => self.rotation.forget_expired(now),
        }
        let bundle = in_bundle(&self.rotation);
        let sequence = usize::try_from(self.rotation.sequence().0).unwrap();
        if self.bundles.len() == sequence {
            self.bundles.push(bundle);
        } else {
            // Trust Domain and Bundle §4.1.1: what is in a bundle does not change without its number.
            assert_eq!(self.bundles[sequence], bundle);
        }
    }

    fn revoke(&mut self, index: usize, is_forced: bool) {
        let Some(id) = self.nth(index, &[Stage::Old, Stage::Tainted]) else { return };
        let over = is_forced.then(|| Override { by: "ada".into(), reason: "leak".into() });
        if let Ok(done) = self.rotation.revoke(&id, over, self.now()) {
            self.overridden.extend(done.overridden.map(|_| id));
        }
    }

    fn permit(&mut self, node: u8, kind: SvidKind, hours: u8) {
        self.made += 1;
        let serial = Serial::from_random(u128::from(self.made).to_be_bytes());
        let holder = instance(&node.to_string());
        let lifetime = HOUR * u32::from(hours);
        let Ok(permit) = self.rotation.permit(kind, holder, serial, lifetime, self.now()) else { return };
        for (node, disk) in &self.disks {
            let trusted = &self.bundles[usize::try_from(disk.0).unwrap()];
            assert!(trusted.contains(permit.authority()), "node {node} does not trust what signs");
        }
        self.signed += 1;
        let (authority, not_after) = (permit.authority().clone(), permit.not_after());
        self.shown.push(Shown { holder: node, kind, serial, authority, not_after });
    }

    fn install(&mut self, node: u8, index: usize, is_told: bool) {
        let is_own = |shown: &Shown| shown.holder == node && shown.kind == SvidKind::X509;
        let Some(serial) =
            self.shown.iter().filter(|shown| is_own(shown)).map(|shown| shown.serial).nth(index)
        else {
            return;
        };
        self.shown.retain(|shown| !is_own(shown) || shown.serial >= serial);
        if is_told {
            self.rotation.handle_installed(&instance(&node.to_string()), serial);
        }
    }

    fn check(&self) {
        let bundle = in_bundle(&self.rotation);
        for shown in self.shown.iter().filter(|shown| self.now() <= shown.not_after) {
            let is_trusted = bundle.contains(&shown.authority) || self.overridden.contains(&shown.authority);
            assert!(is_trusted, "an SVID of node {} lost its authority", shown.holder);
        }
        for kind in [SvidKind::X509, SvidKind::Jwt] {
            let is_active =
                |authority: &&Authority| authority.kind == kind && authority.stage == Stage::Active;
            assert!(self.rotation.authorities().values().filter(is_active).count() <= 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_untrusted_signs_and_nothing_depended_on_leaves(events in events()) {
        let mut world = World::of_a_young_site();
        for event in &events {
            world.apply(event);
            world.check();
        }
    }
}

/// The property above says something only if much is signed and revoked on its way.
#[test]
fn the_random_events_reach_what_they_are_to_test() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut signed, mut revoked, mut rotated) = (0, 0, 0);
    for _ in 0..200 {
        let events = proptest::strategy::ValueTree::current(&events().new_tree(&mut runner).unwrap());
        let mut world = World::of_a_young_site();
        events.iter().for_each(|event| world.apply(event));
        signed += world.signed;
        let stages = |stage| world.rotation.authorities().values().filter(|one| one.stage == stage).count();
        revoked += stages(Stage::Revoked);
        rotated += stages(Stage::Old) + stages(Stage::Tainted);
    }
    assert!(signed > 500 && revoked > 100 && rotated > 50, "{signed} {revoked} {rotated}");
}

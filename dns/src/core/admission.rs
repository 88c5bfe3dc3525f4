//! Who keeps a TCP connection when there are more than we hold.
//!
//! A server that turns newcomers away when it is full can be emptied of clients by anyone who opens connections and
//! says nothing. Here it is the other way round: a newcomer is always let in, and whoever holds most makes room.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};

/// The connections that are open, by client.
#[derive(Debug)]
pub struct Admission<Id> {
    connections_max: usize,
    connections: usize,
    admitted: u64,
    by_client: BTreeMap<IpAddr, VecDeque<(u64, Id)>>,
}

impl<Id: Copy + Eq> Admission<Id> {
    /// Holds at most `connections_max` connections, which is at least one.
    #[must_use]
    pub fn new(connections_max: usize) -> Self {
        Self {
            connections_max: connections_max.max(1),
            connections: 0,
            admitted: 0,
            by_client: BTreeMap::new(),
        }
    }

    /// Lets a connection in, and returns the one that must close for it: the oldest of the client with most.
    pub fn admit(&mut self, id: Id, address: IpAddr) -> Option<Id> {
        let leaving = if self.connections < self.connections_max { None } else { self.evict() };
        self.admitted += 1;
        self.connections += 1;
        self.by_client.entry(client(address)).or_default().push_back((self.admitted, id));
        leaving
    }

    /// Forgets a connection that ended.
    pub fn leave(&mut self, id: Id, address: IpAddr) {
        let client = client(address);
        let Some(own) = self.by_client.get_mut(&client) else { return };
        let before = own.len();
        own.retain(|(_, other)| *other != id);
        self.connections -= before - own.len();
        if own.is_empty() {
            self.by_client.remove(&client);
        }
    }

    fn evict(&mut self) -> Option<Id> {
        let most =
            self.by_client.iter().max_by_key(|(_, own)| (own.len(), Reverse(own.front().map(|c| c.0))));
        let client = *most?.0;
        let own = self.by_client.get_mut(&client)?;
        let (_, id) = own.pop_front()?;
        if own.is_empty() {
            self.by_client.remove(&client);
        }
        self.connections -= 1;
        Some(id)
    }
}

/// Whom an address belongs to. One who has an IPv6 address has the whole /64.
const fn client(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !(u64::MAX as u128))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn below_the_limit_nobody_leaves() {
        let mut admission = Admission::new(3);
        for id in 0..3 {
            assert_eq!(admission.admit(id, address("192.0.2.1")), None);
        }
    }

    #[test]
    fn a_client_with_many_connections_makes_room_for_a_newcomer() {
        let mut admission = Admission::new(4);
        admission.admit(1, address("192.0.2.1"));
        for id in 2..5 {
            admission.admit(id, address("192.0.2.66"));
        }
        assert_eq!(admission.admit(5, address("192.0.2.2")), Some(2), "the oldest of who has most");
        assert_eq!(admission.admit(6, address("192.0.2.3")), Some(3));
    }

    #[test]
    fn among_equals_the_oldest_connection_leaves() {
        let mut admission = Admission::new(2);
        admission.admit(1, address("192.0.2.9"));
        admission.admit(2, address("192.0.2.1"));
        assert_eq!(admission.admit(3, address("192.0.2.5")), Some(1));
    }

    #[test]
    fn a_connection_that_ended_gives_its_place_back() {
        let mut admission = Admission::new(1);
        admission.admit(1, address("192.0.2.1"));
        admission.leave(1, address("192.0.2.1"));
        admission.leave(1, address("192.0.2.1"));
        assert_eq!(admission.admit(2, address("192.0.2.2")), None);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        let mut admission = Admission::new(3);
        admission.admit(1, address("2001:db8::1"));
        admission.admit(2, address("2001:db8:0:1::1"));
        admission.admit(3, address("2001:db8:0:1::2"));
        assert_eq!(admission.admit(4, address("192.0.2.1")), Some(2));
        assert_eq!(client(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }
}

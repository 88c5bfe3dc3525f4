//! Who enforces, and which bundle each has acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::rotation::{BundleSequence, Node};

/// Every node that checks SVIDs against our bundle, with the newest that it said it trusts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "Vec<(Node, BundleSequence)>", into = "Vec<(Node, BundleSequence)>")]
pub(super) struct Census(BTreeMap<Node, BundleSequence>);

/// Keys of JSON are texts, and a node is none.
impl From<Vec<(Node, BundleSequence)>> for Census {
    fn from(nodes: Vec<(Node, BundleSequence)>) -> Self {
        Self(nodes.into_iter().collect())
    }
}

impl From<Census> for Vec<(Node, BundleSequence)> {
    fn from(census: Census) -> Self {
        census.0.into_iter().collect()
    }
}

impl Census {
    pub(super) fn admit(&mut self, node: Node, acknowledged: BundleSequence) {
        self.0.insert(node, acknowledged);
    }

    pub(super) fn remove(&mut self, node: &Node) {
        self.0.remove(node);
    }

    /// Records an acknowledgement. One that arrives late takes nothing back. Returns whether the node is known.
    pub(super) fn acknowledge(&mut self, node: &Node, sequence: BundleSequence) -> bool {
        self.0.get_mut(node).map(|held| *held = (*held).max(sequence)).is_some()
    }

    /// Those that have not acknowledged `sequence`.
    pub(super) fn behind(&self, sequence: BundleSequence) -> BTreeSet<Node> {
        let behind = self.0.iter().filter(|(_, held)| **held < sequence);
        behind.map(|(node, _)| node.clone()).collect()
    }

    /// The newest bundle that anyone has acknowledged.
    pub(super) fn newest(&self) -> Option<BundleSequence> {
        self.0.values().max().copied()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

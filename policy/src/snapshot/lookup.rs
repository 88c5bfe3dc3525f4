//! Finding the route of a request: a trie over path segments, built once per snapshot.
//!
//! A lookup costs one step a segment however many routes there are, and allocates nothing.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::Route;
use crate::id::MethodName;
use crate::resource::application::PathMatch;

/// Routes, and the compiled lookup over them.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// Every route, in the order of their sources.
    pub routes: Vec<Arc<Route>>,
    root: Node,
}

/// Only the routes: the lookup follows from them.
impl Serialize for RouteTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.routes.serialize(serializer)
    }
}

/// What a lookup found.
#[derive(Debug)]
pub enum RouteMatch<'t> {
    /// The route.
    Found(&'t Arc<Route>),
    /// The path is exposed, but not for this method (RFC 9110 §15.5.6).
    Method {
        /// Those for which it is.
        allowed: Vec<&'t MethodName>,
    },
    /// The path is not exposed.
    None,
}

/// One segment deep in the trie. Routes are kept as indexes into the table, best first.
#[derive(Clone, Debug, Default)]
struct Node {
    children: HashMap<Box<str>, Self>,
    any: Option<Box<Self>>,
    /// Routes that match when the path ends here.
    exact: Vec<usize>,
    /// The same for a path with a slash after the last segment.
    exact_slash: Vec<usize>,
    /// Routes that match here and everywhere below.
    prefix: Vec<usize>,
}

impl RouteTable {
    /// Builds the lookup.
    #[must_use]
    pub fn new(routes: Vec<Arc<Route>>) -> Self {
        let mut table = Self { root: Node::default(), routes };
        for (index, route) in table.routes.iter().enumerate() {
            let (path, kind) = match &route.path {
                PathMatch::Exact(path) => (path.as_str(), Kind::Exact),
                PathMatch::Prefix(path) => (path.as_str(), Kind::Prefix),
                PathMatch::Template(path) => (path.as_str(), Kind::Template),
            };
            table.root.insert(path, kind, index);
        }
        table.root.sort(&table.routes);
        table
    }

    /// Finds the route for a canonical path. The most specific path wins that has a route for this method and
    /// these header fields: exact, then template, then the longest prefix; at one path, more header matches and
    /// then named methods go first.
    ///
    /// `has_field` says whether the request has that field with exactly that value.
    pub fn find(&self, method: &str, path: &str, has_field: impl Fn(&str, &str) -> bool) -> RouteMatch<'_> {
        let mut seen_path = false;
        let mut accept = |candidates: &[usize]| {
            seen_path |= !candidates.is_empty();
            candidates.iter().copied().find(|index| self.routes[*index].accepts(method, &has_field))
        };
        let segments = path.strip_prefix('/').unwrap_or(path);
        if let Some(index) = self.root.find(segments, &mut accept) {
            return RouteMatch::Found(&self.routes[index]);
        }
        if !seen_path {
            return RouteMatch::None;
        }
        self.refused_method(segments, &has_field)
    }

    fn refused_method(&self, segments: &str, has_field: &impl Fn(&str, &str) -> bool) -> RouteMatch<'_> {
        let mut allowed = Vec::new();
        let _none_accepted = self.root.find(segments, &mut |candidates| {
            let fitting = candidates.iter().map(|index| &self.routes[*index]);
            allowed.extend(
                fitting.filter(|route| route.has_headers(has_field)).flat_map(|route| &route.methods),
            );
            None
        });
        if allowed.is_empty() {
            // Only the header fields did not fit: to this caller the path does not exist.
            return RouteMatch::None;
        }
        allowed.sort();
        allowed.dedup();
        RouteMatch::Method { allowed }
    }
}

impl Route {
    fn accepts(&self, method: &str, has_field: &impl Fn(&str, &str) -> bool) -> bool {
        let method_fits = self.methods.is_empty() || self.methods.iter().any(|own| own.as_str() == method);
        method_fits && self.has_headers(has_field)
    }

    fn has_headers(&self, has_field: &impl Fn(&str, &str) -> bool) -> bool {
        self.headers.iter().all(|(name, value)| has_field(name.as_str(), value))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Exact,
    Prefix,
    Template,
}

impl Node {
    fn insert(&mut self, path: &str, kind: Kind, index: usize) {
        let rest = path.strip_prefix('/').unwrap_or(path);
        let (rest, slash) = match rest.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let mut node = self;
        for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
            let variable = segment.starts_with('{') && matches!(kind, Kind::Template);
            node = if variable {
                node.any.get_or_insert_default()
            } else {
                node.children.entry(segment.into()).or_default()
            };
        }
        match kind {
            Kind::Prefix => node.prefix.push(index),
            Kind::Exact | Kind::Template if slash => node.exact_slash.push(index),
            Kind::Exact | Kind::Template => node.exact.push(index),
        }
    }

    fn sort(&mut self, routes: &[Arc<Route>]) {
        let rank = |index: &usize| {
            let route = &routes[*index];
            (std::cmp::Reverse(route.headers.len()), route.methods.is_empty(), *index)
        };
        for list in [&mut self.exact, &mut self.exact_slash, &mut self.prefix] {
            list.sort_by_key(rank);
        }
        for child in self.children.values_mut().chain(self.any.as_deref_mut()) {
            child.sort(routes);
        }
    }

    fn find(&self, rest: &str, accept: &mut impl FnMut(&[usize]) -> Option<usize>) -> Option<usize> {
        self.find_whole(rest, accept).or_else(|| self.find_prefix(rest, accept))
    }

    /// Depth first, literal segments before variable ones, so that what is most specific is offered first.
    fn find_whole(&self, rest: &str, accept: &mut impl FnMut(&[usize]) -> Option<usize>) -> Option<usize> {
        if rest.is_empty() {
            return accept(&self.exact);
        }
        let (segment, below) = match rest.split_once('/') {
            Some((segment, below)) => (segment, Some(below)),
            None => (rest, None),
        };
        let mut children = self.children.get(segment).into_iter().chain(self.any.as_deref());
        children.find_map(|child| match below {
            None => accept(&child.exact),
            // "a/": the path ends with a slash.
            Some("") => accept(&child.exact_slash),
            Some(below) => child.find_whole(below, accept),
        })
    }

    /// The longest first. Prefixes have no variable segments.
    fn find_prefix(&self, rest: &str, accept: &mut impl FnMut(&[usize]) -> Option<usize>) -> Option<usize> {
        let (segment, below) = rest.split_once('/').unwrap_or((rest, ""));
        let child = self.children.get(segment).filter(|_| !rest.is_empty());
        child.and_then(|child| child.find_prefix(below, accept)).or_else(|| accept(&self.prefix))
    }
}

#[cfg(test)]
mod tests;

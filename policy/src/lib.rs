//! What may happen: names, resources, and their compilation into one immutable [`snapshot::Snapshot`].
//!
//! Nothing here acts. No socket, clock, file, task or random source is used, so every other crate can
//! depend on this one and it can be fuzzed and property-tested whole.
//!
//! ```text
//! text --document--> resource --snapshot::compile--> Snapshot
//! ```

pub mod authorization;
pub mod clock;
pub mod document;
pub mod id;
pub mod resource;
pub mod snapshot;
pub mod vet;

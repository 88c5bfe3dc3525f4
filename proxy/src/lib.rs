//! The data path: accept, decide, forward. Shared by gateway and sidecar.
//!
//! [`start()`] runs one thread a core, each with its own listeners, connections, backend pools and counters. Nothing
//! is shared on the way of a request but the immutable snapshot. Decisions are in [`core`] and `ingress`; the rest
//! carries them out.

mod access_log;
mod backend;
pub mod challenge;
pub mod core;
mod deadline;
mod endpoints;
mod exchange;
mod ingress;
mod io;
pub mod jwt;
mod listen;
mod metrics;
mod refusal;
mod server;
mod start;
pub mod tls;
mod worker;

pub use listen::{Listener, ListenerKind};
pub use start::{ConnectionLimits, DataPlane, Options, Shared, StartError, start};

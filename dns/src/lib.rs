//! Authoritative DNS from the snapshot, over UDP and TCP.
//!
//! [`core`] holds what is answered, hickory the wire and the sockets. The gateway publishes zones here and adds and
//! removes answers to DNS-01 challenges.

mod challenge;
pub mod core;
mod handler;
mod metrics;
mod server;
mod zones;

pub use challenge::Challenges;
pub use handler::answer_packet;
pub use server::{ServeError, Server, serve};
pub use zones::Zones;

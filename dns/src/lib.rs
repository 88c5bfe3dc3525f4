//! Authoritative DNS from the snapshot, over UDP and TCP.
//!
//! [`core`] holds what is answered; hickory reads and writes the wire format. The gateway publishes zones here and adds and
//! removes answers to DNS-01 challenges.

mod challenge;
pub mod core;
mod message;
mod metrics;
mod server;
mod zones;

pub use challenge::Challenges;
pub use message::answer_packet;
pub use server::{ServeError, Server, serve};
pub use zones::Zones;

//! HTTP/1.1 (RFC 9112): strict, sans-I/O, both sides.
//!
//! `httparse` finds the tokens; framing, strictness and limits are ours. What one reader could understand in two
//! ways is refused, not repaired.

pub mod body;
mod head;
pub mod request;
pub mod response;
pub mod write;

pub use head::{Field, Fields, HeadLimits, HeadScan, is_hop_by_hop};

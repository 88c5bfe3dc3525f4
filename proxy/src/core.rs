//! The data path's decisions without I/O: bytes in, events and bytes out. Everything here is fuzzed.

pub mod authority;
pub mod fields;
pub mod health;
pub mod http1;
pub mod http2;
pub mod jwt;
pub mod method;
pub mod target;
pub mod trace_context;

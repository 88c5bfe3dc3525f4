//! The data path: accept, decide, forward. Shared by gateway and sidecar.

pub mod core;

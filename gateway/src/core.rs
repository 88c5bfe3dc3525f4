//! The gateway's decisions that need no I/O.

pub mod exposure;
pub mod renewal;

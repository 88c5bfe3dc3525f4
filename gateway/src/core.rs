//! The gateway's decisions that need no I/O.

pub mod ca_budget;
pub mod exposure;
pub mod history;
pub mod key_refresh;
pub mod renewal;

//! The issuing CA's decisions, without I/O.

mod census;
pub mod rotation;

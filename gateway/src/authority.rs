//! The issuing CA: which authorities there are and which of them signs (`core/rotation.rs`), and signing
//! (`issue.rs`).
//!
//! The two meet in a [`core::rotation::Permit`]: only the rotation gives one, and nothing is signed without.

pub mod core;
pub mod issue;
pub mod keep;

//! What is answered and who is served, without I/O.

pub mod admission;
pub mod answer;
pub mod serial;
pub mod zone;

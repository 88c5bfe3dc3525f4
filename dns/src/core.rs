//! What is answered, without I/O.

pub mod answer;
pub mod serial;
pub mod zone;

//! The server on real sockets, asked by hand and by `dig` and `kdig`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod dig;
mod hostile;
mod served;
mod tcp;

//! The server on real sockets, asked by hand and by `dig` and `kdig`.

mod dig;
mod hostile;
mod served;
mod tcp;

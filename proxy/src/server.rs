//! Serving clients, one protocol a file, and what they share.

pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod local;
pub(crate) mod record;
mod send;

pub(crate) use record::Record;
pub(crate) use send::{Outgoing, ask};

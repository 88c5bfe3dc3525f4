//! What black-box tests share: real programs, started on free ports and ended with the test.

pub mod acme_front;
pub mod gateway;
pub mod key_server;
pub mod nginx;
pub mod pebble;
pub mod process;
pub mod silent_server;
pub mod token;

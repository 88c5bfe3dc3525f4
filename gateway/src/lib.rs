//! The gateway: composition root of the appliance.

pub mod acme;
pub mod api;
pub mod app;
pub mod arguments;
pub mod authority;
pub mod bootstrap;
pub mod certificates;
mod client;
pub mod command;
pub mod config_source;
pub mod control_plane;
pub mod core;
pub mod demo;
pub mod file_limit;
pub mod jwks;
pub mod policy_feed;
pub mod private_ca;
pub mod status;
pub mod store;
pub mod telemetry;

/// An error with all its sources, on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

//! The data path on real sockets: clients in front, apps behind, the shipped workers between.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "data_path/app.rs"]
mod app;
#[path = "data_path/bodies.rs"]
mod bodies;
#[path = "data_path/client.rs"]
mod client;
#[path = "data_path/connections.rs"]
mod connections;
#[path = "data_path/decisions.rs"]
mod decisions;
#[path = "data_path/departures.rs"]
mod departures;
#[path = "data_path/frames.rs"]
mod frames;
#[path = "data_path/http2.rs"]
mod http2;
#[path = "data_path/metrics.rs"]
mod metrics;
#[path = "data_path/plane.rs"]
mod plane;

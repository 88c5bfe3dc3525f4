//! The app that the demo exposes: three pages and a health check on a loopback port.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::response::Html;
use axum::routing::get;

const PAGE: &str = "<!doctype html>
<title>Product page</title>
<h1>The Comedy of Errors</h1>
<p>You reached the sample app through Causeway.</p>
";

/// Serves the sample app on a free port, in the background, for as long as the process runs.
pub(super) async fn serve() -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let app = Router::new()
        .route("/", get(|| async { "Hello from the sample app, through Causeway.\n" }))
        .route("/productpage", get(|| async { Html(PAGE) }))
        .route("/static/style.css", get(|| async { "h1 { color: darkgreen }\n" }))
        .route("/health", get(|| async { "ok\n" }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

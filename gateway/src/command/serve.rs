//! run: the gateway itself, from start to the last client.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::CommandError;
use crate::api;
use crate::app::{App, StartError};
use crate::bootstrap::{Bootstrap, Listen};
use crate::telemetry;

/// How long clients may finish what they do when the gateway is stopped.
const DRAIN: Duration = Duration::from_secs(30);

pub(super) async fn run(config: &Path) -> Result<(), CommandError> {
    use tokio::signal::unix::{SignalKind, signal};
    let bootstrap = Bootstrap::read(config)?;
    telemetry::log_to_stderr(&bootstrap.log.level)?;
    let mut terminated = signal(SignalKind::terminate())?;
    let listen = bootstrap.listen.clone();
    let app = App::start(bootstrap).await.map_err(|source| {
        let fix = fix(&source, &listen, config);
        CommandError::Start { source, fix }
    })?;
    // Only systemd listens, and only if it started us.
    let _nobody_listens = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tokio::select! {
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    let _nobody_listens = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    app.shutdown(DRAIN).await;
    Ok(())
}

/// What an operator changes when an address cannot be listened on.
fn fix(error: &StartError, listen: &Listen, config: &Path) -> Option<String> {
    let (address, source) = refused_address(error)?;
    let (field, is_list) = field_of(address, listen)?;
    let (config, port) = (config.display(), address.port());
    let example = |host: &str, port: u16| {
        let address = format!("\"{host}:{port}\"");
        if is_list { format!("[{address}]") } else { address }
    };
    let what = format!("set listen.{field} in {config}");
    let kind = source.kind();
    if kind == ErrorKind::AddrInUse {
        return Some(format!("end what listens there, or {what}, e.g. {}", example("203.0.113.10", port)));
    }
    if kind == ErrorKind::PermissionDenied {
        let example = example("0.0.0.0", port.saturating_add(8000));
        return Some(format!("run it as root or with CAP_NET_BIND_SERVICE, or {what}, e.g. {example}"));
    }
    (kind == ErrorKind::AddrNotAvailable).then(|| format!("{what} to an address of this machine"))
}

fn refused_address(error: &StartError) -> Option<(SocketAddr, &io::Error)> {
    if let StartError::DataPlane(proxy::StartError::Listen { address, source })
    | StartError::Dns(dns::ServeError { address, source })
    | StartError::Api(api::ServeError::Address { address, source }) = error
    {
        return Some((*address, source));
    }
    None
}

/// The field of `[listen]` that names an address, and whether it is a list.
fn field_of(address: SocketAddr, listen: &Listen) -> Option<(&'static str, bool)> {
    let lists = [("http", &listen.http), ("https", &listen.https), ("dns", &listen.dns)];
    let single = [("admin", listen.admin), ("metrics", listen.metrics)];
    let list = lists.into_iter().find(|(_, addresses)| addresses.contains(&address));
    let single = single.into_iter().find(|(_, own)| *own == Some(address));
    list.map(|(field, _)| (field, true)).or_else(|| single.map(|(field, _)| (field, false)))
}

//! Sets up the gateway's own log. The access log is the data plane's.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// The level is not one that can be read.
#[derive(Debug, thiserror::Error)]
#[error("[log] level {level:?} is not understood; write error, warn, info, debug or trace")]
pub struct InvalidLevel {
    level: String,
    #[source]
    source: tracing_subscriber::filter::ParseError,
}

/// Logs to standard error: text for a terminal, JSON lines for anything else.
///
/// # Errors
/// When `level` is no level or filter.
pub fn log_to_stderr(level: &str) -> Result<(), InvalidLevel> {
    let filter =
        EnvFilter::try_new(level).map_err(|source| InvalidLevel { level: level.to_owned(), source })?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call (tests that start two gateways in one process) keeps the first log.
    let _already_set = if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        builder.with_target(false).try_init()
    } else {
        builder.json().try_init()
    };
    Ok(())
}

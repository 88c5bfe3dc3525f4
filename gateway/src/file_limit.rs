//! How many clients the limit of open files leaves room for (SECURITY case 110).
//!
//! A client's connection takes up to two: its own and the backend's. Without a bound of ours the last file would go to
//! a new client, and those that are being served would find no way to their backend.

use std::num::NonZeroUsize;

use proxy::ConnectionLimits;
use rustix::process::{Resource, getrlimit, setrlimit};

/// For the store, the API, DNS, the logs, the listeners and what the libraries open.
const RESERVED: u64 = 256;

/// Raises the limit as far as the system lets us, and shares what it leaves among the workers.
#[must_use]
pub fn connection_limits(workers: NonZeroUsize) -> ConnectionLimits {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    let files = getrlimit(Resource::Nofile).current;
    let defaults = ConnectionLimits::default();
    let connections_max = share(files, workers).min(defaults.connections_max);
    ConnectionLimits { connections_max, ..defaults }
}

/// Clients of one worker. `None` is no limit of files.
fn share(files: Option<u64>, workers: NonZeroUsize) -> usize {
    let Some(files) = files else { return usize::MAX };
    let clients = usize::try_from(files.saturating_sub(RESERVED) / 2).unwrap_or(usize::MAX);
    // At least a few, or a gateway under a tiny limit would serve nobody and not say why.
    (clients / workers.get()).max(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_leaves_room_for_its_backend_and_for_the_rest() {
        let workers = NonZeroUsize::new(2).unwrap();
        assert_eq!(share(Some(20_000), workers), 4_936);
        assert_eq!(share(Some(64), workers), 16);
        assert_eq!(share(None, workers), usize::MAX);
    }
}

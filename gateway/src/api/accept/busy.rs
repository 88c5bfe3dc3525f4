//! Whether a connection is in use: counts requests until their answers are sent.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::{HEAD_TIMEOUT, IDLE_TIMEOUT};

/// The requests of one connection.
#[derive(Clone)]
pub(super) struct Busy(Arc<watch::Sender<Requests>>);

/// Those of a connection that may have ended.
pub(super) struct WasBusy(Weak<watch::Sender<Requests>>);

#[derive(Clone, Copy)]
struct Requests {
    under_way: usize,
    any: bool,
    /// The last change of `under_way`.
    since: Instant,
    /// Somebody else needs its place.
    must_leave: bool,
}

impl Requests {
    /// How long the connection may stay like this.
    const fn patience(self) -> Option<Duration> {
        match self {
            Self { under_way: 1.., .. } => None,
            Self { any: false, .. } => Some(HEAD_TIMEOUT),
            Self { any: true, .. } => Some(IDLE_TIMEOUT),
        }
    }
}

impl Busy {
    /// Of a connection that comes now.
    pub(super) fn new() -> Self {
        let none = Requests { under_way: 0, any: false, since: Instant::now(), must_leave: false };
        Self(Arc::new(watch::channel(none).0))
    }

    /// For who looks for a place.
    pub(super) fn downgrade(&self) -> WasBusy {
        WasBusy(Arc::downgrade(&self.0))
    }

    /// Returns when no request came for too long.
    pub(super) async fn idle(&self) {
        let mut requests = self.0.subscribe();
        loop {
            let patience = requests.borrow_and_update().patience();
            match patience {
                // It holds the sender itself, so that does not end.
                None => _ = requests.changed().await,
                Some(patience) if timeout(patience, requests.changed()).await.is_err() => return,
                Some(_) => {}
            }
        }
    }

    /// Returns when somebody else needs the place.
    pub(super) async fn must_leave(&self) {
        let mut requests = self.0.subscribe();
        // It holds the sender itself, so that only ends with what is waited for.
        let _left = requests.wait_for(|requests| requests.must_leave).await;
    }

    /// Counts a request.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.send_modify(|requests| {
            requests.under_way += 1;
            requests.any = true;
            requests.since = Instant::now();
        });
        UnderWay(self.clone())
    }
}

impl WasBusy {
    /// Whether the connection is there.
    pub(super) fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Since when it is there without a request under way.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let requests = *self.0.upgrade()?.borrow();
        (requests.under_way == 0 && !requests.must_leave).then_some(requests.since)
    }

    /// Has it leave.
    pub(super) fn leave(&self) {
        if let Some(requests) = self.0.upgrade() {
            requests.send_modify(|requests| requests.must_leave = true);
        }
    }
}

/// One request, until this is dropped.
pub(super) struct UnderWay(Busy);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| {
            requests.under_way -= 1;
            requests.since = Instant::now();
        });
    }
}

/// The body of an answer, whose request is under way until it is sent.
pub(super) struct Held {
    pub(super) body: Body,
    pub(super) _under_way: UnderWay,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

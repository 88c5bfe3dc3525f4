//! Whether a connection is in use: counts requests until their answers are sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{HEAD_TIMEOUT, IDLE_TIMEOUT};

/// The requests of one connection.
#[derive(Clone, Default)]
pub(super) struct Busy(Arc<watch::Sender<Requests>>);

#[derive(Clone, Copy, Default)]
struct Requests {
    under_way: usize,
    any: bool,
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

    /// Counts a request.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.send_modify(|requests| {
            requests.under_way += 1;
            requests.any = true;
        });
        UnderWay(self.clone())
    }
}

/// One request, until this is dropped.
pub(super) struct UnderWay(Busy);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| requests.under_way -= 1);
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

//! After `101 Switching Protocols`: bytes, both ways (RFC 6455 §4.2.2).

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::client::Client;
use crate::core::http1::request::Version;
use crate::core::http1::write::{self, Framing};
use crate::deadline::Deadline;
use crate::exchange::{Answer, BackendConnection};
use crate::io::ReadBuffer;
use crate::server::Record;

/// Tells the client that the endpoint agreed, and carries bytes until either side ends or both are silent.
pub(super) async fn run(
    client: &mut Client,
    backend: BackendConnection,
    answer: &Answer,
    deadline: &Deadline,
    idle: Duration,
    record: &mut Record,
) {
    let mut head = BytesMut::with_capacity(512);
    write::status_line(&mut head, StatusCode::SWITCHING_PROTOCOLS, Version::Http11);
    answer.each_field(|name, value| write::field(&mut head, name, value));
    write::field(&mut head, "connection", b"upgrade");
    write::field(&mut head, "upgrade", b"websocket");
    write::field(&mut head, "x-request-id", record.id.as_bytes());
    write::end(&mut head, Framing::None);

    let BackendConnection { mut stream, buffer, .. } = backend;
    // What came before the switch was held back until now (SECURITY: bytes after an upgrade).
    let mut from_backend = Half::new(ReadBuffer::default());
    head.extend_from_slice(&buffer.bytes);
    from_backend.buffer.bytes = head;
    let mut from_client = Half::new(std::mem::take(&mut client.buffer));
    deadline.set(idle);
    poll_fn(|cx| {
        let to_client = from_backend.poll(cx, &mut stream, &mut client.io);
        let to_backend = from_client.poll(cx, &mut client.io, &mut stream);
        if from_backend.moved || from_client.moved {
            (from_backend.moved, from_client.moved) = (false, false);
            deadline.set(idle);
        }
        match (to_client, to_backend) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(()),
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => Poll::Ready(()),
            (Poll::Pending, _) | (_, Poll::Pending) if deadline.poll_passed(cx) => Poll::Ready(()),
            (Poll::Pending, _) | (_, Poll::Pending) => Poll::Pending,
        }
    })
    .await;
    record.bytes_in = from_client.bytes;
    record.bytes_out = from_backend.bytes;
}

/// One direction.
struct Half {
    buffer: ReadBuffer,
    ended: bool,
    shut: bool,
    moved: bool,
    bytes: u64,
}

impl Half {
    const fn new(buffer: ReadBuffer) -> Self {
        Self { buffer, ended: false, shut: false, moved: false, bytes: 0 }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<std::io::Result<()>> {
        loop {
            while !self.buffer.bytes.is_empty() {
                let written = std::task::ready!(Pin::new(&mut *to).poll_write(cx, &self.buffer.bytes))?;
                if written == 0 {
                    return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
                }
                self.buffer.bytes.advance(written);
                self.bytes += written as u64;
                self.moved = true;
            }
            if self.shut {
                return Poll::Ready(Ok(()));
            }
            std::task::ready!(Pin::new(&mut *to).poll_flush(cx))?;
            if self.ended {
                std::task::ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.shut = true;
                return Poll::Ready(Ok(()));
            }
            if std::task::ready!(self.buffer.poll_read(cx, &mut *from))? == 0 {
                self.ended = true;
            }
        }
    }
}

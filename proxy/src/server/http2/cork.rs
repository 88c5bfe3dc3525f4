//! Gathers what a connection writes: the frames of many streams leave in one system call and in full TLS records.
//!
//! The HTTP/2 library flushes after each frame of data. Here its flushes wait until the connection has no more to say
//! for now; that is known to the one who drives it, so that one holds the other end.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Written out at once when so much waits: four full TLS records.
const GATHERED_BYTES_MAX: usize = 64 << 10;

/// The library's end.
pub(super) struct Gathered<S>(Rc<RefCell<Gathering<S>>>);

/// The driver's end.
pub(super) struct Cork<S>(Rc<RefCell<Gathering<S>>>);

struct Gathering<S> {
    io: S,
    out: BytesMut,
    is_flushed: bool,
}

/// Both ends of a connection.
pub(super) fn gather<S>(io: S) -> (Gathered<S>, Cork<S>) {
    let shared = Rc::new(RefCell::new(Gathering { io, out: BytesMut::new(), is_flushed: true }));
    (Gathered(Rc::clone(&shared)), Cork(shared))
}

impl<S: AsyncWrite + Unpin> Cork<S> {
    /// Writes out what was gathered. The task is woken when more of it can be.
    pub(super) fn poll_release(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_release(cx)
    }
}

impl<S: AsyncWrite + Unpin> Gathering<S> {
    fn poll_release(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.is_flushed = true;
            // A connection that waits holds no memory for what it may say next.
            self.out = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut gathering = self.0.borrow_mut();
        if gathering.out.len() >= GATHERED_BYTES_MAX {
            ready!(gathering.poll_release(cx))?;
        }
        let length = bufs.iter().map(|buf| buf.len()).sum();
        gathering.is_flushed = false;
        gathering.out.reserve(length);
        bufs.iter().for_each(|buf| gathering.out.extend_from_slice(buf));
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathering = self.0.borrow_mut();
        ready!(gathering.poll_release(cx))?;
        Pin::new(&mut gathering.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn nothing_leaves_before_it_is_released_and_then_all_of_it() {
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let (mut gathered, cork) = gather(near);
        gathered.write_all(b"one ").await.unwrap();
        gathered.flush().await.unwrap();
        gathered.write_all(b"two").await.unwrap();
        let mut read = [0; 8];
        assert!(
            poll_fn(|cx| Poll::Ready(Pin::new(&mut far).poll_read(cx, &mut ReadBuf::new(&mut read))))
                .await
                .is_pending()
        );
        poll_fn(|cx| cork.poll_release(cx)).await.unwrap();
        let length = far.read(&mut read).await.unwrap();
        assert_eq!(&read[..length], b"one two");
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_stops_who_writes() {
        let (near, _far) = tokio::io::duplex(1 << 10);
        let (mut gathered, _cork) = gather(near);
        let piece = [0; 16 << 10];
        let mut taken = 0;
        while let Poll::Ready(written) =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut gathered).poll_write(cx, &piece))).await
        {
            taken += written.unwrap();
            assert!(taken < 4 * GATHERED_BYTES_MAX);
        }
        assert!(taken >= GATHERED_BYTES_MAX);
    }
}

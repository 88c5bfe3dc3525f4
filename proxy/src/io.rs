//! The two kinds of client connection, as one type without dynamic dispatch.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A client's connection.
#[derive(Debug)]
pub(crate) enum ClientIo {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for ClientIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Self::Tls(io) => Pin::new(&mut **io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Self::Tls(io) => Pin::new(&mut **io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Self::Tls(io) => Pin::new(&mut **io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // The kernel has it already.
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(io) => Pin::new(&mut **io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(io) => Pin::new(&mut **io).poll_shutdown(cx),
        }
    }
}

/// Smallest room to read into: a head and a small body.
const READ_BYTES_MIN: usize = 8 << 10;
/// Largest, for bodies that keep filling what they are given.
const READ_BYTES_MAX: usize = 128 << 10;

/// A buffer that is read into, with room that grows while it is filled and is given back while it is not used.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    pub(crate) bytes: BytesMut,
    room: usize,
}

impl ReadBuffer {
    /// Reads once. 0 is the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        io: impl AsyncRead + Unpin,
    ) -> Poll<io::Result<usize>> {
        let room = self.room.clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        // What is left of a piece that was split off is too small to be worth a system call.
        if self.bytes.capacity() - self.bytes.len() < READ_BYTES_MIN / 2 {
            self.bytes.reserve(room);
        }
        let space = self.bytes.capacity() - self.bytes.len();
        let mut io = io;
        let read = std::task::ready!(tokio_util::io::poll_read_buf(Pin::new(&mut io), cx, &mut self.bytes))?;
        self.room = if read == space { room * 2 } else { room };
        Poll::Ready(Ok(read))
    }

    /// Gives the memory back if nothing is in it.
    pub(crate) fn release(&mut self) {
        if self.bytes.is_empty() {
            *self = Self::default();
        }
    }
}

/// Writes the front of `out` and what follows it in `rest` with one call, as far as the peer takes it.
pub(crate) fn poll_write_two(
    cx: &mut Context<'_>,
    mut io: impl AsyncWrite + Unpin,
    out: &mut BytesMut,
    rest: &mut bytes::Bytes,
) -> Poll<io::Result<()>> {
    use bytes::Buf as _;
    while !(out.is_empty() && rest.is_empty()) {
        let written = if out.is_empty() {
            std::task::ready!(Pin::new(&mut io).poll_write(cx, rest))?
        } else if rest.is_empty() {
            std::task::ready!(Pin::new(&mut io).poll_write(cx, out))?
        } else {
            let slices = [io::IoSlice::new(out), io::IoSlice::new(rest)];
            std::task::ready!(Pin::new(&mut io).poll_write_vectored(cx, &slices))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        let of_out = written.min(out.len());
        out.advance(of_out);
        rest.advance(written - of_out);
        if rest.is_empty() {
            // Lets the buffer that it was cut from be read into again.
            *rest = bytes::Bytes::new();
        }
    }
    Poll::Ready(Ok(()))
}

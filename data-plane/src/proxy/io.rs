//! A client's socket. What comes in is shown to the second reader before hyper has it. What hyper
//! hands over in several short pieces, a head and a short body, goes out in one plain write, which
//! costs the system less than a gathering one.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::framing::Framing;

/// Up to this copying is cheaper than gathering.
const COPIED_BYTES_MAX: usize = 2048;

#[derive(Debug)]
pub(super) struct ClientSocket {
    stream: TcpStream,
    framing: Rc<RefCell<Framing>>,
}

impl ClientSocket {
    pub(super) fn new(stream: TcpStream, framing: Rc<RefCell<Framing>>) -> Self {
        Self { stream, framing }
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        self.framing.borrow_mut().follow(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(read)
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        if let [whole] = pieces {
            return stream.poll_write(cx, whole);
        }
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        if bytes > COPIED_BYTES_MAX {
            return stream.poll_write_vectored(cx, pieces);
        }
        let mut room = [0; COPIED_BYTES_MAX];
        let mut rest = room.as_mut_slice();
        for piece in pieces {
            let Some((start, end)) = rest.split_at_mut_checked(piece.len()) else { break };
            start.copy_from_slice(piece);
            rest = end;
        }
        stream.poll_write(cx, room.get(..bytes).unwrap_or_default())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

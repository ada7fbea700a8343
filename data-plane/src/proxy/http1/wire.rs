//! A client's connection of HTTP/1.1 or 1.0: heads and bodies come in, answers go out. It knows at
//! each moment where the request ends that is being read, and reads no further for its body. It
//! decides nothing.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::head::{self, Framing, RequestHead, Scan};
use super::outgoing::Outgoing;
use crate::proxy::answer::AnswerBody;
use crate::proxy::body::BodyBroken;
use crate::proxy::chunks::{Chunks, Step};
use crate::proxy::counted::ClientStream;
use crate::proxy::refusal::Refusal;
use crate::proxy::worker::Worker;

/// Room that is made for a read of a head, where there is less than is usual, and for each read of a body.
const HEAD_READ_BYTES: usize = 4 * 1024;
const HEAD_BYTES_USUAL: usize = 1024;
const BODY_READ_BYTES: usize = 64 * 1024;
/// What a client may send ahead while its request is being answered; the rest waits in the system.
const AHEAD_BYTES_MAX: usize = 64 * 1024;
/// Of a body that nobody wanted.
const DRAINED_BYTES_MAX: usize = 256 * 1024;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

pub(super) struct Wire {
    /// Whose rooms are used.
    worker: Rc<Worker>,
    stream: ClientStream,
    /// What has come in and was not taken yet.
    incoming: BytesMut,
    scan: Scan,
    reading: Reading,
    /// The client waits to be asked for the body; what is left of the asking.
    asking: Option<&'static [u8]>,
    pub(super) outgoing: Outgoing<AnswerBody>,
}

/// What of a request's body is still to come.
#[derive(Debug)]
enum Reading {
    Length(u64),
    Chunks(Chunks),
    Broken,
}

const NOTHING: Reading = Reading::Length(0);

/// What a client was heard to say.
#[derive(Debug)]
pub(super) enum Heard {
    Request(Box<RequestHead>),
    Refused(Refusal),
    /// It closed, or was cut off, before it said anything that needs an answer.
    Nothing,
}

impl Wire {
    /// `begun` has been read already.
    pub(super) fn new(worker: Rc<Worker>, stream: ClientStream, begun: BytesMut) -> Self {
        Self {
            worker,
            stream,
            incoming: begun,
            scan: Scan::default(),
            reading: NOTHING,
            asking: None,
            outgoing: Outgoing::default(),
        }
    }

    /// The next head.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        loop {
            if !self.incoming.is_empty() {
                match head::take(&mut self.incoming, &mut self.scan, &self.worker.rooms) {
                    Ok(Some(head)) => return Poll::Ready(Heard::Request(Box::new(head))),
                    Ok(None) => {}
                    Err(refusal) => return Poll::Ready(Heard::Refused(refusal)),
                }
            }
            match ready!(self.poll_head_bytes(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(Heard::Nothing),
                Ok(_) => {}
            }
        }
    }

    /// Whether a part of a head is there.
    pub(super) fn has_begun(&self) -> bool {
        self.scan.has_begun()
    }

    /// From here on the body of the request with this framing is read.
    pub(super) fn begin_body(&mut self, framing: Framing, expects_continue: bool) {
        self.reading = match framing {
            Framing::Length(bytes) => Reading::Length(bytes),
            Framing::Chunked => Reading::Chunks(Chunks::default()),
        };
        let is_asked_for = expects_continue && !self.body_has_ended();
        self.asking = is_asked_for.then_some(CONTINUE);
        self.release_room();
    }

    /// Whether all of the body was read.
    pub(super) fn body_has_ended(&self) -> bool {
        match &self.reading {
            Reading::Length(left) => *left == 0,
            Reading::Chunks(_) | Reading::Broken => false,
        }
    }

    /// How much of the body is still to come, where its head said so.
    pub(super) fn body_bytes_left(&self) -> Option<u64> {
        match self.reading {
            Reading::Length(left) => Some(left),
            Reading::Chunks(_) | Reading::Broken => None,
        }
    }

    /// The next piece of the body; none at its end.
    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyBroken>>> {
        loop {
            match &mut self.reading {
                Reading::Length(0) => return Poll::Ready(None),
                Reading::Length(left) if !self.incoming.is_empty() => {
                    let here = self.incoming.len();
                    let here = usize::try_from(*left).map_or(here, |left| left.min(here));
                    *left -= here as u64;
                    return Poll::Ready(Some(Ok(self.incoming.split_to(here).freeze())));
                }
                Reading::Length(_) => {}
                Reading::Chunks(chunks) => match chunks.step(&mut self.incoming) {
                    Ok(Step::Data(data)) => return Poll::Ready(Some(Ok(data))),
                    Ok(Step::End) => {
                        self.reading = NOTHING;
                        return Poll::Ready(None);
                    }
                    Ok(Step::NeedsMore) => {}
                    Err(_) => self.reading = Reading::Broken,
                },
                Reading::Broken => return Poll::Ready(Some(Err(BodyBroken))),
            }
            if matches!(self.reading, Reading::Broken) {
                continue;
            }
            let read = match ready!(self.poll_ask(cx)) {
                Ok(()) => ready!(self.poll_body_bytes(cx)),
                Err(error) => Err(error),
            };
            if !read.is_ok_and(|bytes| bytes > 0) {
                self.reading = Reading::Broken;
            }
        }
    }

    /// Asks the client for the body, where it waits for that and has sent nothing of it.
    fn poll_ask(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.incoming.is_empty() {
            self.asking = None;
        }
        while let Some(asking) = self.asking {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, asking))?;
            self.asking = asking.get(sent..).filter(|rest| !rest.is_empty());
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Ready when the client is gone. What it sends ahead is kept.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.body_has_ended() && self.incoming.len() < AHEAD_BYTES_MAX {
            match ready!(self.poll_head_bytes(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
        Poll::Pending
    }

    /// Throws away what is there of a body that nobody wants; says whether it ended. A client that
    /// was never asked for it may send it or not, so that what comes next is in doubt.
    pub(super) fn drain(&mut self, cx: &mut Context<'_>) -> bool {
        if self.asking.take().is_some() && self.incoming.is_empty() && !self.body_has_ended() {
            return false;
        }
        let mut room = DRAINED_BYTES_MAX;
        loop {
            match self.poll_body(cx) {
                Poll::Ready(None) => return true,
                Poll::Ready(Some(Ok(piece))) if piece.len() <= room => room -= piece.len(),
                Poll::Ready(Some(_)) | Poll::Pending => return false,
            }
        }
    }

    /// Sends the answer that lies in `outgoing`.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.poll_send(cx, &mut self.stream).map_err(|stopped| match stopped {
            super::outgoing::Stopped::Body(error) | super::outgoing::Stopped::Connection(error) => {
                error
            }
        })
    }

    /// Says that nothing more is sent.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.stream).poll_shutdown(cx).map(drop)
    }

    /// Says that nothing more is sent, and waits until the client has seen it: closing at once,
    /// while something of it is unread, would take the answer away from it.
    pub(super) fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if ready!(Pin::new(&mut self.stream).poll_shutdown(cx)).is_err() {
            return Poll::Ready(());
        }
        loop {
            self.incoming.clear();
            match ready!(self.poll_body_bytes(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
    }

    /// The socket, and what was read of it beyond the last request.
    pub(super) fn into_stream(self) -> (ClientStream, BytesMut) {
        (self.stream, self.incoming)
    }

    /// Reads more of a head, or of what is sent ahead. 0 is the end. As long as nothing comes, no room
    /// is held.
    fn poll_head_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.incoming.is_empty() {
            self.release_room();
            ready!(self.stream.poll_readable(cx))?;
            self.incoming = self.worker.rooms.reading();
        }
        if self.incoming.capacity() - self.incoming.len() < HEAD_BYTES_USUAL {
            self.incoming.reserve(HEAD_READ_BYTES);
        }
        let read = pin!(self.stream.read_buf(&mut self.incoming)).poll(cx);
        self.release_room();
        read
    }

    /// Reads more of a body. 0 is the end.
    fn poll_body_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.incoming.is_empty() {
            ready!(self.stream.poll_readable(cx))?;
        }
        self.incoming.reserve(BODY_READ_BYTES);
        let read = pin!(self.stream.read_buf(&mut self.incoming)).poll(cx);
        if read.is_pending() {
            self.release_room();
        }
        read
    }

    /// Gives back room that holds nothing.
    fn release_room(&mut self) {
        if self.incoming.is_empty() {
            self.worker.rooms.reading_back(std::mem::take(&mut self.incoming));
        }
    }
}

//! Who asks: the client of a connection of HTTP/1, or of one stream of HTTP/2. What its requests
//! share lives here, and ends with it.

use std::rc::Rc;
use std::time::Instant;

use super::alarm::Alarm;
use super::http2::OpenStream;
use super::peer::Peer;
use super::worker::Worker;

pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    pub(super) peer: Rc<Peer>,
    /// Rings when the client takes too long for a head, or the backend for an answer.
    pub(super) alarm: Alarm,
    /// The stream of HTTP/2 that is open as long as this is there.
    _stream: Option<OpenStream>,
}

impl Client {
    pub(super) fn new(worker: Rc<Worker>, peer: Rc<Peer>, now: Instant) -> Rc<Self> {
        let alarm = Alarm::new(now + worker.client_times().idle_max);
        Rc::new(Self { worker, peer, alarm, _stream: None })
    }

    /// The same client on a stream of its connection.
    pub(super) fn on_stream(&self, stream: OpenStream, now: Instant) -> Rc<Self> {
        let alarm = Alarm::new(now + self.worker.client_times().idle_max);
        let (worker, peer) = (Rc::clone(&self.worker), Rc::clone(&self.peer));
        Rc::new(Self { worker, peer, alarm, _stream: Some(stream) })
    }

    /// The next thing to wait for is a head.
    pub(super) fn expect_head(&self, now: Instant) {
        self.alarm.set(now + self.worker.client_times().idle_max);
    }

    /// The client is in the middle of something, and must not stop for long.
    pub(super) fn expect_more(&self, now: Instant) {
        self.alarm.set(now + self.worker.client_times().pause_max);
    }
}

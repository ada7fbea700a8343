//! One connection: sends the request, and reads just enough of an answer to know where it ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

const READ_AT_ONCE: usize = 16 << 10;

#[derive(Debug)]
pub(crate) enum Progress {
    Pending,
    /// The answer is complete; `good` where its status is 200.
    Answered {
        due: Instant,
        good: bool,
    },
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// When the request was due that is under way.
    due: Option<Instant>,
    sent: usize,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the proxy takes connections");
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, due: None, sent: 0, received: Vec::new() }
    }

    /// Begins a request; none may be under way.
    pub(crate) fn send(&mut self, due: Instant, request: &[u8]) {
        self.due = Some(due);
        self.sent = 0;
        self.received.clear();
        self.write(request);
    }

    /// After an event: writes and reads as far as that goes.
    pub(crate) fn go_on(&mut self, request: &[u8]) -> Progress {
        let Some(due) = self.due else {
            return Progress::Pending;
        };
        self.write(request);
        self.read();
        match answer(&self.received) {
            Some(good) => {
                self.due = None;
                Progress::Answered { due, good }
            }
            None => Progress::Pending,
        }
    }

    fn write(&mut self, request: &[u8]) {
        while self.sent < request.len() {
            match self.stream.write(&request[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("a connection broke while it was written: {error}"),
            }
        }
    }

    fn read(&mut self) {
        let mut bytes = [0; READ_AT_ONCE];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => panic!("the proxy closed a connection"),
                Ok(length) => {
                    self.received.extend_from_slice(&bytes[..length]);
                    // Less than there was room for is all there was.
                    if length < READ_AT_ONCE {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("a connection broke while it was read: {error}"),
            }
        }
    }
}

/// Whether it is a good one, once it is complete.
fn answer(received: &[u8]) -> Option<bool> {
    let head_length = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = str::from_utf8(&received[..head_length]).expect("a head of text");
    let body_length: usize = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.trim().parse().expect("a length"))
        .expect("an answer with a length");
    let good = head.split(' ').nth(1) == Some("200");
    (received.len() >= head_length + body_length).then_some(good)
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n\r\nok";
        for length in 0..whole.len() {
            assert_eq!(answer(&whole[..length]), None, "after {length} bytes");
        }
        assert_eq!(answer(whole), Some(true));
    }

    #[test]
    fn another_status_is_not_good() {
        assert_eq!(answer(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), Some(false));
    }
}

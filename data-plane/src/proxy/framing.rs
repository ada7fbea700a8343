//! A second reader of a client's bytes, beside hyper. It knows where heads and bodies end, and finds
//! what hyper mends or hides before anybody can ask: a length beside a transfer coding, and lines
//! that end in a bare LF. What two readers may read differently is refused, for one of them may
//! stand before or behind us. It changes no byte, and where it is lost it leaves all to hyper.

use memchr::memchr;

/// Of a line of which the end has not come; longer ones hyper refuses.
const LINE_BYTES_MAX: usize = 192 * 1024;
/// So much room is kept for the next one.
const LINE_BYTES_KEPT_MAX: usize = 1024;

/// Where in a client's stream of requests the reader stands.
#[derive(Debug)]
pub(super) struct Framing {
    at: At,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    heads_seen: u64,
    requests_taken: u64,
    /// The number of a head, and what is in doubt about it.
    doubt: Option<(u64, &'static str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In a head, or before one.
    Head(Head),
    Body {
        bytes_left: u64,
    },
    ChunkSize,
    Chunk {
        bytes_left: u64,
    },
    ChunkEnd,
    Trailers,
    /// Nothing that follows is looked at.
    Lost,
}

/// What a head has said so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Head {
    has_request_line: bool,
    has_bare_lf: bool,
    length: Length,
    is_coded: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Length {
    #[default]
    Unsaid,
    Bytes(u64),
    /// It is said, and no number.
    Malformed,
}

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            at: At::Head(Head::default()),
            line: Vec::new(),
            heads_seen: 0,
            requests_taken: 0,
            doubt: None,
        }
    }

    /// What is in doubt about the next request that hyper hands over.
    pub(super) fn next_request(&mut self) -> Option<&'static str> {
        self.requests_taken += 1;
        self.doubt.filter(|(head, _)| *head <= self.requests_taken).map(|(_, doubt)| doubt)
    }

    /// Takes note of what the client has sent.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match &mut self.at {
                At::Lost => return,
                At::Body { bytes_left } | At::Chunk { bytes_left } => {
                    let here = usize::try_from(*bytes_left).unwrap_or(usize::MAX).min(bytes.len());
                    *bytes_left -= here as u64;
                    let is_over = *bytes_left == 0;
                    let is_chunk = matches!(self.at, At::Chunk { .. });
                    if is_over {
                        self.at = if is_chunk { At::ChunkEnd } else { At::Head(Head::default()) };
                    }
                    bytes.get(here..).unwrap_or_default()
                }
                At::Head(_) | At::ChunkSize | At::ChunkEnd | At::Trailers => {
                    self.follow_line(bytes)
                }
            };
        }
    }

    /// Takes a line, or its beginning; returns what follows it.
    fn follow_line<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(end) = memchr(b'\n', bytes) else {
            self.line.extend_from_slice(bytes);
            if self.line.len() > LINE_BYTES_MAX {
                self.at = At::Lost;
            }
            return &[];
        };
        let (line, rest) = bytes.split_at(end);
        if self.line.is_empty() {
            self.take_line(line);
        } else {
            let mut whole = std::mem::take(&mut self.line);
            whole.extend_from_slice(line);
            self.take_line(&whole);
            // Its room is used again, unless an idle connection would hold too much of it.
            whole.clear();
            whole.shrink_to(LINE_BYTES_KEPT_MAX);
            self.line = whole;
        }
        rest.get(1..).unwrap_or_default()
    }

    fn take_line(&mut self, line: &[u8]) {
        let (line, is_bare) = match line.strip_suffix(b"\r") {
            Some(line) => (line, false),
            None => (line, true),
        };
        self.at = match self.at {
            At::Head(head) => self.after_head_line(head, line, is_bare),
            At::ChunkSize => match chunk_size(line) {
                Some(0) => At::Trailers,
                Some(bytes_left) => At::Chunk { bytes_left },
                None => At::Lost,
            },
            At::ChunkEnd if line.is_empty() => At::ChunkSize,
            At::Trailers if line.is_empty() => At::Head(Head::default()),
            At::Trailers => At::Trailers,
            At::ChunkEnd | At::Body { .. } | At::Chunk { .. } | At::Lost => At::Lost,
        };
    }

    fn after_head_line(&mut self, mut head: Head, line: &[u8], is_bare: bool) -> At {
        if !head.has_request_line {
            // Empty lines before a request are skipped, as hyper does.
            head.has_request_line = !line.is_empty();
            head.has_bare_lf = is_bare && head.has_request_line;
            return At::Head(head);
        }
        head.has_bare_lf |= is_bare;
        if !line.is_empty() {
            head.take_header(line);
            return At::Head(head);
        }
        self.heads_seen += 1;
        let doubt = if head.is_coded && head.length != Length::Unsaid {
            Some("Content-Length together with Transfer-Encoding")
        } else if head.has_bare_lf {
            Some("a line of the head ends in a bare LF")
        } else {
            None
        };
        if let Some(doubt) = doubt {
            self.doubt = Some((self.heads_seen, doubt));
            return At::Lost;
        }
        match head.length {
            _ if head.is_coded => At::ChunkSize,
            Length::Unsaid | Length::Bytes(0) => At::Head(Head::default()),
            Length::Bytes(bytes_left) => At::Body { bytes_left },
            Length::Malformed => At::Lost,
        }
    }
}

impl Head {
    fn take_header(&mut self, line: &[u8]) {
        if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
            return;
        }
        let Some(colon) = memchr(b':', line) else { return };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.is_coded = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.length = length(value.get(1..).unwrap_or_default().trim_ascii());
        }
    }
}

fn length(digits: &[u8]) -> Length {
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
    text.and_then(|text| text.parse().ok()).map_or(Length::Malformed, Length::Bytes)
}

/// The size that a line before a chunk begins with; hyper judges what follows it.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let digits = std::str::from_utf8(line.get(..digits)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Option<&str> = Some("a line of the head ends in a bare LF");
    const BOTH: Option<&str> = Some("Content-Length together with Transfer-Encoding");

    /// What is in doubt about each of so many requests, however the bytes are cut.
    fn doubts(sent: &str, requests: usize) -> Vec<Option<&'static str>> {
        let read = |piece_bytes: usize| {
            let mut framing = Framing::new();
            for piece in sent.as_bytes().chunks(piece_bytes) {
                framing.follow(piece);
            }
            (0..requests).map(|_| framing.next_request()).collect::<Vec<_>>()
        };
        let whole = read(sent.len());
        for piece_bytes in [1, 2, 3, 7] {
            assert_eq!(read(piece_bytes), whole, "{sent:?} in pieces of {piece_bytes}");
        }
        whole
    }

    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn requests_of_every_framing_are_followed_to_the_next() {
        let doubtful = "GET /d HTTP/1.1\nHost: a\r\n\r\n";
        for before in [
            GET,
            "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\na\nb\n\n",
            "POST / HTTP/1.1\r\ncontent-LENGTH:0 \r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\n\n\n\n\n\r\n0\r\nA: b\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert_eq!(doubts(&format!("{before}{GET}"), 2), [None, None], "{before:?}");
            let sent = format!("{before}{doubtful}");
            assert_eq!(doubts(&sent, 2), [None, BARE], "{before:?}: it knows where that ends");
        }
    }

    #[test]
    fn what_hyper_hides_is_found() {
        for (sent, doubt) in [
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", BOTH),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n", BOTH),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: +x\r\n\r\n", BOTH),
            ("GET / HTTP/1.1\nHost: a\n\n", BARE),
            ("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", BARE),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", BARE),
        ] {
            assert_eq!(doubts(sent, 1), [doubt], "{sent:?}");
            // Nothing after it is trusted.
            assert_eq!(doubts(&format!("{sent}{GET}"), 2), [doubt, doubt], "{sent:?}");
        }
    }

    #[test]
    fn where_it_is_lost_it_leaves_all_to_hyper() {
        for sent in [
            "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nGET / HTTP/1.1\n\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nGET / HTTP/1.1\n\n",
        ] {
            assert_eq!(doubts(sent, 2), [None, None], "{sent:?}");
        }
    }
}

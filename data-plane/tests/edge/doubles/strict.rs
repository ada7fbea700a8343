//! Reads a request with httparse and refuses whatever another reader could read differently.

use super::{Reading, Seen};

const HEADERS_MAX: usize = 128;
/// Headers that decide something; a second one is in doubt, with underscores or without. The
/// gateway sets each of them; a signature it sets only where the API is bound.
const SINGLE: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

pub(super) fn read(bytes: &[u8]) -> Reading {
    match request(bytes) {
        Ok(Some((seen, used))) => Reading::Request(seen, used),
        Ok(None) => Reading::NeedsMore,
        Err(doubt) => Reading::Doubtful(doubt),
    }
}

type Doubt = &'static str;

fn request(bytes: &[u8]) -> Result<Option<(Seen, usize)>, Doubt> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut fields);
    let head = match parsed.parse(bytes).map_err(|_| "not a head")? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(head) => head,
    };
    check_line_ends(&bytes[..head])?;
    let (Some(method), Some(target), Some(1)) = (parsed.method, parsed.path, parsed.version) else {
        return Err("not HTTP/1.1");
    };
    if !target.starts_with('/') || !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("the target is not a plain path");
    }
    let headers = parsed.headers.iter().map(|field| {
        let value = String::from_utf8_lossy(field.value).into_owned();
        (field.name.to_ascii_lowercase(), value)
    });
    let seen = Seen {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.collect(),
        body: Vec::new(),
    };
    if SINGLE.iter().any(|name| seen.values(name).len() > 1) {
        return Err("a header stands twice");
    }
    if seen.headers.iter().any(|(name, _)| name == "content_length" || name == "transfer_encoding")
    {
        return Err("framing with an underscore");
    }
    let rest = &bytes[head..];
    let body = match (seen.values("content-length").first(), seen.values("transfer-encoding")) {
        (Some(length), encoding) if encoding.is_empty() => with_length(length, rest)?,
        (None, encoding) if encoding.is_empty() => Some((Vec::new(), 0)),
        (None, encoding) if encoding == ["chunked"] => chunks(rest)?,
        (None, _) => return Err("an unknown coding"),
        (Some(_), _) => return Err("two framings"),
    };
    Ok(body.map(|(body, used)| (Seen { body, ..seen }, head + used)))
}

fn check_line_ends(head: &[u8]) -> Result<(), Doubt> {
    let text = String::from_utf8_lossy(head).replace("\r\n", "");
    if text.contains(['\r', '\n']) { Err("a bare CR or LF") } else { Ok(()) }
}

type Body = Option<(Vec<u8>, usize)>;

fn with_length(length: &str, rest: &[u8]) -> Result<Body, Doubt> {
    let is_plain = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
    let length: usize = length.parse().ok().filter(|_| is_plain).ok_or("not a length")?;
    Ok(rest.get(..length).map(|body| (body.to_vec(), length)))
}

fn chunks(all: &[u8]) -> Result<Body, Doubt> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let rest = &all[at..];
        let Some(end) = rest.iter().position(|b| *b == b'\n') else { return Ok(None) };
        let line = rest[..end].strip_suffix(b"\r").ok_or("a bare LF behind a size")?;
        let is_plain = !line.is_empty() && line.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(line).unwrap_or_default();
        let size = usize::from_str_radix(text, 16).ok().filter(|_| is_plain);
        let size = size.ok_or("not a size alone")?;
        let data = end + 1;
        let Some(chunk) = rest.get(data..data.saturating_add(size).saturating_add(2)) else {
            return Ok(None);
        };
        let chunk = chunk.strip_suffix(b"\r\n").ok_or("no line end behind a chunk")?;
        body.extend_from_slice(chunk);
        at += data + size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

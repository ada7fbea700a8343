//! Reads a request as lenient servers do, so that whatever is smuggled shows as a second one: a
//! bare LF ends a line, folded lines are joined, space before the colon is dropped, underscores
//! are dashes, the first Content-Length wins over the others and over Transfer-Encoding, what
//! contains `chunked` is chunked, and of a number it takes the digits that it finds.

use super::{Reading, Seen};

pub(super) fn read(bytes: &[u8]) -> Reading {
    let mut rest = bytes;
    let Some((seen, length)) = head(&mut rest) else { return Reading::NeedsMore };
    let body = match length {
        Length::Bytes(length) => take(&mut rest, length).map(<[u8]>::to_vec),
        Length::Chunked => chunks(&mut rest),
    };
    match body {
        Some(body) => Reading::Request(Seen { body, ..seen }, bytes.len() - rest.len()),
        None => Reading::NeedsMore,
    }
}

enum Length {
    Bytes(usize),
    Chunked,
}

fn head(rest: &mut &[u8]) -> Option<(Seen, Length)> {
    let mut first = line(rest)?;
    while first.is_empty() {
        first = line(rest)?;
    }
    let first = String::from_utf8_lossy(first).into_owned();
    let mut words = first.split_ascii_whitespace();
    let mut seen = Seen {
        method: words.next().unwrap_or_default().to_owned(),
        target: words.next().unwrap_or_default().to_owned(),
        ..Seen::default()
    };
    // HTTP/0.9 has no headers.
    if words.next().is_none() {
        return Some((seen, Length::Bytes(0)));
    }
    loop {
        let field = String::from_utf8_lossy(line(rest)?).into_owned();
        if field.is_empty() {
            break;
        }
        match (field.starts_with([' ', '\t']), seen.headers.last_mut(), field.split_once(':')) {
            (true, Some((_, value)), _) => *value = format!("{value} {}", field.trim()),
            (_, _, Some((name, value))) => {
                let name = name.trim().to_ascii_lowercase();
                seen.headers.push((name, value.trim().to_owned()));
            }
            _ => {}
        }
    }
    let length = match seen.values("content-length").first() {
        Some(length) => Length::Bytes(digits(length.as_bytes(), 10)),
        None if seen.values("transfer-encoding").iter().any(|v| v.contains("chunked")) => {
            Length::Chunked
        }
        None => Length::Bytes(0),
    };
    Some((seen, length))
}

fn chunks(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(rest)?;
        let size = digits(size.strip_prefix(b"0x").unwrap_or(size), 16);
        if size == 0 {
            while !line(rest)?.is_empty() {}
            return Some(body);
        }
        body.extend_from_slice(take(rest, size)?);
        line(rest)?;
    }
}

/// The first number in a text, whatever stands around it; 0 where there is none.
fn digits(text: &[u8], radix: u32) -> usize {
    let is_digit = |b: &u8| char::from(*b).is_digit(radix);
    let from = text.iter().skip_while(|b| !is_digit(b));
    let digits: String = from.take_while(|b| is_digit(b)).map(|b| char::from(*b)).collect();
    usize::from_str_radix(&digits, radix).unwrap_or(0)
}

/// A line without its end, CR LF or LF alone.
fn line<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let end = rest.iter().position(|b| *b == b'\n')?;
    let line = take(rest, end + 1)?;
    let line = &line[..end];
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

fn take<'b>(rest: &mut &'b [u8], bytes: usize) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(bytes)?;
    *rest = left;
    Some(taken)
}

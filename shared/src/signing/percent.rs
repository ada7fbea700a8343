//! Percent escapes: reading a byte as it was meant, and writing it as the signature wants it.
//! It never decides which part of a target is what; `canonical` and `target` do.

/// How a piece of a target is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// A path: `/` stands for itself.
    Path,
    /// A name or value of a query, where `+` is a plus.
    Query,
    /// A name or value of a form, where `+` is a space.
    Form,
}

/// Appends `text`, decoded and encoded again with the unreserved set and upper-case hex,
/// in one pass. A `%` that begins no escape is read as a percent sign, as the public signers do.
pub(super) fn recode(text: &[u8], reading: Reading, out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let (plain, tail) = split_plain(rest, reading);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = decode_first(tail, reading) else { return };
        push_encoded(byte, reading, out);
        rest = tail;
    }
}

/// Whether `recode` would leave `text` as it is.
pub(super) fn is_normal(text: &[u8], reading: Reading) -> bool {
    let mut rest = text;
    loop {
        match split_plain(rest, reading).1 {
            [] => return true,
            [b'%', high, low, tail @ ..] if is_upper_hex(*high) && is_upper_hex(*low) => {
                match hex_pair(*high, *low) {
                    Some(byte) if !is_plain(byte, reading) => rest = tail,
                    _ => return false,
                }
            }
            _ => return false,
        }
    }
}

/// The bytes that `text` means.
pub(super) fn decoded(text: &[u8], reading: Reading) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (byte, tail) = decode_first(rest, reading)?;
        rest = tail;
        Some(byte)
    })
}

/// The byte that two hex digits spell.
pub(super) fn hex_pair(high: u8, low: u8) -> Option<u8> {
    Some(hex_digit(high)? << 4 | hex_digit(low)?)
}

#[inline]
fn decode_first(text: &[u8], reading: Reading) -> Option<(u8, &[u8])> {
    if let [b'%', high, low, tail @ ..] = text
        && let Some(byte) = hex_pair(*high, *low)
    {
        return Some((byte, tail));
    }
    match text {
        [b'+', tail @ ..] if reading == Reading::Form => Some((b' ', tail)),
        [byte, tail @ ..] => Some((*byte, tail)),
        [] => None,
    }
}

#[inline]
fn push_encoded(byte: u8, reading: Reading, out: &mut Vec<u8>) {
    if is_plain(byte, reading) {
        out.push(byte);
    } else {
        out.extend_from_slice(&[b'%', upper_hex(byte >> 4), upper_hex(byte & 0xf)]);
    }
}

/// Cuts off the longest beginning that needs no escaping and carries none.
#[inline]
fn split_plain(text: &[u8], reading: Reading) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| !is_plain(byte, reading)).unwrap_or(text.len());
    text.split_at(end)
}

#[inline]
fn is_plain(byte: u8, reading: Reading) -> bool {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => true,
        b'/' => reading == Reading::Path,
        _ => false,
    }
}

fn is_upper_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'F')
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn upper_hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

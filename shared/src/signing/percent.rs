//! Percent escapes: reading a byte as it was meant, and writing it as the signature wants it.
//! It never decides which part of a target is what; `canonical` and `target` do.

use super::byte_set::ByteSet;

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

impl Reading {
    /// The bytes that stand for themselves.
    #[inline]
    fn plain(self) -> &'static ByteSet {
        static UNRESERVED: ByteSet =
            ByteSet::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~");
        static UNRESERVED_OR_SLASH: ByteSet =
            ByteSet::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/");
        match self {
            Self::Path => &UNRESERVED_OR_SLASH,
            Self::Query | Self::Form => &UNRESERVED,
        }
    }
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

/// Cuts off the longest beginning that needs no escaping and carries none.
#[inline]
pub(super) fn split_plain(text: &[u8], reading: Reading) -> (&[u8], &[u8]) {
    let plain = reading.plain();
    let end = text.iter().position(|byte| !plain.contains(*byte)).unwrap_or(text.len());
    text.split_at(end)
}

/// Cuts off the longest beginning that `recode` would leave as it is.
#[inline]
pub(super) fn split_normal(text: &[u8], reading: Reading) -> (&[u8], &[u8]) {
    let mut rest = text;
    loop {
        rest = split_plain(rest, reading).1;
        match rest {
            [b'%', high, low, tail @ ..] if is_normal_escape(*high, *low, reading) => rest = tail,
            _ => return text.split_at(text.len() - rest.len()),
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
    if reading.plain().contains(byte) {
        out.push(byte);
    } else {
        out.extend_from_slice(&[b'%', upper_hex(byte >> 4), upper_hex(byte & 0xf)]);
    }
}

fn is_normal_escape(high: u8, low: u8, reading: Reading) -> bool {
    let is_upper_hex = |digit: u8| !digit.is_ascii_lowercase();
    let needs_escape = |byte| !reading.plain().contains(byte);
    is_upper_hex(high) && is_upper_hex(low) && hex_pair(high, low).is_some_and(needs_escape)
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

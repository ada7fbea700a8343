//! Mistakes with the body: it was not there when it was hashed, or it was written again.

use super::mistake::{
    BODY_CHARSET, BODY_FORM_REWRITTEN, BODY_HASH_UPPER_CASE, BODY_JSON_REWRITTEN, BODY_LINE_END,
    BODY_LINE_ENDS_CONVERTED, BODY_MARK, BODY_MISSING, BODY_UNSIGNED, Mistake,
};
use super::path::replaced;
use super::recipe::{Part, Recipe, body_hash};
use super::{Change, Questioned};
use crate::signing::UNSIGNED_PAYLOAD;

const MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) fn changes(right: &Recipe, request: &Questioned<'_>, changes: &mut Vec<Change>) {
    let mut payload =
        |mistake: Mistake, payload: Vec<u8>| changes.push((mistake, Part::Payload(payload)));
    payload(BODY_UNSIGNED, UNSIGNED_PAYLOAD.as_bytes().to_vec());
    payload(BODY_HASH_UPPER_CASE, right.payload.to_ascii_uppercase());
    payload(BODY_MISSING, body_hash(b""));

    let body = request.body;
    let mut rewritten = |mistake, body: &[u8]| payload(mistake, body_hash(body));
    for end in [&b"\n"[..], b"\r\n"] {
        rewritten(BODY_LINE_END, &[body, end].concat());
        if let Some(without) = body.strip_suffix(end) {
            rewritten(BODY_LINE_END, without);
        }
    }
    let line_feeds = replaced(body, b"\r\n", b"\n");
    rewritten(BODY_LINE_ENDS_CONVERTED, &replaced(&line_feeds, b"\n", b"\r\n"));
    rewritten(BODY_LINE_ENDS_CONVERTED, &line_feeds);
    rewritten(BODY_FORM_REWRITTEN, &replaced(body, b"+", b"%20"));
    rewritten(BODY_FORM_REWRITTEN, &replaced(body, b"%20", b"+"));
    rewritten(BODY_MARK, body.strip_prefix(MARK).unwrap_or(body));
    rewritten(BODY_MARK, &[MARK, body].concat());
    let taken_for_latin_1: String = body.iter().copied().map(char::from).collect();
    rewritten(BODY_CHARSET, taken_for_latin_1.as_bytes());
    if let Ok(text) = std::str::from_utf8(body) {
        let latin_1: Option<Vec<u8>> =
            text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        if let Some(latin_1) = latin_1 {
            rewritten(BODY_CHARSET, &latin_1);
        }
    }
    if matches!(body.trim_ascii().first(), Some(b'{' | b'[')) {
        for (comma, colon) in [(",", ":"), (", ", ": "), (",", ": ")] {
            rewritten(BODY_JSON_REWRITTEN, &respaced(body, comma, colon));
        }
        for indent in ["  ", "    ", "\t"] {
            rewritten(BODY_JSON_REWRITTEN, &indented(body, indent));
        }
    }
}

/// JSON on one line, with these separators.
fn respaced(json: &[u8], comma: &str, colon: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    tokens(json, |token| match token {
        b"," => out.extend_from_slice(comma.as_bytes()),
        b":" => out.extend_from_slice(colon.as_bytes()),
        token => out.extend_from_slice(token),
    });
    out
}

/// JSON as `JSON.stringify(value, null, 2)` and its like write it.
fn indented(json: &[u8], indent: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut is_fresh = false;
    tokens(json, |token| {
        let is_end = matches!(token, b"}" | b"]");
        if is_end {
            depth = usize::saturating_sub(depth, 1);
        }
        // An empty object or array stays on its line.
        if is_fresh != is_end {
            out.push(b'\n');
            out.extend_from_slice(indent.repeat(depth).as_bytes());
        }
        is_fresh = false;
        out.extend_from_slice(token);
        match token {
            b"{" | b"[" => {
                depth += 1;
                is_fresh = true;
            }
            b"," => {
                out.push(b'\n');
                out.extend_from_slice(indent.repeat(depth).as_bytes());
            }
            b":" => out.push(b' '),
            _ => {}
        }
    });
    out
}

/// The tokens of a JSON text without the white space between them: signs, strings and the rest.
fn tokens<'j>(json: &'j [u8], mut take: impl FnMut(&'j [u8])) {
    let mut rest = json.trim_ascii_start();
    while let Some(first) = rest.first() {
        let length = match first {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_length(rest),
            _ => rest
                .iter()
                .position(|byte| byte.is_ascii_whitespace() || b"{}[],:\"".contains(byte))
                .unwrap_or(rest.len()),
        };
        let (token, tail) = rest.split_at(length);
        take(token);
        rest = tail.trim_ascii_start();
    }
}

fn string_length(text: &[u8]) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_again_as_serialisers_do() {
        let json = br#" { "a" : [1,2, {}],"b,:":"x \" y" , "c":[ ] } "#;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(text(respaced(json, ",", ":")), r#"{"a":[1,2,{}],"b,:":"x \" y","c":[]}"#);
        assert_eq!(
            text(indented(json, "  ")),
            "{\n  \"a\": [\n    1,\n    2,\n    {}\n  ],\n  \"b,:\": \"x \\\" y\",\n  \"c\": []\n}"
        );
    }
}
